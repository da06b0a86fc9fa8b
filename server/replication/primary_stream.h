// The connection to the primary, once the stream flows: its worker runs the requests as they come
// (server/net), and here is what goes with that.
//
// Each request's bytes go into the effect log as they are, under the locks of what it changed: so
// the log's end is the offset that was applied, replicas of this server get the very same stream,
// and a snapshot fits an offset here, too. A transaction's bytes wait for its EXEC: a link that
// breaks inside is taken up before its MULTI.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "server/engine/effects.h"
#include "server/engine/replication.h"

namespace larder {

class PrimaryStream : public StreamEnd {
 public:
  explicit PrimaryStream(EffectLog& log) : log_(log) {}

  // Sends REPLCONF ACK with the next bytes. On the worker; elsewhere followed by ClientView::feed.
  void owe_ack() { owes_ack_.store(true); }
  // Requests that came, to see whether it is alive.
  uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }
  // The append-only file has everything up to here; 0: there is none.
  void set_on_disk(uint64_t offset) { on_disk_.store(offset); }

  // Waits until the connection has ended, at most so long. True when it has.
  bool wait_closed(int64_t ms);

  // StreamEnd
  Kind kind() const override { return Kind::primary; }
  void arrives(Session& session, const Command* command) override;
  void ran(Session& session) override;
  bool fill(Output& out, size_t bytes_max) override;
  void closed() override;

 private:
  EffectLog& log_;
  std::atomic<bool> owes_ack_{true};  // the first says that a transfer is done
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> on_disk_{0};

  // On the worker only.
  Bytes raw_;                // of the request that runs
  std::string transaction_;  // bytes since MULTI
  std::string whole_;        // the same with EXEC

  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};

}  // namespace larder
