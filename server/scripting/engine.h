// Runs scripts: one interpreter for the whole server, used by whoever has the turn (script_run.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "protocol/output.h"
#include "protocol/reply_writer.h"
#include "server/engine/call.h"
#include "server/scripting/function_store.h"
#include "server/scripting/random48.h"
#include "server/scripting/script_cache.h"

struct lua_State;

namespace larder {

class ScriptRun;

// Sums for INFO, from any thread.
struct ScriptCounts {
  std::atomic<int64_t> vm_bytes{0};  // of the interpreter
  std::atomic<int64_t> scripts{0};   // cached
  std::atomic<int64_t> script_bytes{0};
  std::atomic<int64_t> functions{0};
  std::atomic<int64_t> libraries{0};
  std::atomic<int64_t> function_bytes{0};
};

// A script on its way.
struct ScriptJob {
  Call& call;
  ScriptFlags flags;
  Bytes name;        // SHA-1 or the function's name: what error lines name
  int function = 0;  // a reference of the interpreter
  bool is_function = false;
  std::span<const Bytes> keys;
  std::span<const Bytes> args;

  bool read_only = false;
  bool out_of_memory = false;  // when it began
  bool wrote = false;
  int protocol = 2;       // of the replies it gets
  EffectFor effect_for = EffectFor::all;  // who gets what it writes from now on
  int64_t start_us = 0;   // steady clock
  int64_t served_us = 0;  // when others were served last
};

class ScriptEngine {
 public:
  ScriptEngine(const LiveSettings& settings, ScriptRun& run);
  ~ScriptEngine();
  ScriptEngine(const ScriptEngine&) = delete;
  ScriptEngine& operator=(const ScriptEngine&) = delete;

  const ScriptCounts& counts() const { return counts_; }
  FunctionStore& functions() { return *functions_; }

  // The rest is for who has the turn.
  ScriptCache& cache() { return *cache_; }
  // Runs it and writes its reply.
  Status run(ScriptJob& job);
  // Forgets all scripts and what they left in the interpreter.
  void flush_scripts();

  // For the libraries.
  ScriptJob* job() { return job_; }
  Random48& random() { return random_; }
  size_t memory_limit() const;
  ScriptRun& turn() { return turn_; }
  // Called often while a script runs: lets others have their turn, ends it when it must end.
  void breathe(lua_State* state);
  // The same, by the interpreter, which counts instructions.
  void breathe_on_count(lua_State* state);
  // Between two calls of breathe by the interpreter, of commands that took long.
  void breathe_after(lua_State* state, uint64_t ticks_spent);
  ScriptCounts& counts_to_change() { return counts_; }
  lua_State* state() { return state_; }
  // A library of functions is being loaded; it has until then.
  void set_load_end(int64_t end_us) { load_end_us_ = end_us; }
  // Room for one command's words, reply and numbers.
  struct Scratch {
    std::vector<Bytes> words;
    std::vector<IntegerText> numbers;
    Output reply;
  };
  Scratch& scratch() { return scratch_; }

 private:
  static void* allocate(void* engine, void* block, size_t old_size, size_t new_size);

  void push_arguments(const ScriptJob& job);
  void begin(ScriptJob& job);
  void end(ScriptJob& job);
  void collect_sometimes();
  void kill(lua_State* state);
  void look_after(lua_State* state, int instructions);

  const LiveSettings& settings_;
  ScriptRun& turn_;
  ScriptCounts counts_;
  lua_State* state_ = nullptr;
  ScriptJob* job_ = nullptr;
  int64_t load_end_us_ = 0;
  uint64_t ticks_unseen_ = 0;
  int instructions_ = 0;  // until the clock is looked at next
  uint64_t looked_ticks_ = 0;
  unsigned runs_ = 0;
  Random48 random_;
  Scratch scratch_;
  std::unique_ptr<ScriptCache> cache_;
  std::unique_ptr<FunctionStore> functions_;
};

}  // namespace larder
