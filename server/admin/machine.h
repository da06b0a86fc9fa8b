// What this machine, container or session lets the process use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace larder {

// Cores by affinity and by the cgroup's processor quota, rounded up; at least 1.
unsigned usable_cores();
// The memory limit of the cgroup (v2 or v1), bytes; nothing when there is none.
std::optional<int64_t> memory_limit_bytes();
// The same, or the machine's memory without one.
int64_t usable_memory_bytes();
// What the interpreter of scripts may take of it: a script that eats memory gets an error when the
// server still has enough for all others.
int64_t script_memory_max();

// Whether the administrator lets processes use transparent huge pages.
bool offers_huge_pages();

// Descriptors for everything that is no client: listeners, logs, epoll, wake-ups.
inline constexpr int64_t kReservedDescriptors = 32;

struct DescriptorPlan {
  int64_t clients_max = 0;  // what can be had
  std::string warning;      // not empty: it is less than asked for
  std::string error;        // not empty: not even one client could be served
};
// Raises the limit of open files so that `clients_max` clients fit, as far as that is allowed.
DescriptorPlan reserve_descriptors(int64_t clients_max, unsigned threads);

// Large values and buffers come from malloc. With an arena per worker, what one of them frees is
// not what another takes, and with values of 20 KB at the memory limit the process was a third
// larger than the limit; with one arena it is 6% larger. Call before the first thread starts.
void use_one_malloc_arena();

}  // namespace larder
