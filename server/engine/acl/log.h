// ACL LOG: what was denied, to whom and when, newest first. Similar denials share an entry. And
// INFO's counts of them. Denials are rare, so a mutex guards it.
// Source: https://redis.io/docs/latest/commands/acl-log/
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "server/engine/acl/check.h"

namespace larder {

enum class AclContext : uint8_t { toplevel, multi, lua };

struct AclDenial {
  AclReason reason = AclReason::none;
  AclContext context = AclContext::toplevel;
  std::string object;  // the command, key or channel
  std::string user;
  std::string client_info;  // as CLIENT LIST tells it
};

class AclLog {
 public:
  // A denial joins an entry like it that is not older, among the newest ones.
  static constexpr int64_t kSimilarMs = 60'000;
  static constexpr size_t kSimilarDepth = 10;

  struct Entry {
    AclDenial denial;
    uint64_t id = 0;
    uint64_t count = 1;
    int64_t created_ms = 0;  // Unix time
    int64_t updated_ms = 0;
  };

  void add(AclDenial denial, int64_t now_ms, size_t entries_max);
  std::vector<Entry> newest(size_t count) const;
  void reset();

  uint64_t denied(AclReason reason) const {
    return denied_[static_cast<size_t>(reason)].load(std::memory_order_relaxed);
  }
  void reset_counts() {
    for (auto& count : denied_) count.store(0);
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // newest first
  uint64_t next_id_ = 0;
  std::array<std::atomic<uint64_t>, 5> denied_{};  // by AclReason
};

}  // namespace larder
