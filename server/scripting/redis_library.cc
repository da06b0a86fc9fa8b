// redis.* as scripts see it.
// Source: https://redis.io/docs/latest/develop/interact/programmability/lua-api/
#include <cmath>
#include <cstdio>

#include "base/clock.h"
#include "base/numbers.h"
#include "base/sha1.h"
#include "server/engine/acl/gate.h"
#include "server/engine/dispatcher.h"
#include "server/engine/errors.h"
#include "server/engine/script_run.h"
#include "server/engine/trouble.h"
#include "server/engine/version.h"
#include "server/scripting/engine.h"
#include "server/scripting/function_store.h"
#include "server/scripting/interpreter.h"
#include "server/scripting/replies.h"

namespace larder {
namespace {

constexpr const char* kNoArguments =
    "ERR Please specify at least one argument for this redis lib call";
constexpr const char* kBadArgument =
    "ERR Lua redis lib command arguments must be strings or integers";

// Bits of redis.set_repl.
constexpr auto kReplAof = static_cast<int>(EffectFor::file);
constexpr auto kReplReplica = static_cast<int>(EffectFor::replicas);

// A number as Redis prints it for a command: whole ones without a point, others in 17 digits.
Bytes number_text(double number, IntegerText& room) {
  constexpr double kExact = 9007199254740992.0 * 1024;
  if (number > -kExact && number < kExact && number == std::trunc(number)) {
    return {room.text, format_int64(static_cast<int64_t>(number), room.text)};
  }
  return {room.text,
          static_cast<size_t>(std::snprintf(room.text, sizeof room.text, "%.17g", number))};
}

// The arguments as words of a command; they stay valid while they are on the stack. Null or what is
// wrong with them.
const char* read_words(lua_State* L, ScriptEngine::Scratch& scratch) {
  const int count = lua_gettop(L);
  if (count == 0) return kNoArguments;
  scratch.words.clear();
  const auto words = static_cast<size_t>(count);
  if (scratch.numbers.size() < words) scratch.numbers.resize(words);
  for (int i = 1; i <= count; ++i) {
    const int type = lua_type(L, i);
    if (type == LUA_TNUMBER) {
      scratch.words.push_back(
          number_text(lua_tonumber(L, i), scratch.numbers[static_cast<size_t>(i - 1)]));
    } else if (type == LUA_TSTRING) {
      scratch.words.push_back(bytes_at(L, i));
    } else {
      return kBadArgument;
    }
  }
  return nullptr;
}

const Command* find_command(const Registry& registry, std::span<const Bytes> words) {
  const Command* const command = registry.find(words[0]);
  if (command == nullptr || command->subcommands.empty() || words.size() == 1) return command;
  return command->find_subcommand(words[1]);
}

// Whatever befalls the server amid a script, one that has written is not left half done.
Status write_refusal(ScriptJob& job) {
  const uint32_t trouble = job.call.settings().trouble.load(std::memory_order_relaxed);
  if (trouble == 0 || job.wrote || obeys(job.call)) return Status::ok();
  Status refusal = disk_refusal(job.call.services(), trouble);
  return refusal.is_ok() ? replication_refusal(trouble, {true, true}) : std::move(refusal);
}

// Why the script may not run the command.
Status refusal(ScriptJob& job, const Command& command) {
  const CommandSpec& spec = *command.spec;
  Services& services = job.call.services();
  if (has(spec.flags, Flag::noscript) && !services.settings.noscript_ignored.load()) {
    return Status::error("ERR This Redis command is not allowed from script");
  }
  // What may say something to replicas (PUBLISH, PFCOUNT) counts as a write, too.
  if (!has(spec.flags, Flag::write) && !has(spec.flags, Flag::may_replicate)) return Status::ok();
  if (job.read_only) {
    return Status::error("ERR Write commands are not allowed from read-only scripts.");
  }
  const bool denied =
      has(spec.flags, Flag::deny_oom) && job.out_of_memory && !job.wrote && job.flags.compatible;
  if (denied) return Status::error(errors::kOutOfMemory);
  if (!has(spec.flags, Flag::write)) return Status::ok();
  if (Status refused = write_refusal(job); !refused.is_ok()) return refused;
  if (!services.script.note_write()) return Status::error(services.script.killed_error());
  job.wrote = true;
  return Status::ok();
}

Status refusal_of_words(ScriptJob& job, const Command* command, size_t words) {
  if (command == nullptr) return Status::error("ERR Unknown Redis command called from script");
  if (!command->takes(words)) {
    return Status::error("ERR Wrong number of args calling Redis command from script");
  }
  return refusal(job, *command);
}

// Runs what redis.call or redis.pcall was given. The reply's value is on the stack then, or an
// error; null, or an error that is not counted yet.
const char* run_command(lua_State* L, ScriptEngine& engine) {
  ScriptEngine::Scratch& scratch = engine.scratch();
  if (const char* error = read_words(L, scratch)) return error;
  ScriptJob* const job = engine.job();
  if (job == nullptr) return "ERR redis.call can only be used while a script runs";
  const Command* const command = find_command(job->call.services().registry, scratch.words);
  const Status refused = refusal_of_words(*job, command, scratch.words.size());
  if (!refused.is_ok()) {
    job->call.dispatcher().refuse_script(command, refused.text());
    push_counted_error(L, refused.text());
    return nullptr;
  }
  scratch.reply.clear();
  ReplyWriter reply(scratch.reply, job->protocol);
  const uint64_t start = ticks();
  job->call.dispatcher().run_in_script(job->call, *command, scratch.words, reply,
                                       job->effect_for);
  lua_settop(L, 0);  // the words are of no more use, and may have left no room
  push_reply(L, scratch.reply);
  engine.breathe_after(L, ticks() - start);
  return nullptr;
}

bool is_error(lua_State* L) {
  if (!lua_istable(L, -1)) return false;
  lua_pushliteral(L, "err");
  lua_rawget(L, -2);
  const bool error = lua_isstring(L, -1) != 0;
  lua_pop(L, 1);
  return error;
}

int redis_call(lua_State* L) {
  if (const char* error = run_command(L, engine_of(L))) raise(L, error);
  if (is_error(L)) return lua_error(L);
  return 1;
}

int redis_pcall(lua_State* L) {
  if (const char* error = run_command(L, engine_of(L))) push_error(L, error);
  return 1;
}

int single_field(lua_State* L, const char* field) {
  if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
    push_error(L, "ERR wrong number or type of arguments");
    return 1;
  }
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, field);
  return 1;
}

int error_reply(lua_State* L) {
  if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) return single_field(L, "err");
  push_error(L, bytes_at(L, 1));
  return 1;
}

int status_reply(lua_State* L) { return single_field(L, "ok"); }

int sha1_hex(lua_State* L) {
  if (lua_gettop(L) != 1) raise(L, "ERR wrong number of arguments");
  const uint64_t start = ticks();
  const Sha1Text text = sha1_text(lua_isstring(L, 1) ? bytes_at(L, 1) : Bytes{});
  push(L, {text.data(), text.size()});
  engine_of(L).breathe_after(L, ticks() - start);
  return 1;
}

int write_log(lua_State* L) {
  const int count = lua_gettop(L);
  if (count < 2) raise(L, "ERR redis.log() requires two arguments or more.");
  if (lua_isnumber(L, -count) == 0) raise(L, "ERR First argument must be a number (log level).");
  const double level = lua_tonumber(L, 1);
  if (!(level > -1 && level < 4)) raise(L, "ERR Invalid debug level.");
  std::string text;
  for (int i = 2; i <= count; ++i) {
    if (lua_isstring(L, i) == 0) continue;
    if (!text.empty()) text += ' ';
    text += bytes_at(L, i);
  }
  engine_of(L).turn().note_line(static_cast<int>(level), std::move(text));
  return 0;
}

int set_resp(lua_State* L) {
  if (lua_gettop(L) != 1) raise(L, "ERR redis.setresp() requires one argument.");
  const double version = lua_tonumber(L, 1);
  if (version != 2 && version != 3) raise(L, "ERR RESP version must be 2 or 3.");
  if (ScriptJob* job = engine_of(L).job()) job->protocol = version == 3 ? 3 : 2;
  return 0;
}

int set_repl(lua_State* L) {
  if (lua_gettop(L) != 1) raise(L, "ERR redis.set_repl() requires two arguments.");
  const int flags = static_cast<int>(lua_tonumber(L, 1));
  if ((flags & ~(kReplAof | kReplReplica)) != 0) {
    raise(L, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  if (ScriptJob* job = engine_of(L).job()) job->effect_for = static_cast<EffectFor>(flags);
  return 0;
}

int answer_true(lua_State* L) {
  lua_pushboolean(L, 1);
  return 1;
}

int answer_false(lua_State* L) {
  lua_pushboolean(L, 0);
  return 1;
}

int nothing(lua_State*) { return 0; }

int acl_check_cmd(lua_State* L) {
  ScriptEngine& engine = engine_of(L);
  ScriptEngine::Scratch& scratch = engine.scratch();
  if (const char* error = read_words(L, scratch)) raise(L, error);
  ScriptJob* const job = engine.job();
  const Command* const command =
      job == nullptr ? nullptr : find_command(job->call.services().registry, scratch.words);
  if (command == nullptr) raise(L, "ERR Invalid command passed to redis.acl_check_cmd()");
  Call& call = job->call;
  lua_pushboolean(L, may_run(call.services(), call.session(), *command, scratch.words) ? 1 : 0);
  return 1;
}

void add_functions(lua_State* L, std::initializer_list<luaL_Reg> functions) {
  for (const luaL_Reg& function : functions) {
    lua_pushcfunction(L, function.func);
    lua_setfield(L, -2, function.name);
  }
}

struct Constant {
  const char* name;
  int value;
};

void add_constants(lua_State* L, std::initializer_list<Constant> constants) {
  for (const Constant& constant : constants) {
    lua_pushinteger(L, constant.value);
    lua_setfield(L, -2, constant.name);
  }
}

// 7.2.5 is 0x00070205.
int version_number() {
  int parts[3] = {0, 0, 0};
  std::sscanf(kRedisVersion.data(), "%d.%d.%d", &parts[0], &parts[1], &parts[2]);
  return parts[0] << 16 | parts[1] << 8 | parts[2];
}

}  // namespace

void open_redis_library(lua_State* L, bool loading) {
  lua_createtable(L, 0, 32);
  add_functions(L, {{"log", write_log}});
  add_constants(L, {{"LOG_DEBUG", 0},
                    {"LOG_VERBOSE", 1},
                    {"LOG_NOTICE", 2},
                    {"LOG_WARNING", 3},
                    {"REDIS_VERSION_NUM", version_number()}});
  push(L, kRedisVersion);
  lua_setfield(L, -2, "REDIS_VERSION");
  if (loading) return add_functions(L, {{"register_function", register_function}});
  add_functions(L, {{"call", redis_call},
                    {"pcall", redis_pcall},
                    {"error_reply", error_reply},
                    {"status_reply", status_reply},
                    {"sha1hex", sha1_hex},
                    {"setresp", set_resp},
                    {"set_repl", set_repl},
                    {"replicate_commands", answer_true},
                    {"breakpoint", answer_false},
                    {"debug", nothing},
                    {"acl_check_cmd", acl_check_cmd}});
  add_constants(L, {{"REPL_NONE", 0},
                    {"REPL_AOF", kReplAof},
                    {"REPL_SLAVE", kReplReplica},
                    {"REPL_REPLICA", kReplReplica},
                    {"REPL_ALL", kReplAof | kReplReplica}});
}

}  // namespace larder
