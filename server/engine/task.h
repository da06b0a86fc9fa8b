// Work of a command that goes on after its handler returned: a long walk done in slices so that
// other clients of the worker are served in between, or a wait for something.
#pragma once

#include <cstdint>
#include <memory>

namespace larder {

class ReplyWriter;
struct Command;
struct Session;

class Task {
 public:
  virtual ~Task() = default;
  enum class Progress {
    done,   // the reply is written; the client's next request may run
    again,  // call step() again soon
    wait,   // call step() when woken or when wake_ms() has come
  };
  // Does some 50 us of work at most. Runs on the client's worker.
  virtual Progress step(ReplyWriter& reply, int64_t now_ms) = 0;
  // Unix time at which a waiting task wants to be called; INT64_MAX: never by itself.
  virtual int64_t wake_ms() const { return INT64_MAX; }
  // True for one that locks shards: it stands still while a script runs for long.
  virtual bool walks_store() const { return false; }
  // True for one that waits for other workers' answers and changes no data: in a transaction it
  // goes on when EXEC has given its locks back.
  virtual bool only_asks() const { return false; }
  // True for a client that waits for data as BLPOP does, and not only for its answer.
  virtual bool blocks() const { return false; }
  // Where the effects of a task that changed something end in the effect log.
  virtual uint64_t effect_end() const { return 0; }
  // Its command is not over, for statistics, before the task is, which then tells them itself; also
  // that its client is blocked.
  virtual bool counts_itself() const { return false; }
  // Writes the reply of a task that ends early: an error, or, where that is null, what it answers
  // when its time is over. False when it can't end.
  virtual bool unblock(ReplyWriter&, const char* /*error*/) { return false; }

  // That an error counts for in statistics, by the dispatcher; null: the task tells its own.
  const Command* command = nullptr;
};

// Wakes a client's waiting task, on the client's worker (others get there by Workers::visit).
// Shared: it may outlive the client, and then does nothing.
class Waker {
 public:
  virtual ~Waker() = default;
  // On the client's worker only.
  virtual void wake() = 0;
};

}  // namespace larder
