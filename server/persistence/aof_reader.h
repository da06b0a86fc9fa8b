// Reads a file of requests: an increment of an append-only file, or a base written as requests.
//
//   *3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n     whole requests, one after the other
//   #TS:1700000000\r\n                            annotations in between, passed over
//
// Says where a file stops making sense, and whether it is only its end that is missing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

class AofReader {
 public:
  enum class Outcome {
    request,
    end,        // behind the last whole request
    truncated,  // in the middle of one
    broken,     // error() says why
  };

  // Reads the descriptor, which stays the caller's, from its place. Bytes in `ahead` come first;
  // they end at file offset `offset` + ahead.size().
  explicit AofReader(int fd, uint64_t offset = 0, std::string ahead = {});

  Outcome next();
  // Of the request that next() found; valid until the next call.
  std::span<const Bytes> args() const { return args_; }
  // Behind the last whole request or annotation.
  uint64_t offset() const { return base_ + at_; }
  // "Bad file format ... at offset N" without the file's name.
  const std::string& error() const { return error_; }

 private:
  // Requests of the append-only file come from commands that passed their limits, so these only
  // keep a broken file from asking for memory.
  static constexpr int64_t kArgsMax = 1024 * 1024 * 1024;
  static constexpr int64_t kArgBytesMax = int64_t{1} << 40;
  static constexpr size_t kReadBytes = 1024 * 1024;

  enum class Step { ok, truncated, broken };

  Step read_request(size_t& at);
  Step read_number(size_t& at, char kind, int64_t most, int64_t& number);
  Step read_line(size_t& at, size_t& end);
  bool need(size_t end);
  Step broken(size_t at, const char* why);

  const int fd_;
  uint64_t base_;       // file offset of buffer_[0]
  std::string buffer_;
  size_t at_ = 0;       // of what is not read yet
  bool ended_ = false;  // the file has no more
  struct Range {
    size_t begin, size;
  };
  std::vector<Range> ranges_;
  std::vector<Bytes> args_;
  std::string error_;
};

}  // namespace larder
