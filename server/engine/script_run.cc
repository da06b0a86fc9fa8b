#include "server/engine/script_run.h"

#include "base/clock.h"

namespace larder {
namespace {

constexpr const char* kBusyScript =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
constexpr const char* kBusyFunction =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

}  // namespace

void ScriptRun::leave() NO_THREAD_SAFETY_ANALYSIS {
  set_long(false);
  const std::vector<Line> lines = std::exchange(lines_, {});
  turn_.unlock();
  write(lines);
}

void ScriptRun::write_lines() { write(std::exchange(lines_, {})); }

void ScriptRun::write(const std::vector<Line>& lines) {
  if (log_ == nullptr) return;
  for (const Line& line : lines) log_(line.level, line.text);
}

bool ScriptRun::is_busy(int64_t threshold_ms) const {
  if (!is_long()) return false;
  return steady_ms() - start_ms_.load(std::memory_order_relaxed) >= threshold_ms;
}

const char* ScriptRun::busy_error() const {
  return function_.load(std::memory_order_relaxed) ? kBusyFunction : kBusyScript;
}

const char* ScriptRun::killed_error() const {
  return function_.load(std::memory_order_relaxed)
             ? "ERR Script killed by user with FUNCTION KILL."
             : "ERR Script killed by user with SCRIPT KILL.";
}

void ScriptRun::start(bool function, Bytes name, std::span<const Bytes> command, int64_t now_ms) {
  fate_.store(Fate::open, std::memory_order_relaxed);
  function_.store(function, std::memory_order_relaxed);
  start_ms_.store(now_ms, std::memory_order_relaxed);
  {
    MutexLock lock(facts_mutex_);
    name_ = name;
    command_ = command;
  }
  running_.store(true, std::memory_order_release);
}

void ScriptRun::finish() {
  running_.store(false, std::memory_order_release);
  MutexLock lock(facts_mutex_);
  command_ = {};
}

Status ScriptRun::kill(bool function) {
  if (!running_.load(std::memory_order_acquire)) {
    return Status::error("NOTBUSY No scripts in execution right now.");
  }
  const bool other = function_.load(std::memory_order_relaxed) != function;
  if (other && fate_.load(std::memory_order_relaxed) != Fate::wrote) {
    return Status::error(busy_error());
  }
  if (other || !move_on(Fate::killed)) {
    return Status::error(
        "UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
        "either wait the script termination or kill the server in a hard way using the SHUTDOWN "
        "NOSAVE command.");
  }
  return Status::ok();
}

bool ScriptRun::facts(Facts& facts) {
  MutexLock lock(facts_mutex_);
  if (command_.empty()) return false;
  facts.function = function_.load(std::memory_order_relaxed);
  facts.name = name_;
  facts.start_ms = start_ms_.load(std::memory_order_relaxed);
  for (const Bytes word : command_) facts.command.emplace_back(word);
  return true;
}

}  // namespace larder
