// The same work for many items, on several threads.
#pragma once

#include <cstddef>
#include <functional>

namespace larder {

// Calls `work(i)` once for each i below `count`, on the caller's thread and `threads` - 1 more, the
// next item going to whoever is free. Returns when all are done.
void in_parallel(size_t count, unsigned threads, const std::function<void(size_t)>& work);

}  // namespace larder
