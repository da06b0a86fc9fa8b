// The effects of all writes: one ordered stream of bytes, in the very form in which a Redis primary
// feeds its replicas and its append-only file. Both read it here.
//
//   *2 SELECT 0 | *3 SET k v | *1 MULTI | *2 INCR n | *2 INCR m | *1 EXEC | *3 PEXPIREAT k 17. | ..
//   ^ offset o    ^ o + 23     every record is whole when it appears; SELECT where the database
//                              changes; MULTI ... EXEC around what must be applied together
//
// - An offset is a number of bytes since the stream began, as Redis counts master_repl_offset: the
//   byte at offset o is the one that PSYNC asks for with o + 1.
// - A record is appended under the locks of the shards it changed, so that the effects of one key
//   stand in the order of its changes. The lock in here is a leaf, held for one small copy.
// - Bytes live in blocks that readers share. What lies behind every reader and behind the backlog
//   is dropped; a reader further behind than its limit loses its place.
// - Every byte counts for replicas, so an effect for the file alone reaches them as the argument of
//   a PING; to the file, the rest of that PING is for replicas only.
// - Readers are woken at the end of a worker's round, not by each record.
// - Without a reader or a backlog the log is not active, and a write pays one relaxed load.
// Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"

namespace larder {

// Who gets an effect, in bits. PUBLISH and the like mean nothing to the append-only file; a script
// may say who gets what it writes (redis.set_repl).
enum class EffectFor : uint8_t { nobody = 0, file = 1, replicas = 2, all = 3 };
constexpr EffectFor operator&(EffectFor a, EffectFor b) {
  return static_cast<EffectFor>(static_cast<uint8_t>(a) & static_cast<uint8_t>(b));
}

// The database of an effect that belongs to none: no SELECT goes before it.
inline constexpr unsigned kNoDatabase = ~0U;

// Effects that will be appended together. One thread's.
class EffectBatch {
 public:
  void add(unsigned db, std::span<const Bytes> words, EffectFor whom = EffectFor::all);
  bool empty() const { return parts_.empty(); }
  size_t size() const { return parts_.size(); }
  void clear();

 private:
  friend class EffectLog;
  struct Part {
    unsigned db;
    EffectFor whom;
    size_t end;  // in bytes_
  };
  std::string bytes_;
  std::vector<Part> parts_;
};

class EffectLog {
 public:
  static constexpr size_t kBlockBytes = 256 * 1024;
  // A backlog is kept in whole blocks: a small one is not to have much more than was asked for.
  static constexpr size_t kLeastBlockBytes = 16 * 1024;
  // Redis's default of repl-backlog-size.
  static constexpr size_t kBacklogBytes = 1024 * 1024;

  class Reader;
  struct ReaderOptions {
    // Bytes it may be behind; further, and it is lost.
    uint64_t lag_bytes_max = UINT64_MAX;
    // Who it is; the file does not see what is for replicas only.
    EffectFor sees = EffectFor::replicas;
  };
  // Bytes of the stream, kept alive by `owner`.
  struct Piece {
    Bytes bytes;
    uint64_t offset = 0;  // of the first
    std::shared_ptr<const void> owner;
  };

  EffectLog();
  ~EffectLog();
  EffectLog(const EffectLog&) = delete;
  EffectLog& operator=(const EffectLog&) = delete;

  // Somebody reads, or may later. Does not change to true while a shard lock is held.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  // Bytes appended so far, over all its life; any thread.
  uint64_t end_offset() const { return end_.load(std::memory_order_acquire); }
  // The first byte that is still there.
  uint64_t begin_offset() const;

  // Appends a record under the lock of every shard it changed. Returns the end behind it.
  uint64_t append(unsigned db, std::span<const Bytes> words, EffectFor whom = EffectFor::all);
  // The same for several effects, between MULTI and EXEC when there is more than one.
  uint64_t append(const EffectBatch& batch);
  // Takes over bytes of a primary's stream as they are: whole records, by one thread. `db` is
  // selected behind them.
  uint64_t append_raw(Bytes bytes, unsigned db);
  // The database that the stream has selected at its end; kNoDatabase: its next record selects one.
  unsigned db() const;

  // A replica's log is its primary's stream and nothing else: only append_raw adds to it. Under
  // every shard's lock.
  void set_follows(bool follows) { follows_.store(follows, std::memory_order_relaxed); }
  bool follows() const { return follows_.load(std::memory_order_relaxed); }

  // A key went by itself (expired, evicted): DEL. Within a transaction it joins the batch that is
  // being gathered on this thread.
  void append_gone(unsigned db, Bytes key);
  // The same for fields of a hash: HDEL.
  void append_fields_gone(unsigned db, Bytes key, std::span<const std::string> fields);
  // The batch that this thread gathers, or null; set by the dispatcher.
  static inline thread_local EffectBatch* gathering = nullptr;

  // Calls the wakers of readers that wait for what is there now. Cheap when there are none; without
  // any lock, at the end of a round.
  void wake_readers() {
    if (news_.load(std::memory_order_relaxed)) [[unlikely]]
      wake_now();
  }

  // The next record begins with a SELECT: a new reader does not know the database. Under every
  // shard's lock. A replica's log can't: its readers are told, see db().
  void select_again();
  // A reader from `offset` on; null when that is not there (any more). Called under every shard's
  // lock when it may make the log active or when it belongs to a point in time.
  std::unique_ptr<Reader> open_reader(uint64_t offset, ReaderOptions options);

  // How many of the last bytes are kept without a reader, while the backlog is kept.
  void set_backlog_bytes(size_t bytes);
  // Keeps the backlog, and so the log active, or no more. The former under every shard's lock.
  void keep_backlog(bool keep);
  // Bytes held in memory.
  size_t retained_bytes() const;
  // What is appended from now on belongs to another history: nobody but the file reads on. Before
  // anything can be appended.
  void end_replicas();
  // Forgets everything and goes on at `offset` of another stream, which has `db` selected there.
  // Every reader is lost.
  void restart_at(uint64_t offset, unsigned db = kNoDatabase);

 private:
  struct Block;
  struct Range {
    uint64_t begin;
    uint64_t end;
  };

  void select_locked(unsigned db) REQUIRES(mutex_);
  void write_locked(Bytes bytes) REQUIRES(mutex_);
  uint64_t write_for_file_locked(Bytes effect) REQUIRES(mutex_);
  void write_words_locked(std::span<const Bytes> words, size_t bytes) REQUIRES(mutex_);
  void link_locked(std::shared_ptr<Block> block) REQUIRES(mutex_);
  void open_block_locked() REQUIRES(mutex_);
  void trim_locked() REQUIRES(mutex_);
  uint64_t tail_locked() const REQUIRES(mutex_);
  enum class Loss : uint8_t { none, fell_behind, stream_ended };
  void lose_locked(Reader& reader, Loss how) REQUIRES(mutex_);
  void drop_all_locked() REQUIRES(mutex_);
  uint64_t advance_locked(uint64_t begin, EffectFor whom) REQUIRES(mutex_);
  void update_active_locked() REQUIRES(mutex_);
  void update_wake_locked() REQUIRES(mutex_);
  void wake_now();

  mutable Mutex mutex_;  // a leaf
  std::atomic<bool> active_{false};
  std::atomic<bool> news_{false};  // wake_now has something to do
  std::atomic<bool> follows_{false};
  std::atomic<uint64_t> end_{0};
  std::deque<std::shared_ptr<Block>> blocks_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Block>> dead_ GUARDED_BY(mutex_);  // to be freed without locks
  std::deque<Range> private_ GUARDED_BY(mutex_);                 // for replicas only, ascending
  std::vector<Reader*> readers_ GUARDED_BY(mutex_);
  uint64_t wake_at_ GUARDED_BY(mutex_) = UINT64_MAX;  // the least of the readers'
  size_t backlog_bytes_ GUARDED_BY(mutex_) = kBacklogBytes;
  bool keeps_backlog_ GUARDED_BY(mutex_) = false;
  unsigned db_ GUARDED_BY(mutex_) = kNoDatabase;  // as of the last SELECT
};

// A place in the stream. Used by one thread at a time; goes before the log does.
class EffectLog::Reader {
 public:
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Of the next byte to read.
  uint64_t offset() const { return offset_.load(std::memory_order_relaxed); }
  // It fell too far behind, or the stream ended: nothing more will come.
  bool lost() const { return loss_.load(std::memory_order_acquire) != Loss::none; }
  bool fell_behind() const { return loss_.load(std::memory_order_acquire) == Loss::fell_behind; }
  // The next bytes that lie together, at most `bytes_max` and none from the offset `before` on;
  // empty when there are none.
  Piece next(size_t bytes_max = SIZE_MAX, uint64_t before = UINT64_MAX);
  // The same, copied. Returns how many.
  size_t read_some(char* into, size_t bytes_max);

  // Called without locks, on any thread, once after wake_when said that nothing is there; then it
  // must be armed again. May still be called once after the reader went: it owns what it uses.
  void set_waker(std::function<void()> waker);
  // Arms the waker for when `bytes` are there to be read. True when they are already: not armed.
  bool wake_when(size_t bytes = 1);

 private:
  friend class EffectLog;
  Reader(EffectLog& log, uint64_t offset, ReaderOptions options)
      : log_(log), options_(options), offset_(offset) {}
  uint64_t skip_private_locked() REQUIRES(log_.mutex_);

  EffectLog& log_;
  const ReaderOptions options_;
  std::atomic<uint64_t> offset_;
  std::atomic<Loss> loss_{Loss::none};
  std::shared_ptr<Block> block_;  // that has offset_, or the one before
  // Guarded by the log's lock.
  uint64_t wake_at_ = UINT64_MAX;  // end offset; UINT64_MAX: not armed
  std::shared_ptr<const std::function<void()>> waker_;
};

}  // namespace larder
