// Replies as the load sees them: where one ends, and whether it is a value, nothing or an error.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "protocol/reply_parser.h"

namespace larder::bench {

struct Answer {
  enum class Kind {
    value,    // a string; `text` is the whole of it
    missing,  // null
    error,    // `text` says which
    push,     // answers no request
    other,
  };
  Kind kind = Kind::other;
  size_t size = 0;  // bytes of the reply
  Bytes text;
};

// Reads one connection's replies.
class AnswerReader {
 public:
  virtual ~AnswerReader() = default;
  // As ReplyParser::next(): `buffer` begins with the reply's first byte; after need_more the same
  // bytes come again with more behind them.
  virtual ReplyParser::Outcome next(Bytes buffer, Answer& answer) = 0;
  // What is wrong, after Outcome::error.
  virtual std::string error() const = 0;
};

std::unique_ptr<AnswerReader> make_resp_reader();
// memcached's text protocol, as far as get and set answer it.
std::unique_ptr<AnswerReader> make_memcached_reader();

}  // namespace larder::bench
