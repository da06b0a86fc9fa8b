// Finds where replies end in a server's bytes, RESP2 and RESP3, and checks that they are well
// formed. It keeps no bytes and allocates nothing: a whole reply is a run of the caller's buffer,
// to be skipped, compared or made into a value.
//
//   %1\r\n  $1\r\n k\r\n  *2\r\n  :1\r\n  :2\r\n
//   ^0                                         ^size()
//
// A reply may arrive in any number of pieces; the parser goes on where it stopped, so n bytes cost
// O(n). It does not take streamed strings and arrays ($?, *?): no server of the field sends them.
// Source: https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace larder {

// Deepest nesting of arrays. COMMAND DOCS of Redis 7 needs 9; scripts may nest as they like.
inline constexpr size_t kReplyDepthMax = 64;

struct ReplyLimits {
  // Largest string, bytes; Redis's own default for values.
  int64_t bulk_bytes_max = 512LL * 1024 * 1024;
  // Most elements that one array, set or push may announce, and pairs of one map.
  int64_t elements_max = 64LL * 1024 * 1024;
  // Largest whole reply, bytes.
  int64_t reply_bytes_max = 2LL * 1024 * 1024 * 1024;
};

class ReplyParser {
 public:
  enum class Outcome {
    reply,      // the first size() bytes of the buffer are one reply
    need_more,  // bytes_wanted() more bytes at least
    error,      // error() says what is wrong; the stream cannot be read on
  };

  explicit ReplyParser(const ReplyLimits& limits = {}) : limits_(limits) {}

  // `buffer` begins with the reply's first byte. After need_more, call again with more bytes
  // behind the same ones (wherever they stand now); after `reply`, with those behind it.
  Outcome next(Bytes buffer);

  size_t size() const { return size_; }
  size_t bytes_wanted() const { return bytes_wanted_; }
  const std::string& error() const { return error_; }
  // True when part of a reply was seen.
  bool pending() const { return cursor_ > 0 || searched_ > 0; }
  // For a new connection.
  void reset();

 private:
  struct Frame {
    int64_t left;    // elements to come
    bool attribute;  // they are facts about the reply behind them, no element themselves
  };
  enum class Step { done, go_on, need_more, error };

  Step take_line(Bytes buffer);
  Step take_bulk_body(Bytes buffer);
  Step take_kind(char kind, Bytes text);
  Step take_bulk_header(char kind, Bytes text);
  Step take_count(char kind, Bytes text);
  Step finish_element();
  Step fail(std::string text);

  ReplyLimits limits_;
  std::array<Frame, kReplyDepthMax> frames_;
  size_t depth_ = 0;
  size_t cursor_ = 0;        // behind the last whole part
  size_t searched_ = 0;      // no line end before here
  int64_t bulk_bytes_ = -1;  // announced and not seen yet
  bool bulk_verbatim_ = false;
  size_t size_ = 0;
  size_t bytes_wanted_ = 1;
  std::string error_;
};

}  // namespace larder
