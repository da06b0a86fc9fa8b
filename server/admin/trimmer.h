// Keeps the process close to what it counts: what malloc has free in the midst of its heap, after
// values of many sizes came and went, goes back to the system.
//
// The C library does that by itself at the heap's end only. It is looked at twice a second, and
// done when the process holds a good deal more than is counted; when that gained little (the waste
// lies elsewhere) the next attempt comes later.
#pragma once

#include <cstdint>

#include "base/periodic_thread.h"
#include "storage/memory_account.h"

namespace larder {

class TrimmerThread {
 public:
  // `account` outlives this.
  explicit TrimmerThread(const MemoryAccount& account);

 private:
  // True when it was worth it, or there is nothing to gain.
  bool trim();

  const MemoryAccount& account_;
  const int64_t own_bytes_;  // the program itself, its threads and empty tables
  PeriodicThread::Pause pause_;
  PeriodicThread thread_;
};

}  // namespace larder
