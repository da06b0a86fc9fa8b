#include "server/admin/thread_stacks.h"

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "server/admin/log.h"

namespace larder {
namespace {

constexpr int kCallsMax = 64;
constexpr auto kNap = std::chrono::milliseconds(1);
constexpr int kNapsMax = 1000;

int signal_number() { return SIGRTMIN; }

// The one slot that threads write into in turn. A thread first takes it, so that one that comes
// late finds it gone.
enum class Slot : int { closed, open, taken, filled };
std::atomic<Slot> slot{Slot::closed};
std::atomic<pid_t> asked{0};
void* calls[kCallsMax];
int calls_count = 0;

void note_own_calls(int) {
  const int error = errno;
  Slot expected = Slot::open;
  if (asked.load() == static_cast<pid_t>(::syscall(SYS_gettid)) &&
      slot.compare_exchange_strong(expected, Slot::taken)) {
    calls_count = ::backtrace(calls, kCallsMax);
    slot.store(Slot::filled);
  }
  errno = error;
}

// It has written its calls into the slot.
bool answers(pid_t thread) {
  asked.store(thread);
  slot.store(Slot::open);
  const bool known = ::syscall(SYS_tgkill, ::getpid(), thread, signal_number()) == 0;
  for (int nap = 0; known && nap < kNapsMax && slot.load() != Slot::filled; ++nap) {
    std::this_thread::sleep_for(kNap);
  }
  Slot expected = Slot::open;
  if (slot.compare_exchange_strong(expected, Slot::closed)) return false;
  while (slot.load() != Slot::filled) std::this_thread::sleep_for(kNap);
  slot.store(Slot::closed);
  return true;
}

void log_calls(Log& log) {
  const std::unique_ptr<char*, decltype(&std::free)> lines{::backtrace_symbols(calls, calls_count),
                                                           std::free};
  if (!lines) return;
  // The first two are the handler and the signal's return.
  for (int call = 2; call < calls_count; ++call) log.warning(lines.get()[call]);
}

std::string name_of(const std::filesystem::path& thread) {
  std::string name;
  std::ifstream file(thread / "comm");
  std::getline(file, name);
  return name;
}

}  // namespace

void prepare_thread_stacks() {
  (void)::backtrace(calls, 1);  // the first call loads a library, which a handler may not
  struct sigaction action {};
  action.sa_handler = note_own_calls;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal_number(), &action, nullptr);
}

void log_thread_stacks(Log& log) {
  const auto own = static_cast<pid_t>(::syscall(SYS_gettid));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const auto thread = static_cast<pid_t>(std::stol(entry.path().filename()));
    if (thread == own) continue;
    const bool told = answers(thread);
    log.warning("Thread " + name_of(entry.path()) + " (" + std::to_string(thread) +
                (told ? ") is at:" : ") does not answer"));
    if (told) log_calls(log);
  }
}

}  // namespace larder
