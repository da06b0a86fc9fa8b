// bit: operations on 32-bit numbers.
// Source: https://bitop.luajit.org/api.html
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>

#include "server/scripting/interpreter.h"

namespace larder {
namespace {

// Adding this leaves a number's value modulo 2^32, rounded to the even, in the lowest bits.
constexpr double kShift = 6755399441055744.0;  // 2^52 + 2^51

uint32_t argument(lua_State* L, int index) {
  const double shifted = luaL_checknumber(L, index) + kShift;
  return static_cast<uint32_t>(std::bit_cast<uint64_t>(shifted));
}

int answer(lua_State* L, uint32_t bits) {
  lua_pushnumber(L, static_cast<int32_t>(bits));
  return 1;
}

template <typename Combine>
int fold(lua_State* L, Combine combine) {
  uint32_t bits = argument(L, 1);
  for (int i = lua_gettop(L); i > 1; --i) bits = combine(bits, argument(L, i));
  return answer(L, bits);
}

int to_bit(lua_State* L) { return answer(L, argument(L, 1)); }
int bit_not(lua_State* L) { return answer(L, ~argument(L, 1)); }
int byte_swap(lua_State* L) { return answer(L, __builtin_bswap32(argument(L, 1))); }
int bit_and(lua_State* L) {
  return fold(L, [](uint32_t a, uint32_t b) { return a & b; });
}
int bit_or(lua_State* L) {
  return fold(L, [](uint32_t a, uint32_t b) { return a | b; });
}
int bit_xor(lua_State* L) {
  return fold(L, [](uint32_t a, uint32_t b) { return a ^ b; });
}

// Only the lowest five bits of a distance count.
uint32_t distance(lua_State* L) { return argument(L, 2) & 31; }
int shift_left(lua_State* L) { return answer(L, argument(L, 1) << distance(L)); }
int shift_right(lua_State* L) { return answer(L, argument(L, 1) >> distance(L)); }
int shift_arithmetic(lua_State* L) {
  return answer(L, static_cast<uint32_t>(static_cast<int32_t>(argument(L, 1)) >> distance(L)));
}
int rotate_left(lua_State* L) {
  const uint32_t bits = argument(L, 1);
  return answer(L, std::rotl(bits, static_cast<int>(distance(L))));
}
int rotate_right(lua_State* L) {
  const uint32_t bits = argument(L, 1);
  return answer(L, std::rotr(bits, static_cast<int>(distance(L))));
}

// A negative number of digits means capitals.
int to_hex(lua_State* L) {
  constexpr uint32_t kDigitsMax = 8;
  const uint32_t bits = argument(L, 1);
  const auto wanted =
      lua_isnone(L, 2) ? int64_t{kDigitsMax} : int64_t{static_cast<int32_t>(argument(L, 2))};
  const auto digits =
      static_cast<int>(std::min<int64_t>(wanted < 0 ? -wanted : wanted, kDigitsMax));
  char text[kDigitsMax + 1];
  std::snprintf(text, sizeof text, wanted < 0 ? "%08X" : "%08x", bits);
  lua_pushlstring(L, text + kDigitsMax - digits, static_cast<size_t>(digits));
  return 1;
}

}  // namespace

void open_bit_library(lua_State* L) {
  const luaL_Reg functions[] = {{"tobit", to_bit},       {"bnot", bit_not},
                                {"band", bit_and},       {"bor", bit_or},
                                {"bxor", bit_xor},       {"lshift", shift_left},
                                {"rshift", shift_right}, {"arshift", shift_arithmetic},
                                {"rol", rotate_left},    {"ror", rotate_right},
                                {"bswap", byte_swap},    {"tohex", to_hex}};
  lua_createtable(L, 0, 12);
  for (const luaL_Reg& function : functions) {
    lua_pushcfunction(L, function.func);
    lua_setfield(L, -2, function.name);
  }
}

}  // namespace larder
