// FCALL, and FUNCTION for the libraries it calls.
// Source: https://redis.io/commands/?group=scripting
#include "base/clock.h"
#include "base/glob.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/script_run.h"
#include "server/engine/wrong_words.h"
#include "server/scripting/families.h"
#include "server/scripting/function_dump.h"
#include "server/scripting/run_script.h"

namespace larder {
namespace {

FunctionStore& store_of(Call& call) { return call.services().scripts.functions(); }

Status call_function(Call& call, bool read_only) {
  ScriptJob job{call};
  const Function* function = store_of(call).find(call.arg(1));
  if (function == nullptr) return Status::error("ERR Function not found");
  Status status = split_keys(call, "ERR Bad number of keys provided", job);
  if (!status.is_ok()) return status;
  job.flags = function->flags;
  job.name = function->name;
  job.function = function->reference;
  job.is_function = true;
  return run_script(job, read_only);
}

Flag flags_of_call(Services& services, std::span<const Bytes> args, Flag card) {
  return flags_with(card, services.scripts.functions().flags_of(args[1]));
}

Status fcall(Call& call) { return call_function(call, false); }
Status fcall_ro(Call& call) { return call_function(call, true); }

// Libraries are no keys: their changes are told to replicas and the append-only file like this.
void note_change(Call& call) {
  call.effect(call.args());
  call.worker().stats->changes.add(1);
}

Status load(Call& call) {
  const size_t last = call.arg_count() - 1;
  auto collision = FunctionStore::Collision::refuse;
  for (size_t i = 2; i < last; ++i) {
    if (!equals_upper(call.arg(i), "REPLACE")) {
      return Status::error("ERR Unknown option given: " + std::string(call.arg(i)));
    }
    collision = FunctionStore::Collision::replace;
  }
  std::string name;
  Status status = store_of(call).load(call.arg(last), collision, name);
  if (!status.is_ok()) return status;
  note_change(call);
  call.reply().bulk(name);
  return status;
}

Status remove(Call& call) {
  if (!store_of(call).remove(call.arg(2))) return Status::error("ERR Library not found");
  note_change(call);
  call.reply().ok();
  return Status::ok();
}

Status flush(Call& call) {
  if (call.arg_count() > 3) return wrong_words(call);
  Args args(call);
  const bool mode = !args.more() || args.take("SYNC") || args.take("ASYNC");
  if (!mode) {
    return Status::error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  store_of(call).flush();
  note_change(call);
  call.reply().ok();
  return Status::ok();
}

void reply_function(ReplyWriter& reply, const Function& function) {
  reply.map(3);
  reply.bulk("name");
  reply.bulk(function.name);
  reply.bulk("description");
  function.description ? reply.bulk(*function.description) : reply.null();
  reply.bulk("flags");
  reply.set(function.flag_names.size());
  for (const std::string& flag : function.flag_names) reply.simple(flag);
}

void reply_library(ReplyWriter& reply, const Library& library, bool with_code) {
  reply.map(with_code ? 4 : 3);
  reply.bulk("library_name");
  reply.bulk(library.name);
  reply.bulk("engine");
  reply.bulk("LUA");
  reply.bulk("functions");
  reply.array(library.functions.size());
  for (const auto& [name, function] : library.functions) reply_function(reply, function);
  if (!with_code) return;
  reply.bulk("library_code");
  reply.bulk(library.code);
}

Status list(Call& call) {
  std::optional<Bytes> pattern;
  bool with_code = false;
  Args args(call);
  while (args.more()) {
    if (!with_code && args.take("WITHCODE")) {
      with_code = true;
    } else if (!pattern && args.take("LIBRARYNAME")) {
      if (!args.more()) return Status::error("ERR library name argument was not given");
      pattern = args.bytes();
    } else {
      return Status::error("ERR Unknown argument " + std::string(args.peek()));
    }
  }
  ReplyWriter& reply = call.reply();
  const size_t mark = reply.open();
  size_t count = 0;
  for (const auto& [name, library] : store_of(call).libraries()) {
    if (pattern && !glob_match(*pattern, name, GlobCase::ignored)) continue;
    reply_library(reply, *library, with_code);
    ++count;
  }
  reply.close_array(mark, count);
  return Status::ok();
}

void reply_running(Call& call) {
  ReplyWriter& reply = call.reply();
  ScriptRun::Facts facts;
  if (!call.services().script.facts(facts)) return reply.null();
  reply.map(3);
  reply.bulk("name");
  reply.bulk(facts.name);
  reply.bulk("command");
  reply.array(facts.command.size());
  for (const std::string& word : facts.command) reply.bulk(word);
  reply.bulk("duration_ms");
  reply.integer(steady_ms() - facts.start_ms);
}

// Allowed while a script runs, so it looks at nothing that has to be held still.
Status stats(Call& call) {
  ReplyWriter& reply = call.reply();
  const ScriptCounts& counts = call.services().scripts.counts();
  reply.map(2);
  reply.bulk("running_script");
  reply_running(call);
  reply.bulk("engines");
  reply.map(1);
  reply.bulk("LUA");
  reply.map(2);
  reply.bulk("libraries_count");
  reply.integer(counts.libraries.load());
  reply.bulk("functions_count");
  reply.integer(counts.functions.load());
  return Status::ok();
}

Status kill(Call& call) {
  Status status = call.services().script.kill(true);
  if (status.is_ok()) call.reply().ok();
  return status;
}

Status dump(Call& call) {
  std::vector<std::string> codes;
  for (const auto& [name, library] : store_of(call).libraries()) codes.push_back(library->code);
  call.reply().bulk(dump_functions(codes));
  return Status::ok();
}

Status restore(Call& call) {
  if (call.arg_count() > 4) return wrong_words(call);
  auto collision = FunctionStore::Collision::refuse;
  bool flush_first = false;
  if (call.arg_count() == 4) {
    const Bytes policy = call.arg(3);
    flush_first = equals_upper(policy, "FLUSH");
    if (equals_upper(policy, "REPLACE")) collision = FunctionStore::Collision::replace;
    if (!flush_first && !equals_upper(policy, "REPLACE") && !equals_upper(policy, "APPEND")) {
      return Status::error(
          "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
    }
  }
  std::vector<std::string> codes;
  const char* const broken = read_function_dump(call.arg(2), codes);
  Status status = store_of(call).load_all(codes, broken, collision, flush_first);
  if (!status.is_ok()) return status;
  note_change(call);
  call.reply().ok();
  return status;
}

Status help(Call& call) {
  return reply_help(
      call,
      {"FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "DELETE <library-name>",
       "    Removes a library.", "DUMP", "    All libraries in one string, for RESTORE.",
       "FLUSH [ASYNC|SYNC]", "    Removes all libraries.", "KILL", "    Ends the running function.",
       "LIST [LIBRARYNAME PATTERN] [WITHCODE]", "    The libraries.", "LOAD [REPLACE] <code>",
       "    Adds a library.", "RESTORE <payload> [FLUSH|APPEND|REPLACE]",
       "    Adds the libraries of a DUMP.", "STATS", "    The running function and the engines.",
       "HELP", "    This text."});
}

constexpr Acl kScripting = Acl::slow | Acl::scripting;
constexpr Acl kWriting = Acl::write | kScripting;
constexpr Flag kReads = Flag::noscript | Flag::script_turn;
constexpr Flag kWrites = kReads | Flag::write;

constexpr auto kSubcommands = family({
    {.name = "DELETE",
     .syntax = "library-name",
     .summary = "Removes a library.",
     .since = "7.0.0",
     .complexity = "O(1)",
     .group = "scripting",
     .arity = exactly(3),
     .flags = kWrites,
     .acl = kWriting,
     .run = remove},
    {.name = "DUMP",
     .syntax = "",
     .summary = "Puts all libraries into one string.",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions",
     .group = "scripting",
     .arity = exactly(2),
     .flags = kReads,
     .acl = kScripting,
     .run = dump},
    {.name = "FLUSH",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes all libraries.",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions deleted",
     .group = "scripting",
     .arity = at_least(2),
     .flags = kWrites,
     .acl = kWriting,
     .run = flush},
    {.name = "KILL",
     .syntax = "",
     .summary = "Ends the running function.",
     .since = "7.0.0",
     .complexity = "O(1)",
     .group = "scripting",
     .arity = exactly(2),
     .flags = Flag::noscript | Flag::allow_busy,
     .acl = kScripting,
     .run = kill},
    {.name = "LIST",
     .syntax = "[LIBRARYNAME library-name-pattern] [WITHCODE]",
     .summary = "Lists the libraries.",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions",
     .group = "scripting",
     .arity = at_least(2),
     .flags = kReads,
     .acl = kScripting,
     .run = list},
    {.name = "LOAD",
     .syntax = "[REPLACE] function-code",
     .summary = "Adds a library.",
     .since = "7.0.0",
     .complexity = "O(1) (considering compilation time is redundant)",
     .group = "scripting",
     .arity = at_least(3),
     .flags = kWrites | Flag::deny_oom,
     .acl = kWriting,
     .run = load},
    {.name = "RESTORE",
     .syntax = "serialized-value [FLUSH | APPEND | REPLACE]",
     .summary = "Adds the libraries of a dump.",
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of functions on the payload",
     .group = "scripting",
     .arity = at_least(3),
     .flags = kWrites | Flag::deny_oom,
     .acl = kWriting,
     .run = restore},
    {.name = "STATS",
     .syntax = "",
     .summary = "Tells the running function and the engines.",
     .since = "7.0.0",
     .complexity = "O(1)",
     .group = "scripting",
     .arity = exactly(2),
     .flags = Flag::noscript | Flag::allow_busy,
     .acl = kScripting,
     .run = stats},
    help_card("scripting", "7.0.0", kScripting, help),
});

constexpr Flag kCalls = Flag::noscript | Flag::stale | Flag::skip_monitor |
                        Flag::no_mandatory_keys | Flag::movable_keys | Flag::script_turn;
constexpr const char* kComplexity = "Depends on the function that is executed.";

constexpr auto kFamily = family({
    {.name = "FCALL",
     .syntax = "function numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Calls a function.",
     .since = "7.0.0",
     .complexity = kComplexity,
     .group = "scripting",
     .arity = at_least(3),
     .flags = kCalls | Flag::may_replicate,
     .keys = keys_counted_at(2, 1, KeyUse::read_write_access_update),
     .acl = kScripting,
     .run = fcall,
     .flags_of = flags_of_call},
    {.name = "FCALL_RO",
     .syntax = "function numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Calls a function that may not write.",
     .since = "7.0.0",
     .complexity = kComplexity,
     .group = "scripting",
     .arity = at_least(3),
     .flags = kCalls | Flag::readonly,
     .keys = keys_counted_at(2, 1, KeyUse::read_only_access),
     .acl = kScripting,
     .run = fcall_ro,
     .flags_of = flags_of_call},
    {.name = "FUNCTION",
     .syntax = "",
     .summary = "A container for function commands.",
     .since = "7.0.0",
     .complexity = "Depends on subcommand.",
     .group = "scripting",
     .arity = at_least(2),
     .acl = Acl::slow,
     .subcommands = kSubcommands},
});

}  // namespace

std::span<const CommandSpec> function_commands() { return kFamily; }

}  // namespace larder
