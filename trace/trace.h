// A trace of requests: lines of `key[,size[,ttl]]`, plain or gzip text.
//
//   key   anything without a comma; only equality counts
//   size  bytes of the object, at least 1
//   ttl   seconds the object lives after it was put; 0: for good
//
// Empty lines and lines that begin with # are passed over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace larder {

struct TracedRequest {
  uint64_t hash = 0;  // of the key, the same in every run
  uint32_t bytes = 1;
  uint32_t ttl_s = 0;
};

struct Trace {
  std::vector<TracedRequest> requests;
  int64_t distinct = 0;        // keys
  int64_t distinct_bytes = 0;  // of their first sizes
  bool sized = false;          // some line told a size
};

// More are refused: a request takes 16 bytes of memory here, 4 GiB in all.
inline constexpr size_t kRequestsMax = size_t{1} << 28;
// Longest line, in characters.
inline constexpr size_t kLineMax = 4096;

// Reads up to `limit` requests (0: all). Returns what is wrong, with the number of the line, or
// nothing.
std::string read_trace(const std::string& path, size_t limit, Trace& trace);

}  // namespace larder
