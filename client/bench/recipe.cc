#include "client/bench/recipe.h"

#include <strings.h>

#include "base/numbers.h"
#include "client/request.h"

namespace larder::bench {
namespace {

constexpr Bytes kKey = "__key__";
constexpr Bytes kData = "__data__";
constexpr Bytes kSeconds = "__ttl__";
constexpr Bytes kMs = "__pttl__";
constexpr Bytes kNumber = "__number__";

// The misspelt place, if the word has one: "__kye__" would be sent as it is.
bool has_unknown_place(Bytes word) {
  while (true) {
    const size_t start = word.find("__");
    const size_t end = start == Bytes::npos ? start : word.find("__", start + 2);
    if (end == Bytes::npos) return false;
    if (word.substr(start, end + 2 - start) != kKey) return true;
    word = word.substr(end + 2);
  }
}

bool stands_alone(Bytes word) {
  return word == kData || word == kSeconds || word == kMs || word == kNumber;
}

size_t count_of(Bytes word, Bytes part) {
  size_t count = 0;
  for (size_t at = word.find(part); at != Bytes::npos; at = word.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

void append_number(Output& out, int64_t number) {
  char digits[kInt64TextMax];
  out.append(Bytes(digits, format_int64(number, digits)));
}

void append_bulk_number(Output& out, int64_t number) {
  char digits[kInt64TextMax];
  const size_t size = format_int64(number, digits);
  out.append('$');
  append_number(out, static_cast<int64_t>(size));
  out.append("\r\n");
  out.append(Bytes(digits, size));
  out.append("\r\n");
}

void append_value(Output& out, const Values& values, uint64_t key) {
  const size_t size = values.size_of(key);
  append_number(out, static_cast<int64_t>(size));
  out.append("\r\n");
  values.write(key, size, out.extend(size));
  out.append("\r\n");
}

int64_t draw_ttl_ms(Fillings& fillings) {
  const auto span = static_cast<uint64_t>(fillings.ttl.last_ms - fillings.ttl.first_ms + 1);
  return fillings.ttl.first_ms + static_cast<int64_t>(fillings.random.below(span));
}

// An expiry of 0 s would be an error, or mean never.
int64_t draw_ttl_s(Fillings& fillings) {
  const int64_t ms = draw_ttl_ms(fillings);
  return ms > 0 && ms < 1000 ? 1 : ms / 1000;
}

bool is_word(const std::string& word, const char* expected) {
  return ::strcasecmp(word.c_str(), expected) == 0;
}

}  // namespace

void Recipe::add(Fill fill) {
  parts_.push_back({std::move(text_), fill});
  text_.clear();
}

void Recipe::add_word(const std::string& word, const KeyNames& names) {
  if (word == kData) return add(Fill::bulk_value);
  if (word == kSeconds) return add(Fill::bulk_seconds);
  if (word == kMs) return add(Fill::bulk_ms);
  if (word == kNumber) return add(Fill::bulk_number);
  const size_t keys = count_of(word, kKey);
  append_header(text_, '$', word.size() - keys * kKey.size() + keys * names.bytes());
  Bytes left = word;
  for (size_t i = 0; i < keys; ++i) {
    const size_t at = left.find(kKey);
    text_ += left.substr(0, at);
    text_ += names.prefix;
    add(Fill::key_digits);
    left.remove_prefix(at + kKey.size());
  }
  text_ += left;
  text_ += "\r\n";
}

Result<Recipe, std::string> Recipe::of_resp(const std::vector<std::string>& words,
                                            const KeyNames& names) {
  Recipe recipe;
  append_header(recipe.text_, '*', words.size());
  for (const std::string& word : words) {
    if (!stands_alone(word) && has_unknown_place(word)) {
      return "'" + word + "' is no place to fill: there are __key__ (also inside a word), and " +
             "__data__, __ttl__, __pttl__, __number__ as words of their own";
    }
    recipe.add_word(word, names);
  }
  recipe.add(Fill::nothing);
  recipe.reads_value_ = words.size() == 2 && is_word(words[0], "GET") && words[1] == kKey;
  return recipe;
}

Result<Recipe, std::string> Recipe::of_memcached(const std::vector<std::string>& words,
                                                 const KeyNames& names) {
  Recipe recipe;
  const bool set = words.size() >= 3 && is_word(words[0], "SET") && words[2] == kData;
  recipe.reads_value_ = words.size() == 2 && is_word(words[0], "GET") && words[1] == kKey;
  if ((!set && !recipe.reads_value_) || words[1] != kKey) {
    return std::string("memcached is asked with --ratio only");
  }
  recipe.text_ = (set ? "set " : "get ") + names.prefix;
  recipe.add(Fill::key_digits);
  if (set) {
    recipe.text_ = " 0 ";
    recipe.add(Fill::line_seconds);
    recipe.text_ = " ";
    recipe.add(Fill::line_and_data);
  } else {
    recipe.text_ = "\r\n";
    recipe.add(Fill::nothing);
  }
  return recipe;
}

uint64_t Recipe::append(Output& out, Fillings& fillings) const {
  uint64_t key = 0;
  for (const Part& part : parts_) {
    out.append(part.text);
    switch (part.fill) {
      case Fill::nothing: break;
      case Fill::key_digits:
        key = fillings.keys.next(fillings.random);
        fillings.names.write_digits(key, out.extend(fillings.names.digits));
        break;
      case Fill::bulk_value: out.append('$'); [[fallthrough]];
      case Fill::line_and_data: append_value(out, fillings.values, key); break;
      case Fill::bulk_seconds: append_bulk_number(out, draw_ttl_s(fillings)); break;
      case Fill::bulk_ms: append_bulk_number(out, draw_ttl_ms(fillings)); break;
      case Fill::bulk_number:
        append_bulk_number(out, static_cast<int64_t>(fillings.numbers.next(fillings.random)));
        break;
      case Fill::line_seconds: append_number(out, draw_ttl_s(fillings)); break;
    }
  }
  return key;
}

}  // namespace larder::bench
