#include "server/scripting/replies.h"

#include <array>
#include <cmath>

#include "base/numbers.h"
#include "server/engine/dispatcher.h"

namespace larder {
namespace {

// Reads what our own writer wrote: no byte of it comes from a client unchecked.
class ReplyReader {
 public:
  ReplyReader(lua_State* L, Bytes reply) : L_(L), at_(reply.data()) {}

  void push_value() {
    luaL_checkstack(L_, 6, "reply is nested too deeply");
    const char kind = *at_++;
    switch (kind) {
      case '$':
        return push_bulk();
      case ':':
        return lua_pushnumber(L_, static_cast<lua_Number>(integer()));
      case '+':
        return push_field("ok", line());
      case '-':
        return push_counted_error(L_, line());
      case '*':
      case '>':
        return push_array();
      case '%':
        return push_map();
      case '~':
        return push_set();
      case '#':
        return lua_pushboolean(L_, line() == "t" ? 1 : 0);
      case ',':
        return push_double();
      case '(':
        return push_field("big_number", line());
      case '=':
        return push_verbatim();
      case '|':
        return skip_attribute();
      default:
        line();
        return lua_pushnil(L_);  // '_'
    }
  }

 private:
  Bytes line() {
    const char* const start = at_;
    while (*at_ != '\r') ++at_;
    const Bytes text(start, static_cast<size_t>(at_ - start));
    at_ += 2;
    return text;
  }

  int64_t integer() { return parse_int64(line()).value_or(0); }

  Bytes take(size_t bytes) {
    const Bytes text(at_, bytes);
    at_ += bytes + 2;
    return text;
  }

  void push_bulk() {
    const int64_t size = integer();
    if (size < 0) return lua_pushboolean(L_, 0);
    push(L_, take(static_cast<size_t>(size)));
  }

  void push_field(const char* name, Bytes text) {
    lua_createtable(L_, 0, 1);
    push(L_, text);
    lua_setfield(L_, -2, name);
  }

  void push_array() {
    const int64_t count = integer();
    if (count < 0) return lua_pushboolean(L_, 0);
    lua_createtable(L_, static_cast<int>(count), 0);
    for (int64_t i = 1; i <= count; ++i) {
      push_value();
      lua_rawseti(L_, -2, static_cast<int>(i));
    }
  }

  void push_map() {
    const int64_t pairs = integer();
    lua_createtable(L_, 0, 1);
    lua_createtable(L_, 0, 0);  // grown as Redis grows it, so pairs() goes in the same order
    for (int64_t i = 0; i < pairs; ++i) {
      push_value();
      push_value();
      lua_rawset(L_, -3);
    }
    lua_setfield(L_, -2, "map");
  }

  void push_set() {
    const int64_t count = integer();
    lua_createtable(L_, 0, 1);
    lua_createtable(L_, 0, 0);  // the same
    for (int64_t i = 0; i < count; ++i) {
      push_value();
      lua_pushboolean(L_, 1);
      lua_rawset(L_, -3);
    }
    lua_setfield(L_, -2, "set");
  }

  void push_double() {
    lua_createtable(L_, 0, 1);
    lua_pushnumber(L_, parse_double(line()).value_or(std::nan("")));
    lua_setfield(L_, -2, "double");
  }

  void push_verbatim() {
    const Bytes text = take(static_cast<size_t>(integer()));
    lua_createtable(L_, 0, 1);
    lua_createtable(L_, 0, 2);
    push(L_, text.substr(4));
    lua_setfield(L_, -2, "string");
    push(L_, text.substr(0, 3));
    lua_setfield(L_, -2, "format");
    lua_setfield(L_, -2, "verbatim_string");
  }

  void skip_attribute() {
    const int64_t pairs = integer();
    for (int64_t i = 0; i < 2 * pairs; ++i) {
      push_value();
      lua_pop(L_, 1);
    }
    push_value();
  }

  lua_State* L_;
  const char* at_;
};

// As a cast does on x86 where the value does not fit.
int64_t whole_part(double value) {
  constexpr double kMost = 9223372036854775808.0;
  if (!(value >= -kMost && value < kMost)) return INT64_MIN;
  return static_cast<int64_t>(value);
}

Bytes without_end(Bytes text) { return text.substr(0, text.find_last_not_of("\r\n") + 1); }

class ReplyMaker {
 public:
  ReplyMaker(lua_State* L, ScriptJob& job)
      : L_(L), job_(job), reply_(job.call.reply()), protocol_(job.protocol) {}

  // Takes the value off the stack.
  void write_value() {
    if (lua_checkstack(L_, 6) == 0) {
      reply_.error("ERR reached lua stack limit");
      return lua_pop(L_, 1);
    }
    switch (lua_type(L_, -1)) {
      case LUA_TSTRING:
        reply_.bulk(bytes_at(L_, -1));
        break;
      case LUA_TNUMBER:
        reply_.integer(whole_part(lua_tonumber(L_, -1)));
        break;
      case LUA_TBOOLEAN:
        write_boolean(lua_toboolean(L_, -1) != 0);
        break;
      case LUA_TTABLE:
        write_table();
        break;
      default:
        reply_.null();
    }
    lua_pop(L_, 1);
  }

 private:
  void write_boolean(bool value) {
    if (protocol_ >= 3) return reply_.boolean(value);
    value ? reply_.integer(1) : reply_.null();
  }

  // Pushes a field of the table at the top; pops it again when it is of another type.
  bool push_field(const char* name, int type) {
    lua_pushstring(L_, name);
    lua_rawget(L_, -2);
    if (lua_type(L_, -1) == type) return true;
    lua_pop(L_, 1);
    return false;
  }

  void write_table() {
    const bool counted = is_counted_error(L_);
    if (push_field("err", LUA_TSTRING)) {
      const Bytes text = without_end(bytes_at(L_, -1));
      reply_.error(text);
      if (!counted) job_.call.dispatcher().count_error(text);
    } else if (push_field("ok", LUA_TSTRING)) {
      reply_.simple(one_line(bytes_at(L_, -1)));
    } else if (push_field("double", LUA_TNUMBER)) {
      reply_.number(lua_tonumber(L_, -1));
    } else if (push_field("map", LUA_TTABLE)) {
      return write_map();
    } else if (push_field("set", LUA_TTABLE)) {
      return write_set();
    } else if (push_field("big_number", LUA_TSTRING)) {
      reply_.big_number(one_line(bytes_at(L_, -1)));
    } else if (push_field("verbatim_string", LUA_TTABLE)) {
      return write_verbatim();
    } else {
      return write_array();
    }
    lua_pop(L_, 1);
  }

  static std::string one_line(Bytes text) {
    std::string line(text);
    for (char& c : line) {
      if (c == '\r' || c == '\n') c = ' ';
    }
    return line;
  }

  size_t count_entries() {
    size_t count = 0;
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      ++count;
      lua_pop(L_, 1);
    }
    return count;
  }

  void write_map() {
    reply_.map(count_entries());
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      lua_pushvalue(L_, -2);
      write_value();  // the key
      write_value();
    }
    lua_pop(L_, 1);
  }

  void write_set() {
    reply_.set(count_entries());
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      lua_pop(L_, 1);
      lua_pushvalue(L_, -1);
      write_value();
    }
    lua_pop(L_, 1);
  }

  void write_verbatim() {
    const bool has_format = push_field("format", LUA_TSTRING);
    const std::string format(has_format ? bytes_at(L_, -1) : Bytes{});
    if (has_format) lua_pop(L_, 1);
    if (!has_format || !push_field("string", LUA_TSTRING)) {
      lua_pop(L_, 1);
      return write_array();
    }
    std::string three = format;
    three.resize(3, ' ');
    reply_.verbatim(three, bytes_at(L_, -1));
    lua_pop(L_, 2);
  }

  // Up to the first nil.
  void write_array() {
    int count = 0;
    for (bool more = true; more; lua_pop(L_, 1)) {
      lua_rawgeti(L_, -1, count + 1);
      more = !lua_isnil(L_, -1);
      count += more ? 1 : 0;
    }
    reply_.array(static_cast<size_t>(count));
    for (int i = 1; i <= count; ++i) {
      lua_rawgeti(L_, -1, i);
      write_value();
    }
  }

  lua_State* L_;
  ScriptJob& job_;
  ReplyWriter& reply_;
  const int protocol_;
};

}  // namespace

// Big values stand in pieces of their own.
void push_reply(lua_State* L, Output& reply) {
  std::array<Bytes, 4> pieces;
  size_t count = reply.gather(pieces.data(), pieces.size());
  if (count == 1 && pieces[0].size() == reply.pending()) {
    return ReplyReader(L, pieces[0]).push_value();
  }
  std::string whole;
  while (!reply.empty()) {
    count = reply.gather(pieces.data(), pieces.size());
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      whole += pieces[i];
      bytes += pieces[i].size();
    }
    reply.consume(bytes);
  }
  ReplyReader(L, whole).push_value();
}

std::optional<std::string> take_error(lua_State* L) {
  if (!lua_istable(L, -1)) return {};
  std::optional<std::string> error;
  lua_pushliteral(L, "err");
  lua_rawget(L, -2);
  if (lua_type(L, -1) == LUA_TSTRING) error = without_end(bytes_at(L, -1));
  lua_pop(L, 1);
  return error;
}

void write_reply(lua_State* L, ScriptJob& job) {
  ReplyMaker(L, job).write_value();
}

}  // namespace larder
