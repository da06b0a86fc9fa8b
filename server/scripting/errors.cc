// What a script's errors become: a value inside the script, one line for the client.
#include "server/scripting/interpreter.h"

namespace larder {
namespace {

constexpr Bytes kUnknown = "ERR unknown error";
constexpr const char* kCounted = "ignore_error_stats_update";  // Redis's name for it

std::string field_text(lua_State* L, const char* name) {
  lua_pushstring(L, name);
  lua_rawget(L, -2);
  std::string text(lua_isstring(L, -1) ? bytes_at(L, -1) : Bytes{});
  lua_pop(L, 1);
  return text;
}

// "WORD text" and "-WORD text" have an error's word; one word alone is the text and gets ERR.
std::string with_word(Bytes text) {
  std::string line(text.substr(0, text.find_last_not_of("\r\n") + 1));
  if (line.starts_with('-')) line.erase(0, 1);
  return line.find(' ') == std::string::npos ? "ERR " + line : line;
}

// What raised the error: the script's function, not a library's.
bool find_place(lua_State* L, lua_Debug& place) {
  for (int level = 1, library = 0; library < 2; ++level) {
    if (lua_getstack(L, level, &place) == 0 || lua_getinfo(L, "nSl", &place) == 0) return false;
    if (Bytes(place.what) != "C") return true;
    if (library == 0 || !is_guard(L, place)) ++library;
  }
  return true;
}

}  // namespace

void push_error(lua_State* L, Bytes text) {
  lua_createtable(L, 0, 2);
  push(L, with_word(text));
  lua_setfield(L, -2, "err");
}

void push_counted_error(lua_State* L, Bytes text) {
  push_error(L, text);
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, kCounted);
}

bool is_counted_error(lua_State* L) {
  if (!lua_istable(L, -1)) return false;
  lua_pushstring(L, kCounted);
  lua_rawget(L, -2);
  const bool counted = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return counted;
}

void raise(lua_State* L, Bytes text) {
  push_error(L, text);
  lua_error(L);
  __builtin_unreachable();
}

int describe_error(lua_State* L) {
  if (!lua_istable(L, 1)) {
    lua_createtable(L, 0, 3);
    std::string text = "ERR ";
    text += lua_isstring(L, 1)     ? bytes_at(L, 1)
            : lua_isnil(L, 1)      ? Bytes("nil")
            : !lua_isboolean(L, 1) ? Bytes(luaL_typename(L, 1))
            : lua_toboolean(L, 1)  ? Bytes("true")
                                   : Bytes("false");
    push(L, text);
    lua_setfield(L, -2, "err");
    lua_replace(L, 1);
  }
  lua_Debug place{};
  if (find_place(L, place)) {
    lua_settop(L, 1);
    lua_pushliteral(L, "source");
    lua_pushstring(L, place.source);
    lua_rawset(L, 1);
    lua_pushliteral(L, "line");
    lua_pushinteger(L, place.currentline);
    lua_rawset(L, 1);
  }
  lua_settop(L, 1);
  return 1;
}

std::string error_text(lua_State* L) {
  std::string text = field_text(L, "err");
  return text.empty() ? std::string(kUnknown) : text;
}

std::string error_line(lua_State* L, Bytes script) {
  if (!lua_istable(L, -1)) {  // memory was out, or an error in an error
    return "ERR " + std::string(lua_isstring(L, -1) ? bytes_at(L, -1) : kUnknown.substr(4));
  }
  std::string line = error_text(L);
  const std::string source = field_text(L, "source");
  const std::string number = field_text(L, "line");
  if (source.empty() || number.empty()) return line;
  return line.append(" script: ").append(script) + ", on " + source + ":" + number + ".";
}

}  // namespace larder
