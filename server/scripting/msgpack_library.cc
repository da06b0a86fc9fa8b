// cmsgpack: MessagePack, with the choices and error texts that scripts know.
// Source: https://github.com/msgpack/msgpack/blob/master/spec.md
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "base/clock.h"
#include "server/scripting/engine.h"
#include "server/scripting/interpreter.h"

namespace larder {
namespace {

// Tables are packed down to here; what lies deeper, and so every cycle, becomes nil.
constexpr int kPackDepthMax = 16;
// What is unpacked may be nested as deep as this: each level takes room on two stacks.
constexpr int kUnpackDepthMax = 1000;

template <typename T>
T swapped(T value) {
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  return value;
}

class Packer {
 public:
  explicit Packer(lua_State* L) : L_(L), bytes_max_(engine_of(L).memory_limit() / 4) {}

  // The value at the top of the stack, which is taken off.
  void value(int depth) {
    switch (lua_type(L_, -1)) {
      case LUA_TSTRING:
        string(bytes_at(L_, -1));
        break;
      case LUA_TBOOLEAN:
        byte(lua_toboolean(L_, -1) != 0 ? 0xc3 : 0xc2);
        break;
      case LUA_TNUMBER:
        number(lua_tonumber(L_, -1));
        break;
      case LUA_TTABLE:
        depth == kPackDepthMax ? byte(0xc0) : table(depth);
        break;
      default:
        byte(0xc0);
    }
    lua_pop(L_, 1);
  }
  const std::string& text() const { return text_; }

 private:
  void add(Bytes bytes) {
    if (text_.size() + bytes.size() > bytes_max_) luaL_error(L_, "not enough memory");
    text_ += bytes;
  }
  void byte(int value) {
    const char c = static_cast<char>(value);
    add({&c, 1});
  }
  template <typename T>
  void tagged(int tag, T value) {
    char bytes[1 + sizeof value];
    bytes[0] = static_cast<char>(tag);
    store(bytes + 1, swapped(value));
    add({bytes, sizeof bytes});
  }

  void string(Bytes bytes) {
    if (bytes.size() < 32) {
      byte(0xa0 | static_cast<int>(bytes.size()));
    } else if (bytes.size() <= 0xff) {
      tagged(0xd9, static_cast<uint8_t>(bytes.size()));
    } else if (bytes.size() <= 0xffff) {
      tagged(0xda, static_cast<uint16_t>(bytes.size()));
    } else {
      tagged(0xdb, static_cast<uint32_t>(bytes.size()));
    }
    add(bytes);
  }

  void number(double value) {
    constexpr double kMost = 9223372036854775808.0;
    if (value >= -kMost && value < kMost && value == std::trunc(value)) {
      return integer(static_cast<int64_t>(value));
    }
    const auto narrow = static_cast<float>(value);
    if (static_cast<double>(narrow) == value) return tagged(0xca, std::bit_cast<uint32_t>(narrow));
    tagged(0xcb, std::bit_cast<uint64_t>(value));
  }

  void integer(int64_t value) {
    if (value >= 0) return unsigned_integer(static_cast<uint64_t>(value));
    if (value >= -32) return byte(static_cast<int>(value));
    if (value >= INT8_MIN) return tagged(0xd0, static_cast<int8_t>(value));
    if (value >= INT16_MIN) return tagged(0xd1, static_cast<int16_t>(value));
    if (value >= INT32_MIN) return tagged(0xd2, static_cast<int32_t>(value));
    tagged(0xd3, value);
  }

  void unsigned_integer(uint64_t value) {
    if (value <= 0x7f) return byte(static_cast<int>(value));
    if (value <= 0xff) return tagged(0xcc, static_cast<uint8_t>(value));
    if (value <= 0xffff) return tagged(0xcd, static_cast<uint16_t>(value));
    if (value <= 0xffff'ffff) return tagged(0xce, static_cast<uint32_t>(value));
    tagged(0xcf, value);
  }

  void header(size_t count, int small, int sixteen) {
    if (count < 16) return byte(small | static_cast<int>(count));
    if (count <= 0xffff) return tagged(sixteen, static_cast<uint16_t>(count));
    tagged(sixteen + 1, static_cast<uint32_t>(count));
  }

  // Keys from 1 to the count, each of them there.
  bool is_array(size_t& count) {
    double most = 0;
    bool whole = true;
    count = 0;
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      lua_pop(L_, 1);
      ++count;
      const double key = lua_type(L_, -1) == LUA_TNUMBER ? lua_tonumber(L_, -1) : 0;
      whole = whole && key > 0 && key == std::floor(key);
      most = std::max(most, key);
    }
    return whole && most == static_cast<double>(count);
  }

  void table(int depth) {
    luaL_checkstack(L_, 6, "in function cmsgpack.pack");
    size_t count = 0;
    if (is_array(count)) {
      header(count, 0x90, 0xdc);
      for (size_t i = 1; i <= count; ++i) {
        lua_rawgeti(L_, -1, static_cast<int>(i));
        value(depth + 1);
      }
      return;
    }
    header(count, 0x80, 0xde);
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      lua_pushvalue(L_, -2);
      value(depth + 1);
      value(depth + 1);
    }
  }

  lua_State* L_;
  const size_t bytes_max_;
  std::string text_;
};

class Unpacker {
 public:
  Unpacker(lua_State* L, Bytes bytes) : L_(L), left_(bytes) {}

  size_t left() const { return left_.size(); }

  void value(int depth = 0) {
    if (depth > kUnpackDepthMax) luaL_error(L_, "stack overflow (too many nested values)");
    luaL_checkstack(L_, 4, "too many values to unpack");
    const int tag = take<uint8_t>();
    if (tag <= 0x7f) return lua_pushnumber(L_, tag);
    if (tag >= 0xe0) return lua_pushnumber(L_, static_cast<int8_t>(tag));
    if (tag <= 0x8f) return map(static_cast<size_t>(tag & 15), depth);
    if (tag <= 0x9f) return array(static_cast<size_t>(tag & 15), depth);
    if (tag <= 0xbf) return string(static_cast<size_t>(tag & 31));
    tagged(tag, depth);
  }

 private:
  template <typename T>
  T take() {
    const T value = swapped(load<T>(take_bytes(sizeof(T)).data()));
    return value;
  }
  Bytes take_bytes(size_t size) {
    if (left_.size() < size) luaL_error(L_, "Missing bytes in input.");
    const Bytes bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  template <typename T>
  void number() {
    lua_pushnumber(L_, static_cast<lua_Number>(take<T>()));
  }
  void string(size_t size) { push(L_, take_bytes(size)); }

  void tagged(int tag, int depth) {
    switch (tag) {
      case 0xc0:
        return lua_pushnil(L_);
      case 0xc2:
        return lua_pushboolean(L_, 0);
      case 0xc3:
        return lua_pushboolean(L_, 1);
      case 0xc4:
      case 0xd9:
        return string(take<uint8_t>());
      case 0xc5:
      case 0xda:
        return string(take<uint16_t>());
      case 0xc6:
      case 0xdb:
        return string(take<uint32_t>());
      case 0xca:
        return lua_pushnumber(L_, std::bit_cast<float>(take<uint32_t>()));
      case 0xcb:
        return lua_pushnumber(L_, std::bit_cast<double>(take<uint64_t>()));
      case 0xcc:
        return number<uint8_t>();
      case 0xcd:
        return number<uint16_t>();
      case 0xce:
        return number<uint32_t>();
      case 0xcf:
        return number<uint64_t>();
      case 0xd0:
        return number<int8_t>();
      case 0xd1:
        return number<int16_t>();
      case 0xd2:
        return number<int32_t>();
      case 0xd3:
        return number<int64_t>();
      case 0xdc:
        return array(take<uint16_t>(), depth);
      case 0xdd:
        return array(take<uint32_t>(), depth);
      case 0xde:
        return map(take<uint16_t>(), depth);
      case 0xdf:
        return map(take<uint32_t>(), depth);
      default:
        luaL_error(L_, "Bad data format in input.");
    }
  }

  // No room is made for a count that is only announced.
  void array(size_t count, int depth) {
    lua_createtable(L_, 0, 0);
    for (size_t i = 1; i <= count; ++i) {
      value(depth + 1);
      lua_rawseti(L_, -2, static_cast<int>(i));
    }
  }

  void map(size_t count, int depth) {
    lua_createtable(L_, 0, 0);
    for (size_t i = 0; i < count; ++i) {
      value(depth + 1);
      const bool bad = lua_isnil(L_, -1) ||
                       (lua_type(L_, -1) == LUA_TNUMBER && std::isnan(lua_tonumber(L_, -1)));
      if (bad) luaL_error(L_, "Bad data format in input.");
      value(depth + 1);
      lua_rawset(L_, -3);
    }
  }

  lua_State* L_;
  Bytes left_;
};

int pack(lua_State* L) {
  const int count = lua_gettop(L);
  if (count == 0) return luaL_argerror(L, 0, "MessagePack pack needs input.");
  const uint64_t start = ticks();
  Packer packer(L);
  for (int i = 1; i <= count; ++i) {
    luaL_checkstack(L, 1, "in function cmsgpack.pack");
    lua_pushvalue(L, i);
    packer.value(0);
  }
  push(L, packer.text());
  engine_of(L).breathe_after(L, ticks() - start);
  return 1;
}

// Unless it is all there are, the first result is where the next value stands, or -1.
int unpack_some(lua_State* L, lua_Integer limit, lua_Integer offset, bool all) {
  luaL_checkstring(L, 1);
  const Bytes bytes = bytes_at(L, 1);
  const auto size = static_cast<int64_t>(bytes.size());
  if (offset < 0 || limit < 0) {
    return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                      static_cast<int>(offset), static_cast<int>(size));
  }
  if (offset > size) {
    return luaL_error(L, "Start offset %d greater than input length %d.", static_cast<int>(offset),
                      static_cast<int>(size));
  }
  const uint64_t start = ticks();
  Unpacker unpacker(L, bytes.substr(static_cast<size_t>(offset)));
  int values = 0;
  while (unpacker.left() > 0 && (all || values < limit)) {
    unpacker.value();
    ++values;
  }
  engine_of(L).breathe_after(L, ticks() - start);
  if (all) return values;
  luaL_checkstack(L, 1, "in function cmsgpack.unpack");
  lua_pushnumber(L,
                 unpacker.left() == 0 ? -1.0 : static_cast<double>(bytes.size() - unpacker.left()));
  lua_insert(L, -values - 1);
  return values + 1;
}

int unpack(lua_State* L) { return unpack_some(L, 0, 0, true); }
int unpack_one(lua_State* L) {
  const lua_Integer offset = luaL_optinteger(L, 2, 0);
  return unpack_some(L, 1, offset, false);
}
int unpack_limit(lua_State* L) {
  const lua_Integer limit = luaL_checkinteger(L, 2);
  const lua_Integer offset = luaL_optinteger(L, 3, 0);
  return unpack_some(L, limit, offset, limit == 0 && offset == 0);
}

}  // namespace

void open_msgpack_library(lua_State* L) {
  const luaL_Reg functions[] = {{"pack", pack},
                                {"unpack", unpack},
                                {"unpack_one", unpack_one},
                                {"unpack_limit", unpack_limit}};
  const char* const texts[][2] = {{"_NAME", "cmsgpack"},
                                  {"_VERSION", "lua-cmsgpack 0.4.0"},
                                  {"_COPYRIGHT", "The authors of Larder"},
                                  {"_DESCRIPTION", "MessagePack for Lua"}};
  lua_createtable(L, 0, 8);
  for (const luaL_Reg& function : functions) {
    lua_pushcfunction(L, function.func);
    lua_setfield(L, -2, function.name);
  }
  for (const auto& [name, text] : texts) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
  }
}

}  // namespace larder
