#include "client/bench/answers.h"

#include "base/numbers.h"

namespace larder::bench {
namespace {

using Outcome = ReplyParser::Outcome;
using Kind = Answer::Kind;

class RespReader : public AnswerReader {
 public:
  Outcome next(Bytes buffer, Answer& answer) override {
    const Outcome outcome = parser_.next(buffer);
    if (outcome == Outcome::reply) describe(buffer.substr(0, parser_.size()), answer);
    return outcome;
  }
  std::string error() const override { return parser_.error(); }

 private:
  static void describe(Bytes whole, Answer& answer) {
    answer.size = whole.size();
    answer.text = {};
    switch (whole[0]) {
      case '$': return describe_string(whole, answer);
      case '_': answer.kind = Kind::missing; return;
      case '*': answer.kind = whole[1] == '-' ? Kind::missing : Kind::other; return;
      case '>': answer.kind = Kind::push; return;
      case '-':
      case '!':
        answer.kind = Kind::error;
        answer.text = whole.substr(1, whole.size() - 3);
        return;
      default: answer.kind = Kind::other;
    }
  }

  static void describe_string(Bytes whole, Answer& answer) {
    if (whole[1] == '-') {
      answer.kind = Kind::missing;
      return;
    }
    answer.kind = Kind::value;
    const size_t start = whole.find('\n') + 1;
    answer.text = whole.substr(start, whole.size() - start - 2);
  }

  ReplyParser parser_;
};

//   STORED                        VALUE key flags bytes      END
//                                 the data
//                                 END
class MemcachedReader : public AnswerReader {
 public:
  Outcome next(Bytes buffer, Answer& answer) override {
    const size_t line_end = buffer.find("\r\n");
    if (line_end == Bytes::npos) return Outcome::need_more;
    const Bytes line = buffer.substr(0, line_end);
    answer = {Kind::other, line_end + 2, {}};
    if (line.starts_with("VALUE ")) return take_value(buffer, line, answer);
    if (line == "END") answer.kind = Kind::missing;
    if (line.find("ERROR") != Bytes::npos) {
      answer.kind = Kind::error;
      answer.text = line;
    }
    return Outcome::reply;
  }
  std::string error() const override { return "an odd VALUE line"; }

 private:
  static Outcome take_value(Bytes buffer, Bytes line, Answer& answer) {
    const auto bytes = parse_uint64(line.substr(line.rfind(' ') + 1));
    if (!bytes) return Outcome::error;
    constexpr Bytes kEnd = "\r\nEND\r\n";
    answer.kind = Kind::value;
    answer.text = buffer.substr(answer.size, *bytes);
    answer.size += *bytes + kEnd.size();
    return buffer.size() < answer.size ? Outcome::need_more : Outcome::reply;
  }
};

}  // namespace

std::unique_ptr<AnswerReader> make_resp_reader() { return std::make_unique<RespReader>(); }
std::unique_ptr<AnswerReader> make_memcached_reader() {
  return std::make_unique<MemcachedReader>();
}

}  // namespace larder::bench
