// Assertions about our own mistakes. Nothing a peer can send may reach one.
//   CHECK   stays in every build: the state is broken, going on would lose or leak data
//   DCHECK  only with LARDER_DCHECK (presets dev, asan, tsan): too costly for production
#pragma once

#include <cstdio>
#include <cstdlib>

namespace larder {

[[noreturn]] inline void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace larder

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::larder::check_failed(#condition, __FILE__, __LINE__))

#ifdef LARDER_DCHECK
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#endif
