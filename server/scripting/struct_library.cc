// struct: values as bytes by a format.
//
//   > < !n   big, little, native byte order with alignment    x  a byte of padding
//   b B h H l L T i I in In   integers, n bytes                f d  floating point
//   s        a string up to a NUL                              cn   n bytes, c0: as many as fit
//
// Source: http://www.inf.puc-rio.br/~roberto/struct/
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "server/scripting/engine.h"
#include "server/scripting/interpreter.h"

namespace larder {
namespace {

constexpr size_t kIntegerMax = 32;  // bytes
constexpr size_t kNativeAlign = 8;

// One item of a format.
struct Item {
  char option = 0;
  size_t size = 0;
  size_t padding = 0;  // before it
};

class Format {
 public:
  // What only wants the size passes over letters and digits that are no options.
  enum class Unknown { refused, passed_over };

  Format(lua_State* L, const char* text, Unknown unknown = Unknown::refused)
      : L_(L), at_(text), unknown_(unknown) {}

  bool big_endian() const { return big_; }
  bool at_end() const { return *at_ == '\0'; }

  // `offset`: bytes before the item. What it changes for those behind it is for apply().
  Item next(size_t offset) {
    Item item;
    item.option = *at_++;
    item.size = size_of(item.option);
    size_t align = item.size;
    if (align > align_max_) align = align_max_;
    if (align > 1 && item.option != 'c') {
      // Sizes between the powers of two have Redis's padding, which is no alignment.
      item.padding = (align - (offset & (align - 1))) & (align - 1);
    }
    return item;
  }

  void apply(const Item& item) {
    switch (item.option) {
      case ' ':
        return;
      case '>':
        big_ = true;
        return;
      case '<':
        big_ = false;
        return;
      case '!': {
        const size_t align = number(kNativeAlign);
        if (align == 0 || (align & (align - 1)) != 0) {
          luaL_error(L_, "alignment %d is not a power of 2", static_cast<int>(align));
        }
        align_max_ = align;
        return;
      }
      default:
        if (item.size == 0 && item.option != 's' && item.option != 'c' && item.option != 'i' &&
            item.option != 'I' && !is_passed_over(item.option)) {
          luaL_argerror(L_, 1, lua_pushfstring(L_, "invalid format option '%c'", item.option));
        }
    }
  }

 private:
  bool digit() const { return std::isdigit(static_cast<unsigned char>(*at_)) != 0; }

  bool is_passed_over(char option) const {
    return unknown_ == Unknown::passed_over &&
           std::isalnum(static_cast<unsigned char>(option)) != 0;
  }

  size_t number(size_t standard) {
    if (!digit()) return standard;
    int64_t value = 0;
    while (digit()) {
      value = value * 10 + (*at_++ - '0');
      if (value > INT32_MAX) luaL_error(L_, "integral size overflow");
    }
    return static_cast<size_t>(value);
  }

  size_t size_of(char option) {
    switch (option) {
      case 'b':
      case 'B':
        return 1;
      case 'h':
      case 'H':
        return sizeof(short);
      case 'l':
      case 'L':
        return sizeof(long);
      case 'T':
        return sizeof(size_t);
      case 'f':
        return sizeof(float);
      case 'd':
        return sizeof(double);
      case 'x':
        return 1;
      case 'c':
        return number(1);
      case 'i':
      case 'I': {
        const size_t size = number(sizeof(int));
        if (size > kIntegerMax) {
          luaL_error(L_, "integral size %d is larger than limit of %d", static_cast<int>(size),
                     static_cast<int>(kIntegerMax));
        }
        return size;
      }
      default:
        return 0;
    }
  }

  lua_State* L_;
  const char* at_;
  const Unknown unknown_;
  bool big_ = false;
  size_t align_max_ = 1;
};

bool is_integer(char option) { return option != '\0' && std::strchr("bBhHlLTiI", option); }
bool is_signed(char option) { return option != '\0' && std::strchr("bhli", option); }

class Writer {
 public:
  explicit Writer(lua_State* L) : L_(L), bytes_max_(engine_of(L).memory_limit() / 4) {}

  size_t size() const { return text_.size(); }
  const std::string& text() const { return text_; }
  void add(Bytes bytes) {
    if (text_.size() + bytes.size() > bytes_max_) luaL_error(L_, "not enough memory");
    text_ += bytes;
  }
  void zeros(size_t count) {
    for (size_t i = 0; i < count; ++i) add(Bytes("\0", 1));
  }
  void integer(double value, size_t size, bool big) {
    uint64_t bits = bits_of(value);
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i, bits >>= 8) {
      bytes[big ? size - 1 - i : i] = static_cast<char>(bits);
    }
    add(bytes);
  }
  template <typename T>
  void floating(T value, bool big) {
    char bytes[sizeof value];
    store(bytes, value);
    if (big) std::reverse(bytes, bytes + sizeof bytes);
    add({bytes, sizeof bytes});
  }

 private:
  // As casts do on x86 where the value does not fit.
  static uint64_t bits_of(double value) {
    constexpr double kMost = 9223372036854775808.0;
    if (value >= 2 * kMost) return 0;
    if (value >= kMost) return static_cast<uint64_t>(value);
    return static_cast<uint64_t>(value >= -kMost ? static_cast<int64_t>(value) : INT64_MIN);
  }

  lua_State* L_;
  const size_t bytes_max_;
  std::string text_;
};

void pack_string(lua_State* L, int index, Item& item, Writer& writer) {
  luaL_checkstring(L, index);
  const Bytes bytes = bytes_at(L, index);
  if (item.size == 0) item.size = bytes.size();
  luaL_argcheck(L, bytes.size() >= item.size, index + 1, "string too short");
  writer.add(bytes.substr(0, item.size));
  if (item.option == 's') writer.zeros(1);
}

int pack(lua_State* L) {
  Format format(L, luaL_checkstring(L, 1));
  Writer writer(L);
  lua_pushnil(L);  // what an argument too few is
  int argument = 2;
  while (!format.at_end()) {
    Item item = format.next(writer.size());
    format.apply(item);
    writer.zeros(item.padding);
    if (is_integer(item.option)) {
      writer.integer(luaL_checknumber(L, argument++), item.size, format.big_endian());
    } else if (item.option == 'x') {
      writer.zeros(1);
    } else if (item.option == 'f') {
      writer.floating(static_cast<float>(luaL_checknumber(L, argument++)), format.big_endian());
    } else if (item.option == 'd') {
      writer.floating(luaL_checknumber(L, argument++), format.big_endian());
    } else if (item.option == 's' || item.option == 'c') {
      pack_string(L, argument++, item, writer);
    }
  }
  push(L, writer.text());
  return 1;
}

double read_integer(Bytes bytes, bool big, bool with_sign) {
  uint64_t bits = 0;
  const size_t size = bytes.size();
  const size_t used = std::min(size, sizeof bits);
  for (size_t i = used; i-- > 0;) {
    bits = bits << 8 | static_cast<unsigned char>(bytes[big ? size - 1 - i : i]);
  }
  if (!with_sign) return static_cast<double>(bits);
  if (used > 0 && used < sizeof bits) {
    const uint64_t sign = uint64_t{1} << (used * 8 - 1);
    bits = (bits ^ sign) - sign;
  }
  return static_cast<double>(static_cast<int64_t>(bits));
}

template <typename T>
double read_floating(Bytes bytes, bool big) {
  char copy[sizeof(T)];
  std::copy(bytes.begin(), bytes.end(), copy);
  if (big) std::reverse(copy, copy + sizeof copy);
  return static_cast<double>(load<T>(copy));
}

// c0: the value before it, which goes, says how many bytes.
size_t counted_size(lua_State* L, int& values, size_t left) {
  if (values == 0 || lua_isnumber(L, -1) == 0) {
    luaL_error(L, "format 'c0' needs a previous size");
  }
  const double size = lua_tonumber(L, -1);
  lua_pop(L, 1);
  --values;
  luaL_argcheck(L, size >= 0 && size <= static_cast<double>(left), 2, "data string too short");
  return static_cast<size_t>(size);
}

int unpack(lua_State* L) {
  Format format(L, luaL_checkstring(L, 1));
  luaL_checkstring(L, 2);
  const Bytes data = bytes_at(L, 2);
  const lua_Number start = std::trunc(luaL_optnumber(L, 3, 1));
  luaL_argcheck(L, start != 0, 3, "offset must be 1 or greater");
  const bool inside = start >= 1 && start - 1 <= static_cast<double>(data.size());
  size_t at = inside ? static_cast<size_t>(start) - 1 : 0;
  int values = 0;
  while (!format.at_end()) {
    const Item item = format.next(at);
    const size_t needed = item.padding + item.size;
    luaL_argcheck(L, inside && needed <= data.size() - at, 2, "data string too short");
    format.apply(item);
    at += item.padding;
    luaL_checkstack(L, 2, "too many results");
    Bytes bytes = data.substr(at, item.size);
    if (is_integer(item.option)) {
      lua_pushnumber(L, read_integer(bytes, format.big_endian(), is_signed(item.option)));
    } else if (item.option == 'f') {
      lua_pushnumber(L, read_floating<float>(bytes, format.big_endian()));
    } else if (item.option == 'd') {
      lua_pushnumber(L, read_floating<double>(bytes, format.big_endian()));
    } else if (item.option == 'c') {
      if (item.size == 0) bytes = data.substr(at, counted_size(L, values, data.size() - at));
      push(L, bytes);
      at += bytes.size() - item.size;
    } else if (item.option == 's') {
      const size_t end = data.find('\0', at);
      if (end == Bytes::npos) luaL_error(L, "unfinished string in data");
      push(L, data.substr(at, end - at));
      at = end + 1;
    } else {
      at += item.size;
      continue;
    }
    ++values;
    at += item.size;
  }
  luaL_checkstack(L, 1, "too many results");
  lua_pushnumber(L, inside ? static_cast<double>(at + 1) : start);
  return values + 1;
}

int size_of_format(lua_State* L) {
  Format format(L, luaL_checkstring(L, 1), Format::Unknown::passed_over);
  size_t total = 0;
  while (!format.at_end()) {
    const Item item = format.next(total);
    if (item.option == 's') luaL_argerror(L, 1, "option 's' has no fixed size");
    if (item.option == 'c' && item.size == 0) {
      luaL_argerror(L, 1, "option 'c0' has no fixed size");
    }
    format.apply(item);
    total += item.padding + item.size;
  }
  lua_pushnumber(L, static_cast<double>(total));
  return 1;
}

}  // namespace

void open_struct_library(lua_State* L) {
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, pack);
  lua_setfield(L, -2, "pack");
  lua_pushcfunction(L, unpack);
  lua_setfield(L, -2, "unpack");
  lua_pushcfunction(L, size_of_format);
  lua_setfield(L, -2, "size");
}

}  // namespace larder
