#include "protocol/reply_parser.h"

#include <algorithm>
#include <cmath>

#include "base/numbers.h"
#include "protocol/limits.h"

namespace larder {
namespace {

constexpr Bytes kKinds = "+-:_,#($!=*~>%|";

bool is_digits(Bytes text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == Bytes::npos;
}

bool is_double(Bytes text) {
  return text == "nan" || text == "-nan" || parse_double(text).has_value();
}

std::string shown(Bytes text) {
  constexpr size_t kShownMax = 40;
  std::string copy(text.substr(0, kShownMax));
  for (char& each : copy) {
    if (static_cast<unsigned char>(each) < ' ' || each == 127) each = '?';
  }
  return "'" + copy + "'";
}

}  // namespace

void ReplyParser::reset() {
  depth_ = cursor_ = searched_ = size_ = 0;
  bulk_bytes_ = -1;
  bytes_wanted_ = 1;
  error_.clear();
}

ReplyParser::Outcome ReplyParser::next(Bytes buffer) {
  if (!error_.empty()) return Outcome::error;
  while (true) {
    const Step step = bulk_bytes_ >= 0 ? take_bulk_body(buffer) : take_line(buffer);
    if (step == Step::need_more) return Outcome::need_more;
    if (step == Step::error) return Outcome::error;
    if (static_cast<int64_t>(cursor_) + bulk_bytes_ > limits_.reply_bytes_max) {
      fail("a reply of more than " + std::to_string(limits_.reply_bytes_max) + " bytes");
      return Outcome::error;
    }
    if (step == Step::go_on) continue;
    size_ = cursor_;
    cursor_ = searched_ = 0;
    return Outcome::reply;
  }
}

ReplyParser::Step ReplyParser::take_line(Bytes buffer) {
  bytes_wanted_ = 1;
  if (cursor_ >= buffer.size()) return Step::need_more;
  const char kind = buffer[cursor_];
  // Said at once, not at the line's end: the peer may speak another protocol.
  if (kKinds.find(kind) == Bytes::npos) {
    return fail("unknown kind of reply: " + shown(buffer.substr(cursor_)));
  }
  const size_t end = buffer.find('\n', std::max(searched_, cursor_));
  if ((end == Bytes::npos ? buffer.size() : end) - cursor_ > kLineBytesMax) {
    return fail("a line of more than " + std::to_string(kLineBytesMax) + " bytes");
  }
  if (end == Bytes::npos) {
    searched_ = buffer.size();
    return Step::need_more;
  }
  if (buffer[end - 1] != '\r') return fail("a line that does not end with CR LF");
  const Bytes text = buffer.substr(cursor_ + 1, end - cursor_ - 2);
  cursor_ = end + 1;
  return take_kind(kind, text);
}

ReplyParser::Step ReplyParser::take_kind(char kind, Bytes text) {
  bool good = true;
  switch (kind) {
    case '$':
    case '!':
    case '=': return take_bulk_header(kind, text);
    case '*':
    case '~':
    case '>':
    case '%':
    case '|': return take_count(kind, text);
    case ':': good = parse_int64(text).has_value(); break;
    case ',': good = is_double(text); break;
    case '#': good = text == "t" || text == "f"; break;
    case '(': good = is_digits(text); break;
    case '_': good = text.empty(); break;
    default: break;  // + and - take any line
  }
  if (!good) return fail("a bad value " + shown(text) + " of kind '" + kind + "'");
  return finish_element();
}

ReplyParser::Step ReplyParser::take_bulk_header(char kind, Bytes text) {
  if (kind == '$' && text == "-1") return finish_element();
  const auto length = parse_int64(text);
  const int64_t length_min = kind == '=' ? 4 : 0;  // "txt:"
  if (!length || *length < length_min) return fail("a bad string length " + shown(text));
  if (*length > limits_.bulk_bytes_max) {
    return fail("a string of " + std::to_string(*length) + " bytes, " +
                std::to_string(limits_.bulk_bytes_max) + " at most");
  }
  bulk_bytes_ = *length;
  bulk_verbatim_ = kind == '=';
  return Step::go_on;
}

ReplyParser::Step ReplyParser::take_bulk_body(Bytes buffer) {
  const size_t end = cursor_ + static_cast<size_t>(bulk_bytes_);
  if (buffer.size() < end + 2) {
    bytes_wanted_ = end + 2 - buffer.size();
    return Step::need_more;
  }
  if (buffer[end] != '\r' || buffer[end + 1] != '\n') {
    return fail("a string that is not followed by CR LF");
  }
  if (bulk_verbatim_ && buffer[cursor_ + 3] != ':') {
    return fail("a verbatim string without its format");
  }
  cursor_ = end + 2;
  bulk_bytes_ = -1;
  return finish_element();
}

ReplyParser::Step ReplyParser::take_count(char kind, Bytes text) {
  if (kind == '*' && text == "-1") return finish_element();
  const auto count = parse_int64(text);
  if (!count || *count < 0) return fail("a bad element count " + shown(text));
  if (*count > limits_.elements_max) {
    return fail(std::to_string(*count) + " elements, " + std::to_string(limits_.elements_max) +
                " at most");
  }
  if (kind == '>' && depth_ > 0) return fail("a push inside another reply");
  if (*count == 0) return kind == '|' ? Step::go_on : finish_element();
  if (depth_ == frames_.size()) {
    return fail("a reply nested more than " + std::to_string(kReplyDepthMax) + " deep");
  }
  const bool pairs = kind == '%' || kind == '|';
  frames_[depth_++] = {pairs ? *count * 2 : *count, kind == '|'};
  return Step::go_on;
}

// An element ended, and with it perhaps the arrays whose last it was.
ReplyParser::Step ReplyParser::finish_element() {
  while (depth_ > 0) {
    Frame& frame = frames_[depth_ - 1];
    if (--frame.left > 0) return Step::go_on;
    --depth_;
    if (frame.attribute) return Step::go_on;
  }
  return Step::done;
}

ReplyParser::Step ReplyParser::fail(std::string text) {
  error_ = std::move(text);
  return Step::error;
}

}  // namespace larder
