#include "base/short_slices.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace larder {
namespace {

constexpr int kLeastUrgent = 19;
// The shortest that the kernel takes. With EEVDF a thread finishes its slice before one that has
// woken gets its turn. Kernels before 6.12 have one slice for all and ignore this one.
constexpr uint64_t kSliceNs = 100'000;

// As in linux/sched/types.h, which does not go together with glibc's sched.h.
struct SchedAttributes {
  uint32_t size = sizeof(SchedAttributes);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t niceness = 0;
  uint32_t priority = 0;    // of real-time policies, as what follows; here the slice:
  uint64_t runtime_ns = 0;
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

}  // namespace

void run_in_short_slices(Share share) {
  SchedAttributes attributes;
  attributes.niceness = share == Share::least ? kLeastUrgent : ::getpriority(PRIO_PROCESS, 0);
  attributes.runtime_ns = kSliceNs;
  if (::syscall(SYS_sched_setattr, 0, &attributes, 0U) == 0) return;
  ::setpriority(PRIO_PROCESS, 0, attributes.niceness);  // a sandbox may allow that at least
}

}  // namespace larder
