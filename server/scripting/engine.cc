#include "server/scripting/engine.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/check.h"
#include "base/clock.h"
#include "server/engine/dispatcher.h"
#include "server/engine/script_run.h"
#include "server/scripting/interpreter.h"
#include "server/scripting/replies.h"

namespace larder {
namespace {

// Instructions between two looks at the clock. The most are some 15 us of plain Lua; but a function
// of stock Lua's libraries counts as one, however long it takes, so there are few at first, and
// again where that many took long.
constexpr int kInstructionsMost = 2000;
constexpr int kInstructionsFirst = 100;
constexpr int kInstructionsFewest = 10;
constexpr int64_t kLongStepNs = 1'000'000;
// A script that runs for long works for so long before others are served again.
constexpr int64_t kSliceUs = 1000;
// Garbage is collected a little after so many scripts, as Redis does.
constexpr unsigned kRunsPerCollection = 50;

void on_count(lua_State* L, lua_Debug*) { engine_of(L).breathe_on_count(L); }

// Pushes a table of the words.
void push_words(lua_State* L, std::span<const Bytes> words) {
  lua_createtable(L, static_cast<int>(words.size()), 0);
  int place = 1;
  for (const Bytes word : words) {
    push(L, word);
    lua_rawseti(L, -2, place++);
  }
}

int build(lua_State* L) {
  build_sandbox(L);
  return 0;
}

}  // namespace

ScriptEngine::ScriptEngine(const LiveSettings& settings, ScriptRun& run)
    : settings_(settings), turn_(run) {
  state_ = lua_newstate(&ScriptEngine::allocate, this);
  CHECK(state_ != nullptr);
  CHECK(lua_cpcall(state_, build, nullptr) == 0);
  look_after(state_, kInstructionsFirst);
  cache_ = std::make_unique<ScriptCache>(state_, counts_);
  functions_ = std::make_unique<FunctionStore>(*this);
}

ScriptEngine::~ScriptEngine() { lua_close(state_); }

size_t ScriptEngine::memory_limit() const {
  return static_cast<size_t>(settings_.script_bytes_max.load(std::memory_order_relaxed));
}

// Refusing memory makes Lua raise "not enough memory". Outside of scripts nobody could catch it,
// and the collector needs some to make room.
void* ScriptEngine::allocate(void* engine, void* block, size_t old_size, size_t new_size) {
  auto& self = *static_cast<ScriptEngine*>(engine);
  std::atomic<int64_t>& used = self.counts_.vm_bytes;
  const int64_t before = used.load(std::memory_order_relaxed);
  const int64_t after =
      before + static_cast<int64_t>(new_size) - static_cast<int64_t>(block ? old_size : 0);
  if (new_size == 0) {
    std::free(block);
    used.store(after, std::memory_order_relaxed);
    return nullptr;
  }
  const bool limited = self.job_ != nullptr || self.load_end_us_ != 0;
  if (limited && after > before && after > static_cast<int64_t>(self.memory_limit())) {
    return nullptr;
  }
  void* const fresh = std::realloc(block, new_size);
  if (fresh != nullptr) used.store(after, std::memory_order_relaxed);
  return fresh;
}

void ScriptEngine::begin(ScriptJob& job) {
  job.start_us = job.served_us = steady_us();
  ticks_unseen_ = 0;
  looked_ticks_ = ticks();
  job_ = &job;
  job.call.services().script.start(job.is_function, job.name, job.call.args(), job.start_us / 1000);
}

void ScriptEngine::end(ScriptJob& job) {
  look_after(state_, kInstructionsFirst);
  job.call.services().script.finish();
  job_ = nullptr;
  collect_sometimes();
}

void ScriptEngine::collect_sometimes() {
  if (++runs_ < kRunsPerCollection) return;
  runs_ = 0;
  lua_gc(state_, LUA_GCSTEP, 2);
}

// KEYS and ARGV: globals of a script, arguments of a function, which must not see the globals of
// the script before.
void ScriptEngine::push_arguments(const ScriptJob& job) {
  lua_State* const L = state_;
  lua_rawgeti(L, LUA_REGISTRYINDEX, slots::kGlobals);
  job.is_function ? lua_pushnil(L) : push_words(L, job.keys);
  lua_setfield(L, -2, "KEYS");
  job.is_function ? lua_pushnil(L) : push_words(L, job.args);
  lua_setfield(L, -2, "ARGV");
  lua_pop(L, 1);
  if (!job.is_function) return;
  push_words(L, job.keys);
  push_words(L, job.args);
}

// The function is called and its value turned into the reply where Lua's errors are caught. Memory
// may be out at any step, so a reply that is half written is taken back.
Status ScriptEngine::run(ScriptJob& job) {
  Session& session = job.call.session();
  const unsigned db = session.db;
  const size_t mark = job.call.reply().output().mark();
  std::optional<std::string> error;
  begin(job);
  const bool whole = protect(state_, [&](lua_State* L) {
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, slots::kErrorHandler);
    lua_rawgeti(L, LUA_REGISTRYINDEX, job.function);
    push_arguments(job);
    const bool failed = lua_pcall(L, job.is_function ? 2 : 0, 1, 1) != 0;
    session.db = db;
    error = failed ? error_line(L, job.name) : take_error(L);
    if (!error) return write_reply(L, job);
    if (is_counted_error(L)) job.call.dispatcher().error_is_counted();
  });
  session.db = db;
  if (!whole) {
    job.call.reply().output().rewind(mark);
    error = "ERR not enough memory";
  }
  lua_settop(state_, 0);
  end(job);
  const auto half = static_cast<int64_t>(memory_limit() / 2);
  if (error && counts_.vm_bytes.load() > half) lua_gc(state_, LUA_GCCOLLECT, 0);
  return error ? Status::error(std::move(*error)) : Status::ok();
}

void ScriptEngine::flush_scripts() {
  cache_->clear();
  lua_gc(state_, LUA_GCCOLLECT, 0);
}

// The interpreter calls the hook at every line from now on, so that a script cannot go on behind a
// pcall that catches the error.
void ScriptEngine::kill(lua_State* L) {
  lua_sethook(L, on_count, LUA_MASKLINE | LUA_MASKCOUNT, 1);
  if (L != state_) lua_sethook(state_, on_count, LUA_MASKLINE | LUA_MASKCOUNT, 1);
  raise(L, job_->call.services().script.killed_error());
}

void ScriptEngine::look_after(lua_State* L, int instructions) {
  instructions_ = instructions;
  lua_sethook(L, on_count, LUA_MASKCOUNT, instructions);
}

void ScriptEngine::breathe_on_count(lua_State* L) {
  if (job_ == nullptr || !job_->call.services().script.must_end()) {
    const bool long_step = ticks_to_ns(ticks() - looked_ticks_) > kLongStepNs;
    const int more = std::min(2 * instructions_, kInstructionsMost);
    const int next = long_step ? kInstructionsFewest : more;
    if (next != instructions_) look_after(L, next);
  }
  breathe(L);
  looked_ticks_ = ticks();
}

void ScriptEngine::breathe(lua_State* L) {
  if (job_ == nullptr) {
    if (load_end_us_ != 0 && steady_us() > load_end_us_) raise(L, "ERR FUNCTION LOAD timeout");
    return;
  }
  ScriptRun& script = job_->call.services().script;
  if (script.must_end()) kill(L);
  const int64_t now_us = steady_us();
  if (now_us - job_->start_us < ScriptRun::kLongMs * 1000) return;
  if (!script.is_long()) job_->call.dispatcher().become_long();
  if (now_us - job_->served_us < kSliceUs) return;
  script.write_lines();
  job_->call.worker().clients->serve_others();
  job_->served_us = steady_us();
  if (script.must_end()) kill(L);
}

void ScriptEngine::breathe_after(lua_State* L, uint64_t ticks_spent) {
  constexpr uint64_t kTicks = 1'000'000;  // some 300 us
  ticks_unseen_ += ticks_spent;
  if (ticks_unseen_ < kTicks) return;
  ticks_unseen_ = 0;
  breathe(L);
}

}  // namespace larder
