// The options of replication. Filled from the configuration, read from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace larder {

class ReplicationSettings {
 public:
  std::atomic<int64_t> backlog_bytes{1024 * 1024};    // repl-backlog-size
  std::atomic<int64_t> backlog_seconds{3600};         // repl-backlog-ttl, 0: for ever
  std::atomic<int64_t> ping_seconds{10};              // repl-ping-replica-period
  std::atomic<int64_t> timeout_seconds{60};           // repl-timeout
  std::atomic<int64_t> sync_delay_seconds{5};         // repl-diskless-sync-delay
  std::atomic<int64_t> sync_replicas_max{0};          // repl-diskless-sync-max-replicas
  std::atomic<bool> loads_as_it_comes{false};         // repl-diskless-load on-empty-db
  std::atomic<bool> loads_beside{false};              // repl-diskless-load swapdb
  std::atomic<bool> read_only{true};                  // replica-read-only
  std::atomic<bool> serve_stale{true};                // replica-serve-stale-data
  std::atomic<bool> ignore_memory{true};              // replica-ignore-maxmemory
  std::atomic<bool> ignore_disk{false};               // replica-ignore-disk-write-errors
  std::atomic<bool> announced{true};                  // replica-announced
  std::atomic<int64_t> priority{100};                 // replica-priority
  std::atomic<int64_t> announce_port{0};              // replica-announce-port, 0: the real one
  std::atomic<int64_t> port{0};                       // that the primary is told
  std::atomic<bool> secure{false};                    // tls-replication
  std::atomic<int64_t> replicas_min{0};               // min-replicas-to-write
  std::atomic<int64_t> lag_seconds_max{10};           // min-replicas-max-lag
  enum class Acks : uint8_t { none, one, quorum, all };
  std::atomic<Acks> acks{Acks::none};                 // replication-ack
  std::atomic<int64_t> ack_timeout_ms{1000};          // replication-ack-timeout
  std::atomic<int64_t> takeover_ms{10'000};           // replication-takeover-timeout, 0: none
  std::atomic<int64_t> group_size{0};                 // replication-group-size, 0: as seen

  struct Texts {
    std::string auth;         // masterauth
    std::string user;         // masteruser
    std::string announce_ip;  // replica-announce-ip, empty: the real one
    std::string source;       // bind-source-addr, empty: none in particular
    std::string folder;       // where a full sync is kept until it is whole
  };
  Texts texts() const {
    std::lock_guard lock(mutex_);
    return texts_;
  }
  template <typename Change>
  void change(Change change) {
    std::lock_guard lock(mutex_);
    change(texts_);
  }
  // Called by whoever has changed something.
  void tell() {
    std::lock_guard lock(told_mutex_);
    if (told_) told_();
  }
  // Who is told; empty: nobody any more.
  void on_change(std::function<void()> told) {
    std::lock_guard lock(told_mutex_);
    told_ = std::move(told);
  }

 private:
  mutable std::mutex mutex_;
  Texts texts_;
  std::mutex told_mutex_;
  std::function<void()> told_;
};

}  // namespace larder
