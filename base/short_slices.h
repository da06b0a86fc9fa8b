#pragma once

#include <cstdint>

namespace larder {

// Of a core that others want all of: as much as they get, or 1.5%.
enum class Share : uint8_t { fair, least };

// For threads that work beside workers: the calling one leaves its core within 0.1 ms to a worker
// that wakes, where the kernel's slice is 3 ms.
// Source: sched_setattr(2), https://docs.kernel.org/scheduler/sched-eevdf.html
void run_in_short_slices(Share share);

}  // namespace larder
