// SIGTERM and SIGINT end the server, SIGHUP has the log opened again. They are blocked in every
// thread and taken by the one that waits for them: the main one, or, while that loads the data, a
// watch.
#pragma once

#include <signal.h>

#include <atomic>
#include <thread>

namespace larder {

class Log;

class Signals {
 public:
  // Blocks them in this thread and in all that it starts.
  explicit Signals(Log& log);

  // True: the server is to end. False: a second has passed.
  bool wait_for_end();

 private:
  friend class SignalWatch;
  bool heed(int signal);

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
