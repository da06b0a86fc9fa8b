#include "tests/bench/growth.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>

#include "base/clock.h"
#include "server/admin/all_commands.h"
#include "tests/support/lone_server.h"

namespace larder {
namespace {

int64_t own_ns() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

// Of one kind of time.
struct Longest {
  static constexpr std::array<int64_t, 4> kBoundsNs{100'000, 1'000'000, 5'000'000, INT64_MAX};

  int64_t ns = 0;
  std::array<uint64_t, kBoundsNs.size()> counts{};

  void note(int64_t took_ns) {
    ns = std::max(ns, took_ns);
    const auto at = std::lower_bound(kBoundsNs.begin(), kBoundsNs.end(), took_ns);
    ++counts[static_cast<size_t>(at - kBoundsNs.begin())];
  }
  void print(const char* what) const {
    std::printf("%-10s longest %8.3f ms; up to 0.1 ms %lu, 1 ms %lu, 5 ms %lu, more %lu\n", what,
                static_cast<double>(ns) / 1e6, counts[0], counts[1], counts[2], counts[3]);
  }
};

}  // namespace

int64_t grow(unsigned keys) {
  LoneServer server(add_all_commands, {.databases = 1});
  const std::string value(64, 'v');
  Longest own, clock;
  for (unsigned i = 0; i < keys; ++i) {
    char key[16];
    std::snprintf(key, sizeof key, "key:%07u", i);
    const Bytes words[] = {"SET", key, value};
    const int64_t clock_start = steady_ns(), own_start = own_ns();
    server.ask(words);
    own.note(own_ns() - own_start);
    clock.note(steady_ns() - clock_start);
  }
  std::printf("%u keys of 11 bytes, values of 64\n", keys);
  own.print("processor");
  clock.print("clock");
  return own.ns;
}

}  // namespace larder
