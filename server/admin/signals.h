// SIGTERM and SIGINT end the server, SIGHUP has the log opened again, SIGALRM has it say what the
// threads are at. They are blocked in every thread and taken by the one that waits for them: the
// main one, or, while that loads the data, a watch.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

namespace larder {

class Log;

class Signals {
 public:
  // Blocks them in this thread and in all that it starts.
  explicit Signals(Log& log);

  enum class Cause : uint8_t { asked, sigterm, sigint };
  // Why the server is to end. Nothing: a second has passed.
  std::optional<Cause> wait_for_end();
  // Makes that say `asked`, or a watch that it has ended. From any thread.
  void ask_for_end();
  // SIGINT has come (again). Takes what else came.
  bool insists();

 private:
  friend class SignalWatch;
  struct Arrival {
    int signal = 0;
    pid_t sender = 0;
  };
  std::optional<Cause> heed(const Arrival& arrival);

  Log& log_;
  sigset_t signals_;
};

// Waits on a thread of its own until it is destroyed.
class SignalWatch {
 public:
  explicit SignalWatch(Signals& signals);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // The server is to end.
  bool ended() const { return ended_.load(std::memory_order_relaxed); }

 private:
  void run();

  Signals& signals_;
  const int wake_;  // readable once nobody watches any more
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace larder
