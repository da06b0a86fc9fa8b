#include "client/reply.h"

#include <limits>

#include "base/check.h"
#include "base/numbers.h"

namespace larder {
namespace {

// Reads a reply that ReplyParser has checked, so every line and count is known to be good and the
// recursion no deeper than kReplyDepthMax.
class Builder {
 public:
  explicit Builder(Bytes whole) : left_(whole) {}

  Reply build() {
    const char kind = left_[0];
    const Bytes line = take_line();
    switch (kind) {
      case '+': return of_text(Reply::Type::simple, line);
      case '-': return of_text(Reply::Type::error, line);
      case '(': return of_text(Reply::Type::big_number, line);
      case ':': return of_integer(Reply::Type::integer, *parse_int64(line));
      case '#': return of_integer(Reply::Type::boolean, line == "t" ? 1 : 0);
      case ',': return of_number(line);
      case '$': return of_bulk(Reply::Type::string, line);
      case '!': return of_bulk(Reply::Type::error, line);
      case '=': return of_verbatim(line);
      case '*': return of_elements(Reply::Type::array, line, 1);
      case '~': return of_elements(Reply::Type::set, line, 1);
      case '>': return of_elements(Reply::Type::push, line, 1);
      case '%': return of_elements(Reply::Type::map, line, 2);
      case '|':
        for (int64_t i = 2 * *parse_int64(line); i > 0; --i) build();
        return build();
      default: return {};  // '_'
    }
  }

  bool finished() const { return left_.empty(); }

 private:
  // The line behind the kind, without its end.
  Bytes take_line() {
    const size_t end = left_.find('\n');
    const Bytes line = left_.substr(1, end - 2);
    left_.remove_prefix(end + 1);
    return line;
  }

  static Reply of_text(Reply::Type type, Bytes text) {
    Reply reply;
    reply.type = type;
    reply.text = text;
    return reply;
  }

  static Reply of_integer(Reply::Type type, int64_t value) {
    Reply reply;
    reply.type = type;
    reply.integer = value;
    return reply;
  }

  static Reply of_number(Bytes line) {
    Reply reply;
    reply.type = Reply::Type::number;
    reply.number = parse_double(line).value_or(std::numeric_limits<double>::quiet_NaN());
    return reply;
  }

  Reply of_bulk(Reply::Type type, Bytes line) {
    const int64_t length = *parse_int64(line);
    if (length < 0) return {};
    Reply reply = of_text(type, left_.substr(0, static_cast<size_t>(length)));
    left_.remove_prefix(static_cast<size_t>(length) + 2);
    return reply;
  }

  Reply of_verbatim(Bytes line) {
    Reply reply = of_bulk(Reply::Type::verbatim, line);
    reply.text.erase(0, 4);  // "txt:"
    return reply;
  }

  Reply of_elements(Reply::Type type, Bytes line, int64_t per_count) {
    const int64_t count = *parse_int64(line);
    if (count < 0) return {};
    Reply reply;
    reply.type = type;
    reply.elements.reserve(static_cast<size_t>(count * per_count));
    for (int64_t i = 0; i < count * per_count; ++i) reply.elements.push_back(build());
    return reply;
  }

  Bytes left_;
};

std::string list_text(const std::vector<Reply>& elements) {
  std::string text = "[";
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) text += ", ";
    text += elements[i].to_text();
  }
  return text + "]";
}

}  // namespace

Reply make_reply(Bytes whole) {
  Builder builder(whole);
  Reply reply = builder.build();
  DCHECK(builder.finished());
  return reply;
}

bool Reply::is_text() const {
  return type == Type::simple || type == Type::string || type == Type::verbatim ||
         type == Type::big_number;
}

const Reply* Reply::find(Bytes key) const {
  if (type != Type::map && type != Type::array) return nullptr;
  for (size_t i = 0; i + 1 < elements.size(); i += 2) {
    if (elements[i].is_text() && elements[i].text == key) return &elements[i + 1];
  }
  return nullptr;
}

std::string Reply::to_text() const {
  char digits[kDoubleTextMax];
  switch (type) {
    case Type::null: return "(nil)";
    case Type::simple: return text;
    case Type::error: return "(error) " + text;
    case Type::integer: return "(integer) " + std::to_string(integer);
    case Type::boolean: return integer != 0 ? "(true)" : "(false)";
    case Type::number: return "(double) " + std::string(digits, format_double(number, digits));
    case Type::string:
    case Type::verbatim: return "\"" + text + "\"";
    case Type::big_number: return "(big number) " + text;
    case Type::array:
    case Type::map:
    case Type::set:
    case Type::push: return list_text(elements);
  }
  return {};
}

}  // namespace larder
