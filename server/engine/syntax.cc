#include "server/engine/syntax.h"

#include <algorithm>
#include <array>

#include "server/engine/registry.h"

namespace larder {
namespace {

bool is_token(const std::string& word) {
  return std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

bool is_bracket(const std::string& word) {
  return word == "[" || word == "]" || word == "<" || word == ">" || word == "|";
}

// Brackets and bars are words of their own. What stands in braces is left out.
std::vector<std::string> split(Bytes syntax) {
  std::vector<std::string> words;
  bool open = false;
  bool braces = false;
  for (const char c : syntax) {
    if (c == '{' || c == '}') braces = c == '{';
    if (braces || c == '}') continue;
    const bool bracket = c == '[' || c == ']' || c == '<' || c == '>' || c == '|';
    if (bracket) words.emplace_back(1, c);
    if (!bracket && c != ' ') {
      if (!open) words.emplace_back();
      words.back() += c;
    }
    open = !bracket && c != ' ';
  }
  return words;
}

std::string type_of(const std::string& name) {
  constexpr std::array<Bytes, 14> kIntegers{
      "seconds", "milliseconds", "index",     "count",     "offset",    "start", "end",
      "numkeys", "cursor",       "timeout",   "client-id", "increment", "port",  "decrement"};
  constexpr std::array<Bytes, 6> kDoubles{"longitude", "latitude", "radius",
                                          "width",     "height",   "score"};
  if (name == "key" || name == "newkey" || name == "source" || name == "destination" ||
      name == "destkey") {
    return "key";
  }
  if (name == "pattern") return "pattern";
  if (name.rfind("unix-time", 0) == 0) return "unix-time";
  const auto is_one_of = [&](const auto& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return is_one_of(kIntegers) ? "integer" : is_one_of(kDoubles) ? "double" : "string";
}

class Parser {
 public:
  explicit Parser(Bytes syntax) : words_(split(syntax)) {}

  std::vector<Argument> sequence() {
    std::vector<Argument> list;
    while (at_ < words_.size() && !closes(words_[at_])) {
      if (words_[at_] == "[") {
        add_optional(list);
      } else {
        list.push_back(item());
      }
    }
    return list;
  }

 private:
  static bool closes(const std::string& word) {
    return word == "]" || word == ">" || word == "|";
  }

  // A group up to its closing bracket; several alternatives become a oneof.
  std::vector<Argument> group() {
    ++at_;
    std::vector<std::vector<Argument>> alternatives;
    do {
      if (at_ < words_.size() && words_[at_] == "|") ++at_;
      alternatives.push_back(sequence());
    } while (at_ < words_.size() && words_[at_] == "|");
    if (at_ < words_.size()) ++at_;
    if (alternatives.size() == 1) return std::move(alternatives[0]);
    Argument choice{.name = "", .type = "oneof", .token = "", .parts = {}};
    for (auto& each : alternatives) choice.parts.push_back(as_one(std::move(each)));
    choice.name = choice.parts[0].name + "-or-" + choice.parts.back().name;
    std::vector<Argument> one;
    one.push_back(std::move(choice));
    return one;
  }

  static Argument as_one(std::vector<Argument> list) {
    if (list.size() == 1) return std::move(list[0]);
    Argument block{.name = list.empty() ? "none" : list[0].name, .type = "block", .token = "",
                   .parts = {}};
    // A token in front belongs to the block.
    if (!list.empty() && list[0].type == "pure-token") {
      block.token = list[0].token;
      list.erase(list.begin());
      if (list.size() == 1) {
        list[0].token = block.token;
        return std::move(list[0]);
      }
    }
    block.parts = std::move(list);
    return block;
  }

  static bool same_names(const std::vector<Argument>& list, const std::vector<Argument>& tail) {
    if (tail.empty() || list.size() < tail.size()) return false;
    return std::equal(tail.begin(), tail.end(),
                      list.end() - static_cast<ptrdiff_t>(tail.size()),
                      [](const Argument& a, const Argument& b) { return a.name == b.name; });
  }

  // [x ...] behind x says that x may come again.
  void add_optional(std::vector<Argument>& list) {
    std::vector<Argument> inner = group();
    const bool again = !inner.empty() && inner.back().name == "...";
    if (again) inner.pop_back();
    if (again && same_names(list, inner)) {
      std::vector<Argument> repeated(list.end() - static_cast<ptrdiff_t>(inner.size()), list.end());
      list.resize(list.size() - inner.size());
      list.push_back(as_one(std::move(repeated)));
      if (list.back().type == "block") list.back().name = "data";
      list.back().multiple = true;
      list.back().multiple_token = !inner.back().token.empty();
      return;
    }
    Argument one = as_one(std::move(inner));
    one.optional = true;
    one.multiple |= again;
    list.push_back(std::move(one));
  }

  Argument item() {
    if (words_[at_] == "<") return as_one(group());
    const std::string word = words_[at_++];
    if (word == "...") return {.name = word, .type = "string", .token = "", .parts = {}};
    if (!is_token(word)) return {.name = word, .type = type_of(word), .token = "", .parts = {}};
    std::vector<Argument> values;
    while (at_ < words_.size() && !is_bracket(words_[at_]) && !is_token(words_[at_])) {
      values.push_back(item());
    }
    if (values.empty()) {
      return {.name = lower_case(word), .type = "pure-token", .token = word, .parts = {}};
    }
    Argument one = as_one(std::move(values));
    if (one.type == "block") one.name = lower_case(word);
    one.token = word;
    return one;
  }

  std::vector<std::string> words_;
  size_t at_ = 0;
};

}  // namespace

std::vector<Argument> parse_syntax(Bytes syntax) { return Parser(syntax).sequence(); }

std::string readable(Bytes syntax) {
  std::string text(syntax);
  std::erase_if(text, [](char c) { return c == '{' || c == '}'; });
  return text;
}

}  // namespace larder
