#pragma once

#include <string>

namespace larder {

// What `top -H`, `ps -L` and `perf` call the calling thread. The system keeps 15 bytes of it.
void name_this_thread(const std::string& name);

}  // namespace larder
