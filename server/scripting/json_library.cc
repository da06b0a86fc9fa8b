// cjson: JSON, with the options and error texts that scripts know.
// Sources: RFC 8259; https://www.kyne.com.au/~mark/software/lua-cjson-manual.html
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/clock.h"
#include "server/scripting/engine.h"
#include "server/scripting/interpreter.h"

namespace larder {
namespace {

struct JsonOptions {
  bool sparse_convert = false;
  int sparse_ratio = 2;
  int sparse_safe = 10;
  int encode_depth_max = 1000;
  int decode_depth_max = 1000;
  int precision = 14;
  bool keep_buffer = true;
  int invalid_numbers = 0;  // of encode: 0 refuse, 1 take, 2 write null
  bool decode_invalid_numbers = true;
};

// Each function of a library has the library's options as its first upvalue.
JsonOptions& options_of(lua_State* L) {
  return *static_cast<JsonOptions*>(lua_touserdata(L, lua_upvalueindex(1)));
}

class Encoder {
 public:
  Encoder(lua_State* L, const JsonOptions& options)
      : L_(L), options_(options), bytes_max_(engine_of(L).memory_limit() / 4) {}

  // The value at the top of the stack.
  void value(int depth) {
    switch (lua_type(L_, -1)) {
      case LUA_TSTRING:
        return string(bytes_at(L_, -1));
      case LUA_TNUMBER:
        return number();
      case LUA_TBOOLEAN:
        return add(lua_toboolean(L_, -1) != 0 ? "true" : "false");
      case LUA_TTABLE:
        return table(depth + 1);
      case LUA_TNIL:
        return add("null");
      case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L_, -1) == nullptr) return add("null");
        [[fallthrough]];
      default:
        fail("type not supported");
    }
  }
  const std::string& text() const { return text_; }

 private:
  [[noreturn]] void fail(const char* why) {
    luaL_error(L_, "Cannot serialise %s: %s", lua_typename(L_, lua_type(L_, -1)), why);
    __builtin_unreachable();
  }

  void add(Bytes bytes) {
    if (text_.size() + bytes.size() > bytes_max_) luaL_error(L_, "not enough memory");
    text_ += bytes;
  }

  void string(Bytes bytes) {
    add("\"");
    size_t plain = 0;  // from here on nothing needed an escape
    for (size_t i = 0; i < bytes.size(); ++i) {
      const auto c = static_cast<unsigned char>(bytes[i]);
      if (c >= 32 && c != '"' && c != '\\' && c != '/' && c != 127) continue;
      add(bytes.substr(plain, i - plain));
      escape(c);
      plain = i + 1;
    }
    add(bytes.substr(plain));
    add("\"");
  }

  void escape(unsigned char c) {
    switch (c) {
      case '"':
        return add("\\\"");
      case '\\':
        return add("\\\\");
      case '/':
        return add("\\/");
      case '\b':
        return add("\\b");
      case '\t':
        return add("\\t");
      case '\n':
        return add("\\n");
      case '\f':
        return add("\\f");
      case '\r':
        return add("\\r");
      default: {
        char hex[8];
        std::snprintf(hex, sizeof hex, "\\u%04x", c);
        return add(hex);
      }
    }
  }

  void number() {
    const double value = lua_tonumber(L_, -1);
    if (!std::isfinite(value)) {
      if (options_.invalid_numbers == 2) return add("null");
      if (options_.invalid_numbers == 0) fail("must not be NaN or Inf");
      return add(std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    }
    char text[40];
    const int size = std::snprintf(text, sizeof text, "%.*g", options_.precision, value);
    add({text, static_cast<size_t>(size)});
  }

  void table(int depth) {
    if (depth > options_.encode_depth_max || lua_checkstack(L_, 6) == 0) {
      luaL_error(L_, "Cannot serialise, excessive nesting (%d)", depth);
    }
    const int length = array_length();
    length > 0 ? array(length, depth) : object(depth);
  }

  // The largest index of a table that is an array; -1 for others. Gaps are filled with null.
  int array_length() {
    double most = 0;
    int items = 0;
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      const double key = lua_type(L_, -2) == LUA_TNUMBER ? lua_tonumber(L_, -2) : 0;
      if (key < 1 || key != std::floor(key) || key > INT32_MAX) {
        lua_pop(L_, 2);
        return -1;
      }
      most = std::max(most, key);
      ++items;
      lua_pop(L_, 1);
    }
    const bool sparse = options_.sparse_ratio > 0 && most > options_.sparse_safe &&
                        most > static_cast<double>(items) * options_.sparse_ratio;
    if (!sparse) return static_cast<int>(most);
    if (!options_.sparse_convert) fail("excessively sparse array");
    return -1;
  }

  void array(int length, int depth) {
    add("[");
    for (int i = 1; i <= length; ++i) {
      if (i > 1) add(",");
      lua_rawgeti(L_, -1, i);
      value(depth);
      lua_pop(L_, 1);
    }
    add("]");
  }

  void object(int depth) {
    add("{");
    bool first = true;
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      if (!std::exchange(first, false)) add(",");
      lua_pushvalue(L_, -2);
      key();
      lua_pop(L_, 1);
      value(depth);
      lua_pop(L_, 1);
    }
    add("}");
  }

  void key() {
    if (lua_type(L_, -1) == LUA_TSTRING) {
      string(bytes_at(L_, -1));
    } else if (lua_type(L_, -1) == LUA_TNUMBER) {
      add("\"");
      number();
      add("\"");
    } else {
      fail("table key must be a number or string");
    }
    add(":");
  }

  lua_State* L_;
  const JsonOptions& options_;
  const size_t bytes_max_;
  std::string text_;
};

// Reads one text. The names of tokens are those of error messages.
class Decoder {
 public:
  // A NUL ends the text, as in C.
  Decoder(lua_State* L, const JsonOptions& options, Bytes text)
      : L_(L), options_(options), text_(text.substr(0, text.find('\0'))) {}

  void whole() {
    next();
    value();
    next();
    if (token_ != Token::end) unexpected("the end");
  }

 private:
  enum class Token : uint8_t {
    object_begin,
    object_end,
    array_begin,
    array_end,
    string,
    number,
    boolean,
    null,
    colon,
    comma,
    end,
    error,
  };

  const char* token_name() const {
    static constexpr const char* kNames[] = {"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END",
                                             "T_STRING",    "T_NUMBER",  "T_BOOLEAN",   "T_NULL",
                                             "T_COLON",     "T_COMMA",   "T_END"};
    return token_ == Token::error ? error_ : kNames[static_cast<size_t>(token_)];
  }

  [[noreturn]] void unexpected(const char* wanted) {
    luaL_error(L_, "Expected %s but found %s at character %d", wanted, token_name(),
               static_cast<int>(start_ + 1));
    __builtin_unreachable();
  }

  void set_error(const char* what, size_t at) {
    token_ = Token::error;
    error_ = what;
    start_ = at;
  }

  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void next() {
    while (at_ < text_.size() && Bytes(" \t\n\r").find(text_[at_]) != Bytes::npos) ++at_;
    start_ = at_;
    if (at_ == text_.size()) {
      token_ = Token::end;
      return;
    }
    switch (text_[at_]) {
      case '{':
        return single(Token::object_begin);
      case '}':
        return single(Token::object_end);
      case '[':
        return single(Token::array_begin);
      case ']':
        return single(Token::array_end);
      case ':':
        return single(Token::colon);
      case ',':
        return single(Token::comma);
      case '"':
        return read_string();
      default:
        return read_word();
    }
  }

  void single(Token token) {
    token_ = token;
    ++at_;
  }

  bool take_word(Bytes word, Token token) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    token_ = token;
    return true;
  }

  void read_word() {
    if (take_word("true", Token::boolean)) {
      truth_ = true;
    } else if (take_word("false", Token::boolean)) {
      truth_ = false;
    } else if (!take_word("null", Token::null)) {
      read_number();
    }
  }

  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

  // What C reads as a number and JSON does not: 0x10, 012, inf, nan, +1.
  bool is_invalid_number() const {
    if (peek() == '+') return true;
    const size_t sign = peek() == '-' ? 1 : 0;
    const char first = lower(peek(sign));
    const char second = lower(peek(sign + 1));
    if (first == '0') return second == 'x' || (second >= '0' && second <= '9');
    const char third = lower(peek(sign + 2));
    return (first == 'i' && second == 'n' && third == 'f') ||
           (first == 'n' && second == 'a' && third == 'n');
  }

  void read_number() {
    const bool plain = peek() == '-' || (peek() >= '0' && peek() <= '9');
    const bool odd = is_invalid_number();
    if (!plain && !(odd && options_.decode_invalid_numbers)) {
      return set_error("invalid token", at_);
    }
    if (odd && !options_.decode_invalid_numbers) return set_error("invalid number", at_);
    // Lua's strings end with a NUL, so strtod stops in time.
    char* end = nullptr;
    number_ = std::strtod(text_.data() + at_, &end);
    const auto size = static_cast<size_t>(end - (text_.data() + at_));
    if (size == 0) return set_error("invalid number", at_);
    at_ += size;
    token_ = Token::number;
  }

  void read_string() {
    token_ = Token::string;
    string_.clear();
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] != '\\') {
        string_ += text_[at_++];
      } else if (!read_escape()) {
        return;
      }
    }
    if (at_ >= text_.size()) return set_error("unexpected end of string", at_);
    ++at_;
  }

  bool read_escape() {
    const char c = peek(1);
    constexpr Bytes kLetters = "\"\\/bfnrt";
    constexpr Bytes kMeant = "\"\\/\b\f\n\r\t";
    if (c == 'u') return read_unicode();
    const size_t which = kLetters.find(c);
    if (which == Bytes::npos) {
      set_error("invalid escape code", at_);
      return false;
    }
    string_ += kMeant[which];
    at_ += 2;
    return true;
  }

  // Four digits behind \u at `at_`; -1 when they are not there.
  int read_hex(size_t ahead) const {
    int code = 0;
    for (size_t i = 0; i < 4; ++i) {
      const char c = lower(peek(ahead + i));
      const size_t digit = Bytes("0123456789abcdef").find(c);
      if (digit == Bytes::npos) return -1;
      code = code * 16 + static_cast<int>(digit);
    }
    return code;
  }

  bool read_unicode() {
    int code = read_hex(2);
    size_t size = 6;
    if (code >= 0xd800 && code < 0xdc00) {  // with the next one it makes a character
      const int low = peek(6) == '\\' && peek(7) == 'u' ? read_hex(8) : -1;
      code =
          low >= 0xdc00 && low < 0xe000 ? 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00) : -1;
      size = 12;
    } else if (code >= 0xdc00 && code < 0xe000) {
      code = -1;
    }
    if (code < 0) {
      set_error("invalid unicode escape code", at_);
      return false;
    }
    add_utf8(code);
    at_ += size;
    return true;
  }

  void add_utf8(int code) {
    const auto add = [&](int byte) { string_ += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
      add(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      add(0xe0 | code >> 12);
      add(0x80 | (code >> 6 & 63));
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 63));
      add(0x80 | (code >> 6 & 63));
    }
    add(0x80 | (code & 63));
  }

  void value() {
    switch (token_) {
      case Token::string:
        return push(L_, string_);
      case Token::number:
        return lua_pushnumber(L_, number_);
      case Token::boolean:
        return lua_pushboolean(L_, truth_ ? 1 : 0);
      case Token::null:
        return lua_pushlightuserdata(L_, nullptr);
      case Token::object_begin:
        return object();
      case Token::array_begin:
        return array();
      default:
        unexpected("value");
    }
  }

  void enter() {
    if (++depth_ > options_.decode_depth_max || lua_checkstack(L_, 6) == 0) {
      luaL_error(L_, "Found too many nested data structures (%d) at character %d", depth_,
                 static_cast<int>(at_));
    }
  }

  void object() {
    enter();
    lua_createtable(L_, 0, 0);
    next();
    while (token_ != Token::object_end) {
      if (token_ != Token::string) unexpected("object key string");
      push(L_, string_);
      next();
      if (token_ != Token::colon) unexpected("colon");
      next();
      value();
      lua_rawset(L_, -3);
      next();
      if (token_ == Token::object_end) break;
      if (token_ != Token::comma) unexpected("comma or object end");
      next();
      if (token_ == Token::object_end) unexpected("object key string");
    }
    --depth_;
  }

  void array() {
    enter();
    lua_createtable(L_, 0, 0);
    next();
    for (int i = 1; token_ != Token::array_end; ++i) {
      value();
      lua_rawseti(L_, -2, i);
      next();
      if (token_ == Token::array_end) break;
      if (token_ != Token::comma) unexpected("comma or array end");
      next();
      if (token_ == Token::array_end) unexpected("value");
    }
    --depth_;
  }

  lua_State* L_;
  const JsonOptions& options_;
  const Bytes text_;
  size_t at_ = 0;
  size_t start_ = 0;  // of the token
  int depth_ = 0;
  Token token_ = Token::end;
  const char* error_ = "";
  double number_ = 0;
  bool truth_ = false;
  std::string string_;
};

int encode(lua_State* L) {
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  const uint64_t start = ticks();
  Encoder encoder(L, options_of(L));
  encoder.value(0);
  push(L, encoder.text());
  engine_of(L).breathe_after(L, ticks() - start);
  return 1;
}

int decode(lua_State* L) {
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  luaL_checkstring(L, 1);
  const Bytes text = bytes_at(L, 1);
  if (text.size() >= 2 && (text[0] == '\0' || text[1] == '\0')) {
    return luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
  }
  const uint64_t start = ticks();
  Decoder(L, options_of(L), text).whole();
  engine_of(L).breathe_after(L, ticks() - start);
  return 1;
}

// Options are read without an argument and set with one; either way the value is returned.
int integer_option(lua_State* L, int index, int& value, int low, int high) {
  if (lua_gettop(L) >= index && !lua_isnil(L, index)) {
    const int wanted = luaL_checkint(L, index);
    if (wanted < low || wanted > high) {
      char text[64];
      std::snprintf(text, sizeof text, "expected integer between %d and %d", low, high);
      luaL_argerror(L, index, text);
    }
    value = wanted;
  }
  lua_pushinteger(L, value);
  return 1;
}

// One of the words, by itself or, of the first two, as a boolean.
int choice_option(lua_State* L, int index, int& value, const char* const* words) {
  if (lua_gettop(L) >= index && !lua_isnil(L, index)) {
    value = lua_isboolean(L, index) ? lua_toboolean(L, index)
                                    : luaL_checkoption(L, index, nullptr, words);
  }
  value > 1 ? lua_pushstring(L, words[value]) : lua_pushboolean(L, value);
  return 1;
}

int boolean_option(lua_State* L, int index, bool& value) {
  const char* const words[] = {"off", "on", nullptr};
  int choice = value ? 1 : 0;
  choice_option(L, index, choice, words);
  value = choice != 0;
  return 1;
}

void check_one_argument(lua_State* L) {
  luaL_argcheck(L, lua_gettop(L) <= 1, 2, "found too many arguments");
}

int encode_max_depth(lua_State* L) {
  check_one_argument(L);
  return integer_option(L, 1, options_of(L).encode_depth_max, 1, INT32_MAX);
}
int decode_max_depth(lua_State* L) {
  check_one_argument(L);
  return integer_option(L, 1, options_of(L).decode_depth_max, 1, INT32_MAX);
}
int number_precision(lua_State* L) {
  check_one_argument(L);
  return integer_option(L, 1, options_of(L).precision, 1, 14);
}
int keep_buffer(lua_State* L) {
  check_one_argument(L);
  return boolean_option(L, 1, options_of(L).keep_buffer);
}
int decode_invalid_numbers(lua_State* L) {
  check_one_argument(L);
  return boolean_option(L, 1, options_of(L).decode_invalid_numbers);
}
int encode_invalid_numbers(lua_State* L) {
  check_one_argument(L);
  const char* const words[] = {"off", "on", "null", nullptr};
  return choice_option(L, 1, options_of(L).invalid_numbers, words);
}

int sparse_array(lua_State* L) {
  JsonOptions& options = options_of(L);
  luaL_argcheck(L, lua_gettop(L) <= 3, 4, "found too many arguments");
  lua_settop(L, 3);
  boolean_option(L, 1, options.sparse_convert);
  integer_option(L, 2, options.sparse_ratio, 0, INT32_MAX);
  integer_option(L, 3, options.sparse_safe, 0, INT32_MAX);
  return 3;
}

int new_library(lua_State* L) {
  open_json_library(L);
  return 1;
}

}  // namespace

void open_json_library(lua_State* L) {
  const luaL_Reg functions[] = {{"encode", encode},
                                {"decode", decode},
                                {"encode_sparse_array", sparse_array},
                                {"encode_max_depth", encode_max_depth},
                                {"decode_max_depth", decode_max_depth},
                                {"encode_number_precision", number_precision},
                                {"encode_keep_buffer", keep_buffer},
                                {"encode_invalid_numbers", encode_invalid_numbers},
                                {"decode_invalid_numbers", decode_invalid_numbers},
                                {"new", new_library}};
  lua_createtable(L, 0, 16);
  new (lua_newuserdata(L, sizeof(JsonOptions))) JsonOptions();
  for (const luaL_Reg& function : functions) {
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, function.func, 1);
    lua_setfield(L, -3, function.name);
  }
  lua_pop(L, 1);
  lua_pushlightuserdata(L, nullptr);
  lua_setfield(L, -2, "null");
  lua_pushliteral(L, "cjson");
  lua_setfield(L, -2, "_NAME");
  lua_pushliteral(L, "2.1.0");
  lua_setfield(L, -2, "_VERSION");
}

}  // namespace larder
