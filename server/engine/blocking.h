// Clients that wait until a key has something for them (BLPOP, BZPOPMIN, XREAD BLOCK, ...).
//
//   client, worker A: nothing there -> Waiter, listed under each of its keys -> BlockedTask waits
//   writer, worker B: changed a key -> runs the command of the first waiter in its place, under
//                     the same lock -> its reply travels to worker A by a message
//
// The waiters of a key are served in order of arrival, before anybody else can take what the
// writer brought. A waiter whose keys lie in more shards than the writer holds is served right
// after the writer let go, under the locks of all its keys.
// Source: https://redis.io/docs/latest/commands/blpop/
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/output.h"
#include "server/engine/by_key.h"
#include "server/engine/session.h"
#include "server/engine/stats.h"
#include "server/engine/task.h"
#include "storage/entry.h"

namespace larder {

class Args;
class Call;
struct Command;
struct Services;

// What a command that found nothing waits for.
struct WaitOptions {
  int64_t until_ms = INT64_MAX;  // Unix ms; INT64_MAX: for ever
  Type type = Type::list;        // a key of another type wakes nobody
  enum class Nothing : uint8_t { null, null_array } nothing = Nothing::null_array;
  // What the command is run with when it is tried again; empty: the same arguments. For those
  // that mean "from now on" (XREAD's $).
  std::vector<std::string> args{};
  // A key that is removed or replaced by another type wakes too (XREADGROUP).
  bool wakes_on_removal = false;
};
using Nothing = WaitOptions::Nothing;

struct Waiter {
  const Command* command = nullptr;
  std::vector<std::string> words;
  std::vector<Bytes> args;  // views of words
  Session session;          // what the command may look at: id, database, protocol
  WaitOptions options;
  std::vector<KeyPlace> keys;
  std::vector<unsigned> shards;  // of all keys of the command, ascending
  size_t worker = 0;             // the client's
  std::shared_ptr<Waker> waker;

  // Guarded by the locks of its shards, all of them to be served, any to read.
  bool listed = false;
  // The client has gone while a script held a shard: who meets it takes it off the lists.
  std::atomic<bool> gone{false};
  // The reply; the client's worker reads it once `served` says so.
  Output reply;
  std::atomic<bool> served{false};
  // No longer among the clients that are counted as blocked.
  std::atomic<bool> uncounted{false};

  // Takes it off that count, once. Who serves it does so before the write is answered: whoever has
  // the answer finds nobody blocked any more whom the write has served, on whatever worker.
  // `stats` are those of the worker that calls.
  void uncount(WorkerStats& stats) {
    if (!uncounted.exchange(true)) stats.blocked.add(-1);
  }
};

using Waiters = ByKey<Waiter>;

// The client's side: waits for the reply, for the time to be over or for CLIENT UNBLOCK.
class BlockedTask : public Task {
 public:
  // Under the locks of the waiter's shards.
  BlockedTask(Services& services, std::shared_ptr<Waiter> waiter);
  ~BlockedTask() override;

  Progress step(ReplyWriter& reply, int64_t now_ms) override;
  int64_t wake_ms() const override { return std::max(waiter_->options.until_ms, again_ms_); }
  // Served, it waits for its answer only: what its own write invalidated comes behind that.
  bool blocks() const override { return !waiter_->served.load(std::memory_order_acquire); }
  bool counts_itself() const override { return true; }
  uint64_t effect_end() const override { return waiter_->session.effect_end; }
  bool unblock(ReplyWriter& reply, const char* error) override;

 private:
  enum class Leaving : uint8_t {
    left,
    served,  // the reply is already there
    later,   // a script holds a shard for long
  };
  Leaving try_leave();
  void count(const char* error);

  Services& services_;
  std::shared_ptr<Waiter> waiter_;
  int64_t again_ms_ = 0;
};

// Takes a client off all lists. The caller holds the locks of its shards.
void leave_lists(Waiters& waiters, Waiter& waiter);
void reply_nothing(ReplyWriter& reply, Nothing nothing);

// Reads a time-out in seconds, fractions allowed, as blocking commands take it; 0 is for ever.
// Returns the Unix time in ms at which it is over.
int64_t take_timeout(Args& args, int64_t now_ms);
// The same in whole milliseconds (XREAD BLOCK).
int64_t take_timeout_ms(Args& args, int64_t now_ms);

}  // namespace larder
