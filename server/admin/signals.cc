#include "server/admin/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "server/admin/log.h"

namespace larder {

Signals::Signals(Log& log) : log_(log) {
  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a full disk, not the end
}

bool Signals::wait_for_end() {
  constexpr timespec kSecond{1, 0};
  const int signal = sigtimedwait(&signals_, nullptr, &kSecond);
  return signal >= 0 && heed(signal);
}

// Returns whether it is the end.
bool Signals::heed(int signal) {
  if (signal != SIGHUP) {
    log_.notice(signal == SIGINT ? "Received SIGINT, stopping" : "Received SIGTERM, stopping");
    return true;
  }
  const std::string error = log_.reopen();
  error.empty() ? log_.notice("Received SIGHUP, log reopened") : log_.warning(error);
  return false;
}

SignalWatch::SignalWatch(Signals& signals)
    : signals_(signals), wake_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}

SignalWatch::~SignalWatch() {
  (void)::eventfd_write(wake_, 1);
  thread_.join();
  ::close(wake_);
}

void SignalWatch::run() {
  const int coming = ::signalfd(-1, &signals_.signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  std::array<pollfd, 2> wanted{{{wake_, POLLIN, 0}, {coming, POLLIN, 0}}};
  while (!ended()) {
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) break;
    if (wanted[0].revents != 0) break;
    signalfd_siginfo about{};
    if (::read(coming, &about, sizeof about) != sizeof about) continue;
    if (signals_.heed(static_cast<int>(about.ssi_signo))) ended_.store(true);
  }
  ::close(coming);
}

}  // namespace larder
