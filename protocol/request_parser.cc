#include "protocol/request_parser.h"

#include <algorithm>

#include "base/numbers.h"
#include "base/quoting.h"

namespace larder {
namespace {

using Outcome = RequestParser::Outcome;

constexpr size_t kNotFound = Bytes::npos;

// Reads a decimal of up to 18 digits at `at` that ends in \r\n, the common case by far.
// Returns the offset behind the line, or 0 when the line is anything else.
size_t read_short_count(Bytes buffer, size_t at, int64_t& value) {
  const size_t digits_end_max = at + 18;
  int64_t number = 0;
  size_t i = at;
  for (; i < buffer.size() && i < digits_end_max; ++i) {
    const unsigned digit = static_cast<unsigned char>(buffer[i]) - unsigned{'0'};
    if (digit > 9) break;
    number = number * 10 + digit;
  }
  if (i == at || (buffer[at] == '0' && i > at + 1)) return 0;
  if (i + 2 > buffer.size() || buffer[i] != '\r' || buffer[i + 1] != '\n') return 0;
  value = number;
  return i + 2;
}

// Reads "<kind><decimal of up to 9 digits>\r\n" at `at`. Returns the byte behind it, or null when
// it is anything else or the buffer may end before.
const char* read_line(const char* at, const char* end, char kind, size_t& value) {
  if (end - at < 4 || *at != kind) return nullptr;
  const char* const last = std::min(at + 10, end - 2);  // where \r stands at the latest
  unsigned digit = static_cast<unsigned char>(*++at) - unsigned{'0'};
  if (digit > 9) return nullptr;
  value = digit;
  ++at;
  while (value != 0 && (digit = static_cast<unsigned char>(*at) - unsigned{'0'}) <= 9) {
    if (at == last) return nullptr;
    value = value * 10 + digit;
    ++at;
  }
  return at[0] == '\r' && at[1] == '\n' ? at + 2 : nullptr;
}

// The same. Nearly every count has one digit or two.
inline const char* read_count(const char* at, const char* end, char kind, size_t& value) {
  if (end - at < 5 || *at != kind) return read_line(at, end, kind, value);
  const unsigned first = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  const unsigned second = static_cast<unsigned char>(at[2]) - unsigned{'0'};
  if (first <= 9 && at[2] == '\r' && at[3] == '\n') {
    value = first;
    return at + 4;
  }
  if (first - 1 <= 8 && second <= 9 && at[3] == '\r' && at[4] == '\n') {
    value = first * 10 + second;
    return at + 5;
  }
  return read_line(at, end, kind, value);
}

}  // namespace

// What clients send nearly always: small, well formed, all there. Leaves no trace when it is not.
bool RequestParser::parse_whole(Bytes buffer, const RequestLimits& limits) {
  if (!limits.authenticated) return false;
  const char* const end = buffer.data() + buffer.size();
  size_t count = 0;
  const char* at = read_count(buffer.data() + position_, end, '*', count);
  if (at == nullptr || count == 0 || count > kWholeArgsMax) return false;
  for (size_t i = 0; i < count; ++i) {
    size_t length = 0;
    at = read_count(at, end, '$', length);
    if (at == nullptr || static_cast<size_t>(end - at) < length + 2 ||
        static_cast<int64_t>(length) > limits.bulk_bytes_max) {
      args_.resize(first_);
      return false;
    }
    args_.emplace_back(at, length);
    at += length + 2;
  }
  position_ = cursor_ = static_cast<size_t>(at - buffer.data());
  return true;
}

Outcome RequestParser::next(Bytes buffer, const RequestLimits& limits) {
  if (bulks_left_ == 0) {
    first_ = args_.size();
    cursor_ = position_;
    if (position_ >= buffer.size()) {
      bytes_wanted_ = 1;
      return Outcome::need_more;
    }
    if (parse_whole(buffer, limits)) return Outcome::request;
    if (buffer[position_] != '*') {
      return limits.arrays_only ? fail("Protocol error: expected '*'") : parse_inline(buffer);
    }
  }
  return parse_array(buffer, limits);
}

void RequestParser::start_batch() {
  if (first_ > 0) args_.erase(args_.begin(), args_.begin() + static_cast<ptrdiff_t>(first_));
  if (bulks_left_ == 0) args_.clear();
  first_ = 0;
  unquoted_.clear();
}

void RequestParser::release() {
  start_batch();
  args_.shrink_to_fit();
}

void RequestParser::moved(const char* from, size_t dropped, const char* to) {
  for (size_t i = first_; i < args_.size(); ++i) {
    const auto offset = static_cast<size_t>(args_[i].data() - from) - dropped;
    args_[i] = Bytes(to + offset, args_[i].size());
  }
  position_ -= dropped;
  cursor_ -= dropped;
}

Outcome RequestParser::parse_array(Bytes buffer, const RequestLimits& limits) {
  if (bulks_left_ == 0) {
    const Outcome outcome = parse_header(buffer, limits);
    if (outcome != Outcome::request) return outcome;
  }
  while (bulks_left_ > 0) {
    const Outcome outcome = parse_bulk(buffer, limits);
    if (outcome != Outcome::request) return outcome;
  }
  return finish();
}

// *<count>\r\n
Outcome RequestParser::parse_header(Bytes buffer, const RequestLimits& limits) {
  int64_t count = 0;
  size_t end = read_short_count(buffer, cursor_ + 1, count);
  if (end == 0) {
    const size_t line_end = buffer.find('\r', cursor_);
    if (line_end == kNotFound || line_end + 1 >= buffer.size()) {
      bytes_wanted_ = 1;
      if (line_end == kNotFound && buffer.size() - cursor_ > kLineBytesMax) {
        return fail("Protocol error: too big mbulk count string");
      }
      return Outcome::need_more;
    }
    const auto parsed = parse_int64(buffer.substr(cursor_ + 1, line_end - cursor_ - 1));
    if (!parsed) return fail("Protocol error: invalid multibulk length");
    count = *parsed;
    end = line_end + 2;
  }
  if (count > kArgsMax) return fail("Protocol error: invalid multibulk length");
  if (count > kUnauthenticatedArgsMax && !limits.authenticated) {
    return fail("Protocol error: unauthenticated multibulk length");
  }
  cursor_ = end;
  if (count <= 0) {
    position_ = end;
    return Outcome::empty;
  }
  bulks_left_ = count;
  return Outcome::request;
}

// $<length>\r\n<bytes>\r\n
Outcome RequestParser::parse_bulk(Bytes buffer, const RequestLimits& limits) {
  if (bulk_bytes_ < 0) {
    int64_t length = 0;
    size_t end = 0;
    if (cursor_ < buffer.size() && buffer[cursor_] == '$') {
      end = read_short_count(buffer, cursor_ + 1, length);
    }
    if (end == 0) {
      const size_t line_end = buffer.find('\r', cursor_);
      if (line_end == kNotFound || line_end + 1 >= buffer.size()) {
        bytes_wanted_ = 1;
        if (line_end == kNotFound && buffer.size() - cursor_ > kLineBytesMax) {
          return fail("Protocol error: too big bulk count string");
        }
        return Outcome::need_more;
      }
      if (buffer[cursor_] != '$') {
        return fail(std::string("Protocol error: expected '$', got '") + buffer[cursor_] + "'");
      }
      const auto parsed = parse_int64(buffer.substr(cursor_ + 1, line_end - cursor_ - 1));
      if (!parsed || *parsed < 0) return fail("Protocol error: invalid bulk length");
      length = *parsed;
      end = line_end + 2;
    }
    if (length > limits.bulk_bytes_max) return fail("Protocol error: invalid bulk length");
    if (length > kUnauthenticatedBulkBytesMax && !limits.authenticated) {
      return fail("Protocol error: unauthenticated bulk length");
    }
    bulk_bytes_ = length;
    cursor_ = end;
  }
  const size_t length = static_cast<size_t>(bulk_bytes_);
  if (buffer.size() < cursor_ + length + 2) {
    bytes_wanted_ = cursor_ + length + 2 - buffer.size();
    return Outcome::need_more;
  }
  args_.emplace_back(buffer.data() + cursor_, length);
  cursor_ += length + 2;
  bulk_bytes_ = -1;
  --bulks_left_;
  return Outcome::request;
}

Outcome RequestParser::parse_inline(Bytes buffer) {
  const size_t newline = buffer.find('\n', position_);
  if (newline == kNotFound) {
    bytes_wanted_ = 1;
    if (buffer.size() - position_ > kLineBytesMax) {
      return fail("Protocol error: too big inline request");
    }
    return Outcome::need_more;
  }
  size_t line_end = newline;
  if (line_end > position_ && buffer[line_end - 1] == '\r') --line_end;
  const Bytes line = buffer.substr(position_, line_end - position_);
  cursor_ = newline + 1;
  return split_inline(line);
}

Outcome RequestParser::split_inline(Bytes line) {
  size_t at = 0;
  while (true) {
    at = skip_spaces(line, at);
    if (at >= line.size() || line[at] == '\0') break;
    std::string word;
    bool plain = true;
    const size_t end = read_word(line, at, word, plain);
    if (end == kNotFound) return fail("Protocol error: unbalanced quotes in request");
    if (plain) {
      args_.push_back(line.substr(at, end - at));
    } else {
      args_.push_back(unquoted_.emplace_back(std::move(word)));
    }
    at = end;
  }
  if (args_.size() == first_) {
    position_ = cursor_;
    return Outcome::empty;
  }
  return finish();
}

Outcome RequestParser::fail(std::string text) {
  error_ = std::move(text);
  return Outcome::error;
}

Outcome RequestParser::finish() {
  position_ = cursor_;
  return Outcome::request;
}

}  // namespace larder
