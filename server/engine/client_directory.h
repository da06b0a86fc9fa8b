// Where each client lives: its id to its worker. Asked when a client names another one by its id.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace larder {

class ClientDirectory {
 public:
  void add(uint64_t id, size_t worker) {
    std::lock_guard lock(mutex_);
    workers_.emplace(id, static_cast<uint32_t>(worker));
  }
  void remove(uint64_t id) {
    std::lock_guard lock(mutex_);
    workers_.erase(id);
  }
  // Nothing when there is no such client.
  std::optional<size_t> worker_of(uint64_t id) const {
    std::lock_guard lock(mutex_);
    const auto found = workers_.find(id);
    if (found == workers_.end()) return {};
    return found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, uint32_t> workers_;
};

}  // namespace larder
