// The base of an append-only file as requests instead of an RDB file (aof-use-rdb-preamble no).
#pragma once

#include <functional>
#include <string>

#include "storage/rdb/io.h"

namespace larder {

struct RequestBaseOptions {
  bool timestamp = false;      // begins with the time, as increments do
  std::function<bool()> stop;  // ends early once it says so. Asked now and then
};

// Reads an RDB file and writes requests that make what it holds. Returns what went wrong, or
// nothing.
std::string write_requests(Source& file, Sink& out, const RequestBaseOptions& options);

}  // namespace larder
