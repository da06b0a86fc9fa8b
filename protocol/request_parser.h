// Turns a client's bytes into requests. Arguments are views into the caller's buffer: nothing is
// copied, except inline arguments that were quoted.
//
//   RESP array     *2\r\n $3\r\nGET\r\n $1\r\nk\r\n
//   inline         GET k\r\n          (telnet, health checks)
//
// A request may arrive in any number of pieces: the parser remembers the arguments it already has
// and goes on behind them, so a request of n bytes costs O(n) however it is cut.
// Source: https://redis.io/docs/reference/protocol-spec/
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/limits.h"

namespace larder {

class RequestParser {
 public:
  enum class Outcome {
    request,    // args() holds a whole request
    empty,      // a blank line or an empty array was skipped: nothing to answer
    need_more,  // bytes_wanted() more bytes at least
    error,      // error() holds the text; answer it and close
  };

  // Parses the next request of `buffer`, whose bytes before `position()` are consumed. The same
  // bytes must stand at the same offsets until a request is complete; when the buffer moved, say
  // so with `moved`.
  Outcome next(Bytes buffer, const RequestLimits& limits);

  // The arguments found. They live until `start_batch` (those of earlier requests of the batch
  // too) and as long as the buffer stays where it is.
  std::span<const Bytes> args() const { return {args_.data() + first_, args_.size() - first_}; }
  size_t first_arg() const { return first_; }
  std::span<const Bytes> args_of(size_t first, size_t count) const {
    return {args_.data() + first, count};
  }

  // Offset behind the last whole request.
  size_t position() const { return position_; }
  // Offset behind what was parsed, which may be in the middle of a request.
  size_t parsed() const { return pending() ? cursor_ : position_; }
  // How many bytes beyond the buffer's end the current argument needs; at least 1.
  size_t bytes_wanted() const { return bytes_wanted_; }
  const std::string& error() const { return error_; }
  // True in the middle of a request.
  bool pending() const { return bulks_left_ > 0; }

  // Forgets the arguments of requests already run.
  void start_batch();
  // The same between two requests, and gives their memory back.
  void release();
  // The caller moved the buffer: the byte that stood at `from + dropped` stands at `to` now.
  void moved(const char* from, size_t dropped, const char* to);

 private:
  // Longer requests are worth the slow path's state, which is not lost when a piece is missing.
  static constexpr size_t kWholeArgsMax = 64;

  bool parse_whole(Bytes buffer, const RequestLimits& limits);
  Outcome parse_array(Bytes buffer, const RequestLimits& limits);
  Outcome parse_header(Bytes buffer, const RequestLimits& limits);
  Outcome parse_bulk(Bytes buffer, const RequestLimits& limits);
  Outcome parse_inline(Bytes buffer);
  Outcome split_inline(Bytes line);
  Outcome fail(std::string text);
  Outcome finish();

  std::vector<Bytes> args_;
  std::deque<std::string> unquoted_;  // inline arguments that had quotes
  size_t first_ = 0;                  // of the current request in args_
  size_t position_ = 0;               // behind the last whole request
  size_t cursor_ = 0;                 // behind the last whole part of the current request
  int64_t bulks_left_ = 0;
  int64_t bulk_bytes_ = -1;           // length announced for the current argument
  size_t bytes_wanted_ = 1;
  std::string error_;
};

}  // namespace larder
