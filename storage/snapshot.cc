#include "storage/snapshot.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/check.h"
#include "storage/rdb/encode.h"
#include "storage/shard_lock.h"
#include "storage/streams.h"
#include "storage/strings.h"

namespace larder {
namespace {

// What is gathered under one hold of a lock: some 50 us, and it is compressed behind it.
constexpr size_t kHoldBytes = 32 * 1024;
// Buckets looked at in one, when most of their entries are written already.
constexpr size_t kHoldBuckets = 64;
// What changes leave is gathered in pieces of this size.
constexpr size_t kPieceBytes = 64 * 1024;
// A larger blob is written as it is: compressed it would be in memory twice.
constexpr size_t kCompressedBlobMax = 64 * 1024 * 1024;

// What the policy wants to know of the entry after a restart.
void append_use(std::string& out, const EvictionGroup& group, const Entry& entry, int64_t now_ms) {
  if (group.victims() != Victims::none) rdb_append_use(out, group.use_of(entry, now_ms));
}

}  // namespace

std::unique_ptr<StoreSnapshot> StoreSnapshot::begin(Store& store,
                                                    const StoreSnapshotOptions& options,
                                                    const std::function<void()>& at_point) {
  std::unique_ptr<StoreSnapshot> snapshot(new StoreSnapshot(store, options));
  StoreSnapshot* none = nullptr;
  if (!store.snapshot_.compare_exchange_strong(none, snapshot.get())) return nullptr;
  if (!snapshot->start(at_point)) {  // a script holds shards for long
    store.snapshot_.store(nullptr, std::memory_order_release);
    return nullptr;
  }
  snapshot->running_ = true;
  return snapshot;
}

bool StoreSnapshot::start(const std::function<void()>& at_point) NO_THREAD_SAFETY_ANALYSIS {
  const unsigned shards = store_.shard_count();
  of_shard_.resize(shards);
  epochs_.resize(shards);
  const ShardSet all = all_shards(store_);
  if (!lock_shards(store_, all)) return false;
  bool field_expiries = false;
  for (unsigned i = 0; i < shards; ++i) {
    ShardServices& services = store_.shard(i).services;
    services.epoch = !services.epoch;
    services.snapshot = this;
    epochs_[i] = services.epoch ? 1 : 0;
    field_expiries |= services.had_field_expiries;
  }
  if (field_expiries) options_.format.version = options_.version_with_times;
  list_parts();
  if (at_point) at_point();
  unlock_shards(store_, all);
  return true;
}

void StoreSnapshot::list_parts() NO_THREAD_SAFETY_ANALYSIS {
  for (unsigned i = 0; i < store_.shard_count(); ++i) {
    Shard& shard = store_.shard(i);
    for (const unsigned db : shard.used()) {
      Keyspace* keys = shard.find_keyspace(db);
      if (!store_.is_hidden(db)) keys_total_ += keys->size();
      parts_.push_back({.db = db,
                        .shard = i,
                        .keys = keys,
                        .size = keys->size(),
                        .expiring = keys->volatile_count()});
    }
  }
  std::stable_sort(parts_.begin(), parts_.end(),
                   [](const Part& a, const Part& b) { return a.db < b.db; });
  for (Part& part : parts_) of_shard_[part.shard].push_back(&part);
}

StoreSnapshot::~StoreSnapshot() {
  if (running_) stop();
}

// Every entry must carry its shard's bit before the next snapshot begins, but for those that nobody
// can find any more.
void StoreSnapshot::stop() {
  for (Part& part : parts_) {
    for (bool done = false; !done;) {
      MutexLock lock(store_.shard(part.shard).mutex);
      if (part.kept != nullptr) part.done = true;
      for (size_t i = 0; i < kHoldBuckets && !part.done; ++i) {
        part.cursor = part.keys->table().scan(part.cursor, [&](Entry* entry) {
          entry->set(Entry::kEpoch, epochs_[part.shard] != 0);
        });
        part.done = part.cursor == 0;
      }
      done = part.done;
    }
  }
  for (unsigned i = 0; i < store_.shard_count(); ++i) {
    MutexLock lock(store_.shard(i).mutex);
    store_.shard(i).services.snapshot = nullptr;
  }
  store_.snapshot_.store(nullptr, std::memory_order_release);
  running_ = false;
}

StoreSnapshot::Part* StoreSnapshot::part_of(unsigned shard, const Keyspace& keys) {
  for (Part* part : of_shard_[shard]) {
    if (part->keys == &keys) return part;
  }
  return nullptr;
}

bool StoreSnapshot::is_written(const Entry& entry, unsigned shard) const {
  return entry.is(Entry::kEpoch) == (epochs_[shard] != 0);
}

void StoreSnapshot::before_change(Keyspace& keys, Entry* entry) {
  const unsigned shard = keys.services().shard_index;
  if (is_written(*entry, shard)) [[likely]] {
    if (frozen_entry_.load(std::memory_order_relaxed) == entry) finish_frozen();
    return;
  }
  entry->set(Entry::kEpoch, epochs_[shard] != 0);
  const Part* part = part_of(shard, keys);
  CHECK(part != nullptr);  // what is younger than the snapshot carries the bit
  if (!given_up() && !store_.is_hidden(part->db)) write_ahead(part->db, shard, *entry);
}

void StoreSnapshot::append_head(std::string& out, unsigned shard, const Entry& entry,
                                RdbType type) const NO_THREAD_SAFETY_ANALYSIS {
  append_use(out, *store_.shard(shard).services.eviction, entry, now_ms_);
  rdb_append_key_head(out, entry, type);
}

StoreSnapshot::Chunk StoreSnapshot::chunk_of(unsigned db, unsigned shard,
                                             const Entry& entry) const {
  Chunk chunk{.db = db, .bytes = {}, .owner = nullptr, .blob = {}};
  RdbValueWriter writer(entry, options_.format);
  append_head(chunk.bytes, shard, entry, writer.type());
  if (entry.encoding() == Encoding::blob) {  // the bytes are referred to, not copied
    IntegerText unused;
    chunk.owner = string_share(entry);
    chunk.blob = string_bytes(entry, unused);
  } else {
    writer.write_all(chunk.bytes);
  }
  return chunk;
}

void StoreSnapshot::write_ahead(unsigned db, unsigned shard, const Entry& entry) {
  Chunk chunk = chunk_of(db, shard, entry);
  const size_t bytes = chunk.bytes.size() + chunk.blob.size();
  const size_t buffered = buffered_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (buffered > options_.buffer_bytes_max &&
      options_.on_full == StoreSnapshotOptions::OnFull::give_up) {
    cancel();
  }
  keys_written_.fetch_add(1, std::memory_order_relaxed);
  MutexLock lock(buffer_mutex_);
  if (chunk.owner == nullptr && !buffer_.empty() && buffer_.back().db == db &&
      buffer_.back().owner == nullptr && buffer_.back().bytes.size() < kPieceBytes) {
    buffer_.back().bytes.append(chunk.bytes);
  } else {
    buffer_.push_back(std::move(chunk));
  }
}

// Somebody changes the frozen object and can't wait. Its memory may be another shard's next, whose
// lock does not guard this: so nobody finds it frozen any more.
void StoreSnapshot::finish_frozen() {
  frozen_entry_.store(nullptr, std::memory_order_relaxed);
  if (frozen_.done) return;
  frozen_.writer->write_all(frozen_.rest);
  frozen_.done = true;
}

std::unique_ptr<Keyspace> StoreSnapshot::keep(unsigned shard, std::unique_ptr<Keyspace> keyspace) {
  Part* part = part_of(shard, *keyspace);
  if (part == nullptr || part->done) return keyspace;
  part->kept = std::move(keyspace);
  return nullptr;
}

bool StoreSnapshot::must_wait(Store& store, const Key& key, unsigned db) {
  const unsigned index = store.shard_index(key.hash);
  Shard& shard = store.shard(index);
  const ShardLock lock(shard, index);
  if (!lock) return false;  // the command will wait for who holds it
  Keyspace* keys = shard.find_keyspace(db);
  if (shard.services.snapshot == nullptr || keys == nullptr) return false;
  const Item item = keys->find(key);
  return item && shard.services.snapshot->holds_back(*keys, key, *item.entry());
}

bool StoreSnapshot::holds_back(Keyspace& keys, const Key& key, const Entry& entry) {
  if (options_.on_full == StoreSnapshotOptions::OnFull::give_up) return false;
  const unsigned shard = keys.services().shard_index;
  if (is_written(entry, shard)) {
    return frozen_entry_.load(std::memory_order_relaxed) == &entry && !frozen_.done;
  }
  Part* part = part_of(shard, keys);
  if (given_up() || (part != nullptr && store_.is_hidden(part->db))) return false;
  if (!is_big_value(entry)) {
    return buffered_bytes_.load(std::memory_order_relaxed) > options_.buffer_bytes_max;
  }
  MutexLock lock(buffer_mutex_);
  const auto is_same = [&](const Wanted& wanted) {
    return wanted.part == part && wanted.key == key.name;
  };
  if (std::none_of(wanted_.begin(), wanted_.end(), is_same)) {
    wanted_.push_back({part, std::string(key.name)});
    has_wanted_.store(true, std::memory_order_relaxed);
  }
  return true;
}

void StoreSnapshot::with_shard(unsigned index, const std::function<void()>& work)
    NO_THREAD_SAFETY_ANALYSIS {
  Shard& shard = store_.shard(index);
  const auto piece = [&]() NO_THREAD_SAFETY_ANALYSIS {
    if (!shard.lock()) return false;
    work();
    shard.mutex.unlock();
    return true;
  };
  if (options_.lend && options_.lend(piece)) return;
  MutexLock lock(shard.mutex);
  work();
}

bool StoreSnapshot::write_keys(RdbFileWriter& out) {
  for (size_t first = 0; first < parts_.size() && !store_.is_hidden(parts_[first].db);) {
    size_t last = first;
    while (last < parts_.size() && parts_[last].db == parts_[first].db) ++last;
    walk_database(out, first, last);
    first = last;
  }
  stop();
  drain(out);
  return out.ok() && !given_up();
}

// The shards take turns, so that no lock is wanted again at once.
void StoreSnapshot::walk_database(RdbFileWriter& out, size_t first, size_t last) {
  size_t left = last - first;
  size_t keys = 0;
  size_t expiring = 0;
  for (size_t i = first; i < last; ++i) {
    keys += parts_[i].size;
    expiring += parts_[i].expiring;
  }
  if (keys > 0) out.select(parts_[first].db, keys, expiring);
  while (left > 0) {
    for (size_t i = first; i < last; ++i) {
      Part& part = parts_[i];
      if (part.done) continue;
      if (!out.ok()) cancel();
      if (given_up()) return;
      walk_part(out, part);
      if (has_wanted_.load(std::memory_order_relaxed)) write_wanted(out);
      if (part.done) --left;
    }
  }
}

void StoreSnapshot::walk_part(RdbFileWriter& out, Part& part) {
  Gathered got{.batch = {.db = part.db, .bytes = {}, .owner = nullptr, .blob = {}},
               .uncompressed = {},
               .blobs = {}};
  with_shard(part.shard, [&] { gather(part, got); });
  got.gone.reset();
  if (!got.uncompressed.empty()) {
    got.batch.bytes = rdb::compress_noted(got.batch.bytes, got.uncompressed);
  }
  drain(out);
  for (const Chunk& blob : got.blobs) write_chunk(out, blob);
  write_chunk(out, got.batch);
  if (got.froze) write_frozen(out);
  rest(out);
}

// Under the lock of the part's shard.
void StoreSnapshot::gather(Part& part, Gathered& got) {
  std::string& bytes = got.batch.bytes;
  Entry* big = nullptr;
  const auto write = [&](Entry* entry) {
    if (is_written(*entry, part.shard)) return;
    if (is_big_value(*entry)) {
      big = entry;
    } else {
      write_entry(part, entry, got);
    }
  };
  for (size_t i = 0; i < kHoldBuckets && bytes.size() < kHoldBytes; ++i) {
    const uint64_t next = part.keys->table().scan(part.cursor, write);
    if (big != nullptr) break;  // the bucket is looked at again when that is written
    part.cursor = next;
    part.done = next == 0;
    if (part.done) break;
  }
  if (part.done) got.gone = std::move(part.kept);
  got.froze = big != nullptr;
  if (got.froze) freeze(part, big, bytes);
}

// Between two holds, without a lock. What commands wait for is written meanwhile.
void StoreSnapshot::rest(RdbFileWriter& out) {
  const size_t keys = keys_written() - rested_at_;
  if (options_.rest_us > 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(options_.rest_us));
  }
  if (options_.key_delay_us == 0) return;
  constexpr size_t kPieceUs = 10'000;  // so that a cancelled one ends soon
  for (size_t left = keys * options_.key_delay_us; left > 0 && !given_up();) {
    const size_t piece = std::min(left, kPieceUs);
    std::this_thread::sleep_for(std::chrono::microseconds(piece));
    left -= piece;
    drain(out);
    if (has_wanted_.load(std::memory_order_relaxed)) write_wanted(out);
  }
  rested_at_ = keys_written();
}

void StoreSnapshot::write_entry(const Part& part, Entry* entry, Gathered& got) {
  entry->set(Entry::kEpoch, epochs_[part.shard] != 0);
  keys_written_.fetch_add(1, std::memory_order_relaxed);
  if (entry->encoding() == Encoding::blob) {
    got.blobs.push_back(chunk_of(part.db, part.shard, *entry));
    return;
  }
  RdbFormat format = options_.format;
  if (format.compress.on) format.compress = RdbCompression(got.uncompressed);
  RdbValueWriter writer(*entry, format);
  append_head(got.batch.bytes, part.shard, *entry, writer.type());
  writer.write_all(got.batch.bytes);
}

void StoreSnapshot::freeze(const Part& part, Entry* entry, std::string& batch) {
  entry->set(Entry::kEpoch, epochs_[part.shard] != 0);
  keys_written_.fetch_add(1, std::memory_order_relaxed);
  frozen_.shard = part.shard;
  frozen_.writer.emplace(*entry, options_.format);
  frozen_.done = false;
  frozen_.rest.clear();
  frozen_entry_.store(entry, std::memory_order_relaxed);
  append_head(batch, part.shard, *entry, frozen_.writer->type());
}

void StoreSnapshot::write_frozen(RdbFileWriter& out) {
  std::string piece;
  for (bool more = true; more;) {
    piece.clear();
    with_shard(frozen_.shard, [&] {
      if (frozen_.done || given_up()) {
        piece.swap(frozen_.rest);
        more = false;
      } else {
        more = frozen_.writer->write_some(piece, kHoldBytes);
      }
      if (!more) frozen_entry_.store(nullptr, std::memory_order_relaxed);
    });
    out.write(piece);
    if (!out.ok()) cancel();
  }
  frozen_.writer.reset();
}

// Big objects that commands wait for.
void StoreSnapshot::write_wanted(RdbFileWriter& out) {
  while (true) {
    Wanted wanted;
    {
      MutexLock lock(buffer_mutex_);
      if (wanted_.empty()) break;
      wanted = std::move(wanted_.front());
      wanted_.pop_front();
      has_wanted_.store(!wanted_.empty(), std::memory_order_relaxed);
    }
    Part& part = *wanted.part;
    Chunk batch{.db = part.db, .bytes = {}, .owner = nullptr, .blob = {}};
    bool froze = false;
    with_shard(part.shard, [&] {
      const Item item = part.done ? Item{} : part.keys->find(Key::of(wanted.key));
      froze = item && !is_written(*item.entry(), part.shard) && is_big_value(*item.entry());
      if (froze) freeze(part, item.entry(), batch.bytes);
    });
    if (!froze) continue;
    write_chunk(out, batch);
    write_frozen(out);
  }
}

void StoreSnapshot::write_chunk(RdbFileWriter& out, const Chunk& chunk) {
  if (chunk.bytes.empty()) return;
  out.select(chunk.db);
  out.write(chunk.bytes);
  if (chunk.owner == nullptr) return;
  std::string value;
  if (chunk.blob.size() > kCompressedBlobMax) {
    rdb::put_length(value, chunk.blob.size());
    out.write(value);
    out.write(chunk.blob);
  } else {
    rdb::put_string(value, chunk.blob, options_.format.compress);
    out.write(value);
  }
}

// Writes what changes have left in the buffer.
void StoreSnapshot::drain(RdbFileWriter& out) {
  if (buffered_bytes_.load(std::memory_order_relaxed) == 0) return;
  std::vector<Chunk> chunks;
  {
    MutexLock lock(buffer_mutex_);
    chunks.swap(buffer_);
  }
  for (const Chunk& chunk : chunks) {
    if (!given_up()) write_chunk(out, chunk);
    buffered_bytes_.fetch_sub(chunk.bytes.size() + chunk.blob.size(), std::memory_order_relaxed);
  }
}

void write_store_locked(Store& store, RdbFileWriter& out, const RdbFacts& facts,
                        const std::vector<std::string>& functions) NO_THREAD_SAFETY_ANALYSIS {
  RdbFormat format;
  for (unsigned i = 0; i < store.shard_count(); ++i) {
    if (store.shard(i).services.had_field_expiries) format.version = kRdbVersionFieldTimes;
  }
  out.begin(format.version, facts);
  for (const std::string& code : functions) out.function(code);
  const int64_t now_ms = unix_ms();
  std::string batch;
  for (unsigned db = 0; db < store.databases(); ++db) {
    for (unsigned i = 0; i < store.shard_count(); ++i) {
      Keyspace* keys = store.shard(i).find_keyspace(db);
      if (keys == nullptr || keys->size() == 0) continue;
      out.select(db);
      const EvictionGroup& eviction = *store.shard(i).services.eviction;
      for (uint64_t cursor = 0;;) {
        cursor = keys->table().scan_segment(cursor, [&](Entry* entry) {
          RdbValueWriter writer(*entry, format);
          append_use(batch, eviction, *entry, now_ms);
          rdb_append_key_head(batch, *entry, writer.type());
          writer.write_all(batch);
        });
        out.write(batch);
        batch.clear();
        if (cursor == 0) break;
      }
    }
  }
}

}  // namespace larder
