// Counters. Each worker has its own and is the only one that writes them; anybody may read. So
// they are relaxed atomics without read-modify-write, and cost what plain integers cost.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace larder {

class Counter {
 public:
  void add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  // To the largest that was given.
  void raise(uint64_t value) {
    if (value > get()) set(value);
  }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct CommandStats {
  // See latency_buckets.h.
  static constexpr size_t kBuckets = 32;

  Counter calls;
  Counter ticks;  // see base/clock.h
  Counter rejected;
  Counter failed;
  std::array<Counter, kBuckets> latency;

  void reset() {
    for (Counter* counter : {&calls, &ticks, &rejected, &failed}) counter->set(0);
    for (Counter& bucket : latency) bucket.set(0);
  }

  static size_t bucket_of(uint64_t us) {
    const auto bucket = static_cast<size_t>(us <= 1 ? 0 : std::bit_width(us - 1));
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
};

struct alignas(128) WorkerStats {
  explicit WorkerStats(size_t commands_) : commands(new CommandStats[commands_]) {}

  std::unique_ptr<CommandStats[]> commands;  // by Command::id
  Counter commands_run;
  Counter hits;
  Counter misses;
  Counter changes;  // Redis's "dirty"
  Counter connections_received;
  Counter connections_rejected;
  Counter bytes_in;
  Counter bytes_out;
  Counter stream_bytes_in;  // of those: from the primary
  Counter stream_bytes_out;  // of those: to replicas
  Counter reads;
  Counter writes;
  Counter rounds;   // of the event loop, as far as they ran something
  Counter busy_us;  // processor time of the worker's thread, as of its last tick
  Counter cron_ticks;           // see base/clock.h: the clock's work
  Counter expiry_ticks;         // of that: removing keys whose time has come
  Counter expiry_stops;         // how often that ended with work left
  Counter longest_round_ticks;  // the same
  Counter largest_round;        // commands that one round ran
  Counter tls_handshakes;
  Counter tls_failures;  // handshakes that came to nothing
  Counter errors;
  Counter query_buffer_kills;
  Counter output_buffer_kills;
  Counter client_bytes;  // query and output buffers of the worker's connections, replicas apart
  Counter replica_bytes;
  Counter largest_client;  // bytes of the one of them that holds most
  Counter largest_input;   // bytes of the longest query buffer, some time in the last 100 ms
  Counter largest_output;  // bytes of the longest output, the same
  Counter evicted_clients;
  Counter clients;
  Counter blocked;  // clients that wait for a task
  Counter blocked_for_a_time;  // of those, by their own word
  // Of the worker that samples: how long there was more data than maxmemory, by its clock.
  Counter over_limit_ms;
  Counter over_limit_now_ms;  // the present time of that, so far

  // CONFIG RESETSTAT; on the worker's own thread. What is a level and no sum stays.
  void reset(size_t command_count) {
    for (size_t i = 0; i < command_count; ++i) commands[i].reset();
    for (Counter* counter :
         {&commands_run, &hits, &misses, &connections_received, &connections_rejected, &bytes_in,
          &bytes_out, &stream_bytes_in, &stream_bytes_out, &reads, &writes, &tls_handshakes,
          &tls_failures, &errors, &query_buffer_kills, &output_buffer_kills, &evicted_clients,
          &cron_ticks, &expiry_ticks, &expiry_stops, &longest_round_ticks, &largest_round,
          &over_limit_ms, &over_limit_now_ms}) {
      counter->set(0);
    }
  }
};

}  // namespace larder
