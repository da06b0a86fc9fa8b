#include "server/admin/crash_report.h"

#include <execinfo.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/version.h"

namespace larder {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

constexpr std::array kDeadly{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int kCallsMax = 64;

// Room for a path, because a handler may not allocate. Empty: stderr.
char log_file[4096];

void handle(int signal, siginfo_t* about, void*) {
  const int file =
      log_file[0] == '\0' ? STDERR_FILENO : ::open(log_file, O_WRONLY | O_APPEND | O_CLOEXEC);
  char line[200];
  const int size = std::snprintf(
      line, sizeof line, "%d:M # larder-server %.*s crashed by signal %d (%s), address %p\n",
      static_cast<int>(::getpid()), static_cast<int>(kLarderVersion.size()), kLarderVersion.data(),
      signal, ::sigabbrev_np(signal), about->si_addr);
  (void)!::write(file, line, static_cast<size_t>(size));
  void* calls[kCallsMax];
  ::backtrace_symbols_fd(calls, ::backtrace(calls, kCallsMax), file);
  // The handler is taken away by then (SA_RESETHAND).
  ::raise(signal);
}

}  // namespace

void report_crashes(const std::string& log_path) {
  if (kSanitized) return;
  std::error_code ignored;
  const std::string path =
      log_path.empty() ? "" : std::filesystem::absolute(log_path, ignored).string();
  std::snprintf(log_file, sizeof log_file, "%s", path.c_str());
  void* calls[1];
  (void)::backtrace(calls, 1);  // the first call loads a library, which a handler may not
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND);
  for (const int signal : kDeadly) ::sigaction(signal, &action, nullptr);
}

void report_no_crashes() {
  if (kSanitized) return;
  for (const int signal : kDeadly) ::signal(signal, SIG_DFL);
}

}  // namespace larder
