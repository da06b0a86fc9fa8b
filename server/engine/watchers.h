// Who wants to be told that something has changed, from whatever thread it does.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace larder {

class Watchers {
 public:
  // `changed` is called, on any thread, until the returned handle goes; perhaps once more then.
  std::shared_ptr<void> add(std::function<void()> changed) {
    auto watcher = std::make_shared<std::function<void()>>(std::move(changed));
    std::lock_guard lock(mutex_);
    all_.push_back(watcher);
    return watcher;
  }
  // Without locks that a watcher may want.
  void tell() {
    std::vector<std::shared_ptr<std::function<void()>>> present;
    {
      std::lock_guard lock(mutex_);
      if (all_.empty()) return;
      for (const auto& weak : all_) {
        if (auto watcher = weak.lock()) present.push_back(std::move(watcher));
      }
      all_.assign(present.begin(), present.end());
    }
    for (const auto& watcher : present) (*watcher)();
  }

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<std::function<void()>>> all_;
};

}  // namespace larder
