// A replica, or somebody who may become one, as its primary knows it. The connection asks it for
// what is to be sent (StreamEnd::fill), in this order:
//
//   stranger --PSYNC, the stream is here------------------------------> online
//   stranger --PSYNC, it is not--> waiting --snapshot--> sending --> [by_mark: settling] --> online
//                                  newlines,             file        until it acknowledges
//                                  then +FULLRESYNC
//   online: the effect log from the reader's place on
//
// fill() and closed() run on the connection's worker; the rest is called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "server/engine/effects.h"
#include "server/engine/replication.h"
#include "server/persistence/snapshot.h"
#include "server/replication/byte_pipe.h"
#include "server/replication/transfer.h"

namespace larder {

class Replica;
class Workers;

// Who has replicas.
class ReplicaKeeper {
 public:
  virtual ~ReplicaKeeper() = default;
  virtual void replica_closed(Replica& replica) = 0;
  // A replica is about to have sent everything: asks for acknowledgements if they are wanted.
  virtual void all_sent() = 0;
  // Replica::sent_offset has moved.
  virtual void note_sent() = 0;
};

class Replica : public StreamEnd {
 public:
  enum class State : uint8_t { stranger, waiting, sending, settling, online, closed };

  struct Place {
    size_t worker = 0;
    uint64_t client = 0;
  };
  Replica(ReplicaKeeper& keeper, Workers& workers, const EffectLog& log, Place place)
      : keeper_(keeper), workers_(workers), log_(log), place_(place) {}

  // What it says of itself (REPLCONF), before it is one. On its worker.
  struct Facts {
    std::string peer_ip;  // of the connection
    std::string ip;       // announced, or the peer's
    int64_t port = 0;     // it listens on; 0: not said
    bool by_mark = false;    // capa eof
    bool continues = false;  // capa psync2
    bool gives_tail = false;  // capa larder-tail
    bool heir = false;        // capa larder-heir
    bool file_only = false;  // rdb-only: it hangs up behind the file
    SnapshotParts parts;     // of the file that it wants
    std::string version;     // which only Valkey tells, and Larder as if it were one

    // Fields with times have to be in a form of its own.
    bool is_valkey_9() const;
    bool share_file(const Facts& other) const {
      return parts == other.parts && is_valkey_9() == other.is_valkey_9();
    }
  };
  Facts facts() const;
  template <typename Change>
  void change_facts(Change change) {
    MutexLock lock(mutex_);
    change(facts_);
  }

  State state() const { return state_.load(std::memory_order_acquire); }
  bool is_online() const { return state() == State::online; }
  uint64_t client() const { return place_.client; }

  // It gets the stream from the reader's place on; `answer` is the line before.
  void resume(std::unique_ptr<EffectLog::Reader> reader, std::string answer);
  // It waits for a snapshot. `answers`: it asked by PSYNC and is told +FULLRESYNC.
  void wait_for_file(bool answers, int64_t now_ms);
  int64_t waiting_since_ms() const { return waiting_since_ms_.load(); }
  // A newline, so that it does not give up waiting.
  void keep_alive();
  // The snapshot of stream `id` as of the reader's place begins: the file comes through the pipe
  // or, for one that takes no mark, from a spool later.
  void begin_file(std::unique_ptr<EffectLog::Reader> reader, const std::string& id,
                  std::shared_ptr<BytePipe> pipe);
  void begin_spool(std::shared_ptr<Spool> spool, uint64_t bytes);
  // Makes its connection ask again for what is to be sent.
  void wake();
  // Ends the connection.
  void cut();

  // REPLCONF ACK. On its worker.
  void acknowledge(uint64_t offset, uint64_t on_disk, int64_t now_ms);
  uint64_t acked() const { return acked_.load(std::memory_order_acquire); }
  uint64_t acked_on_disk() const { return acked_on_disk_.load(std::memory_order_acquire); }
  // The stream up to here is with the kernel; kBlocked while the replica does not take it.
  static constexpr uint64_t kBlocked = UINT64_MAX;
  uint64_t sent_offset() const { return sent_.load(); }
  // Steady clock, of the last acknowledgement.
  int64_t acked_ms() const { return acked_ms_.load(); }

  // It could not keep up, or went with the file half sent.
  bool was_cut_off() const { return cut_off_.load(); }

  // StreamEnd
  Kind kind() const override {
    return state() == State::stranger ? Kind::stranger : Kind::replica;
  }
  bool fill(Output& out, size_t bytes_max) override;
  void sent(bool all) override;
  uint64_t bytes_behind() const override;
  void closed() override;

 private:
  bool fill_file(Output& out, size_t bytes_max) REQUIRES(mutex_);
  bool fill_from_pipe(Output& out, size_t bytes_max) REQUIRES(mutex_);
  bool fill_from_spool(Output& out, size_t bytes_max) REQUIRES(mutex_);
  bool fill_stream(Output& out, size_t bytes_max) REQUIRES(mutex_);
  void end_of_file(bool by_mark) REQUIRES(mutex_);
  void hang_up_behind_file();
  void watch(EffectLog::Reader& reader);

  ReplicaKeeper& keeper_;
  Workers& workers_;
  const EffectLog& log_;
  const Place place_;
  std::atomic<State> state_{State::stranger};
  std::atomic<int64_t> waiting_since_ms_{0};  // steady clock
  std::atomic<uint64_t> acked_{0};
  std::atomic<uint64_t> acked_on_disk_{0};
  std::atomic<int64_t> acked_ms_{0};
  uint64_t filled_to_ = kBlocked;  // what fill() gave of the stream; its worker's
  std::atomic<uint64_t> sent_{kBlocked};
  std::atomic<bool> cut_off_{false};

  mutable Mutex mutex_;  // a leaf but for the effect log's
  Facts facts_ GUARDED_BY(mutex_);
  bool answers_ GUARDED_BY(mutex_) = false;
  std::string text_ GUARDED_BY(mutex_);  // goes first
  std::unique_ptr<EffectLog::Reader> reader_ GUARDED_BY(mutex_);
  std::shared_ptr<BytePipe> pipe_ GUARDED_BY(mutex_);
  std::shared_ptr<Spool> spool_ GUARDED_BY(mutex_);
  uint64_t spool_at_ GUARDED_BY(mutex_) = 0;
  uint64_t spool_bytes_ GUARDED_BY(mutex_) = 0;
  std::string mark_ GUARDED_BY(mutex_);
};

// As INFO says it.
const char* name_of(Replica::State state);

}  // namespace larder
