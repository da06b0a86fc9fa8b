#include "server/admin/machine.h"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/numbers.h"

namespace larder {
namespace {

constexpr char kRoot[] = "/sys/fs/cgroup";

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return {};
  return line;
}

// The process's own group below the mount, of a v1 controller or of v2 (empty name).
std::string group_path(const std::string& controller) {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool match = controller.empty()
                           ? names == ",,"
                           : names.find("," + controller + ",") != std::string::npos;
    if (match) return line.substr(second + 1);
  }
  return "";
}

// Reads a file of the own group, or of the mount's top, where containers see their own group.
std::optional<std::string> group_line(const std::string& controller, const std::string& file) {
  const std::string mount = controller.empty() ? kRoot : kRoot + ("/" + controller);
  if (auto own = first_line(mount + group_path(controller) + "/" + file)) return own;
  return first_line(mount + "/" + file);
}

std::optional<double> quota_cores() {
  if (const auto line = group_line("", "cpu.max")) {
    const size_t space = line->find(' ');
    if (space == std::string::npos) return {};
    const auto quota = parse_int64(Bytes(*line).substr(0, space));
    const auto period = parse_int64(Bytes(*line).substr(space + 1));
    if (!quota || !period || *period <= 0) return {};
    return static_cast<double>(*quota) / static_cast<double>(*period);
  }
  const auto quota = parse_int64(group_line("cpu", "cpu.cfs_quota_us").value_or(""));
  const auto period = parse_int64(group_line("cpu", "cpu.cfs_period_us").value_or(""));
  if (!quota || !period || *quota <= 0 || *period <= 0) return {};
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace

unsigned usable_cores() {
  unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    cores = std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
  }
  if (const auto quota = quota_cores()) {
    cores = std::min(cores, static_cast<unsigned>(std::max(1.0, *quota + 0.999)));
  }
  return cores;
}

std::optional<int64_t> memory_limit_bytes() {
  // v1 writes "no limit" as a number near 2^63.
  constexpr int64_t kUnlimited = int64_t{1} << 60;
  auto line = group_line("", "memory.max");
  if (!line) line = group_line("memory", "memory.limit_in_bytes");
  const auto bytes = parse_int64(line.value_or(""));
  if (!bytes || *bytes <= 0 || *bytes >= kUnlimited) return {};
  return bytes;
}

bool offers_huge_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string choices;  // "always [madvise] never"
  return std::getline(file, choices) && choices.find("[never]") == choices.npos;
}

int64_t usable_memory_bytes() {
  const int64_t machine = int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  return std::min(memory_limit_bytes().value_or(machine), machine);
}

int64_t script_memory_max() {
  constexpr int64_t kLeast = 64 * 1024 * 1024;
  return std::max(usable_memory_bytes() / 4, kLeast);
}

DescriptorPlan reserve_descriptors(int64_t clients_max, unsigned threads) {
  // Each worker has an epoll, a timer and a wake-up descriptor.
  const int64_t reserved = kReservedDescriptors + int64_t{4} * threads;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {clients_max, "", ""};
  const auto wanted = static_cast<rlim_t>(clients_max + reserved);
  if (limit.rlim_cur >= wanted) return {clients_max, "", ""};
  rlimit raised{wanted, std::max(limit.rlim_max, wanted)};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return {clients_max, "", ""};
  raised = {limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = limit.rlim_max;
  const int64_t possible =
      std::min(clients_max, static_cast<int64_t>(limit.rlim_cur) - reserved);
  const std::string has = "the limit of open files is " + std::to_string(limit.rlim_cur);
  if (possible < 1) {
    return {0, "", "Too few file descriptors: " + has + ", at least " +
                       std::to_string(reserved + 1) + " are needed. Raise it with ulimit -n."};
  }
  if (possible == clients_max) return {clients_max, "", ""};
  return {possible,
          "maxclients is lowered from " + std::to_string(clients_max) + " to " +
              std::to_string(possible) + ": " + has,
          ""};
}

void use_one_malloc_arena() { ::mallopt(M_ARENA_MAX, 1); }

}  // namespace larder
