#include "server/admin/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/thread_name.h"
#include "server/admin/log.h"
#include "server/admin/thread_stacks.h"

namespace larder {

Signals::Signals(Log& log) : log_(log) {
  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGALRM}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a full disk, not the end
  prepare_thread_stacks();
}

std::optional<Signals::Cause> Signals::wait_for_end() {
  constexpr timespec kSecond{1, 0};
  siginfo_t about{};
  const int signal = sigtimedwait(&signals_, &about, &kSecond);
  if (signal < 0) return {};
  return heed({signal, about.si_pid});
}

void Signals::ask_for_end() { ::kill(::getpid(), SIGTERM); }

bool Signals::insists() {
  constexpr timespec kNow{0, 0};
  while (true) {
    const int signal = sigtimedwait(&signals_, nullptr, &kNow);
    if (signal < 0 || signal == SIGINT) return signal == SIGINT;
    if (signal != SIGTERM) (void)heed({signal, 0});
  }
}

// Returns why it is the end, if it is.
std::optional<Signals::Cause> Signals::heed(const Arrival& arrival) {
  if (arrival.signal == SIGHUP) {
    const std::string error = log_.reopen();
    error.empty() ? log_.notice("Received SIGHUP, log reopened") : log_.warning(error);
    return {};
  }
  if (arrival.signal == SIGALRM) {
    log_.warning("Received SIGALRM, this is what the threads are at");
    log_thread_stacks(log_);
    return {};
  }
  if (arrival.sender == ::getpid()) {
    log_.notice("SHUTDOWN was asked for, stopping");
    return Cause::asked;
  }
  const bool by_int = arrival.signal == SIGINT;
  log_.notice(by_int ? "Received SIGINT, stopping" : "Received SIGTERM, stopping");
  return by_int ? Cause::sigint : Cause::sigterm;
}

SignalWatch::SignalWatch(Signals& signals)
    : signals_(signals), wake_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}

SignalWatch::~SignalWatch() {
  (void)::eventfd_write(wake_, 1);
  thread_.join();
  ::close(wake_);
}

void SignalWatch::run() {
  name_this_thread("signals");
  const int coming = ::signalfd(-1, &signals_.signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  std::array<pollfd, 2> wanted{{{wake_, POLLIN, 0}, {coming, POLLIN, 0}}};
  while (!ended()) {
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) break;
    if (wanted[0].revents != 0) break;
    signalfd_siginfo about{};
    if (::read(coming, &about, sizeof about) != sizeof about) continue;
    const Signals::Arrival arrival{static_cast<int>(about.ssi_signo),
                                   static_cast<pid_t>(about.ssi_pid)};
    if (signals_.heed(arrival)) ended_.store(true);
  }
  ::close(coming);
}

}  // namespace larder
