// Limits of the wire protocol, one place. Numbers are those of Redis 7.2 where Redis has them, so
// that a client which works there works here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larder {

struct RequestLimits {
  // Largest single argument, bytes (`proto-max-bulk-len`).
  int64_t bulk_bytes_max = 512LL * 1024 * 1024;
  // False: the client has not authenticated, and the two kUnauthenticated limits below hold, so
  // that an open port cannot be made to reserve memory.
  bool authenticated = true;
  // Inline requests are refused: what is counted and passed on as bytes has to be arrays.
  bool arrays_only = false;
};

// Longest inline request, and longest line that announces a count or a length. 64 KiB as Redis.
inline constexpr size_t kLineBytesMax = 64 * 1024;
// Most arguments of one request. Redis takes up to INT_MAX.
inline constexpr int64_t kArgsMax = 2147483647;
// For a client that has not authenticated: arguments, and bytes of one. As Redis.
inline constexpr int64_t kUnauthenticatedArgsMax = 10;
inline constexpr int64_t kUnauthenticatedBulkBytesMax = 16384;
// An argument from this size on gets a buffer made to measure instead of a doubled one.
inline constexpr size_t kBigBulkBytes = 32 * 1024;

}  // namespace larder
