// Walks over a whole database: KEYS, SCAN, RANDOMKEY. They lock shard by shard, a few hundred
// entries at a time, and give the worker back in between.
//
// A SCAN cursor is | shard | position in the shard's table, TableCursor::kBits |; 0 starts and
// ends.
// Source: https://redis.io/commands/scan/
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/glob.h"
#include "server/commands/element_scan.h"
#include "server/commands/families.h"
#include "server/engine/args.h"
#include "server/engine/key_types.h"
#include "server/engine/reply_pieces.h"
#include "storage/expiry_pause.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

// How long a walk may keep its worker busy before others have their turn: about as long as they
// wait for each other anyway.
constexpr int64_t kSliceUs = 50;

// What a walk is looking for, and the matches so far as bulk strings.
struct Matches {
  std::string pattern;
  bool any_name = true;
  std::string type;  // empty: any
  ReplyPieces found;

  bool fits_name(const Entry& entry) const {
    return any_name || glob_match(pattern, entry.key());
  }
  bool fits_type(const Entry& entry) const {
    return type.empty() || type == type_name(entry.type());
  }

  // The matches as an array.
  void write(ReplyWriter& reply) const {
    reply.array(found.count());
    found.write(reply);
  }
};

class KeysTask : public Task {
 public:
  KeysTask(Store& store, unsigned db, Bytes pattern) : store_(store), db_(db) {
    matches_.pattern = pattern;
    matches_.any_name = pattern == "*";
  }

  bool walks_store() const override { return true; }
  Progress step(ReplyWriter& reply, int64_t now_ms) override {
    const int64_t end_us = steady_us() + kSliceUs;
    while (shard_ < store_.shard_count()) {
      if (!visit_segment(now_ms)) return Progress::again;
      if (steady_us() >= end_us && shard_ < store_.shard_count()) return Progress::again;
    }
    matches_.write(reply);
    return Progress::done;
  }

 private:
  // False when a script holds the shard.
  bool visit_segment(int64_t now_ms) {
    Shard& shard = store_.shard(shard_);
    {
      const ShardLock lock(shard, shard_);
      if (!lock) return false;
      Keyspace* keys = shard.find_keyspace(db_);
      cursor_ = keys == nullptr ? 0 : keys->table().scan_segment(cursor_, [&](Entry* entry) {
        if (!entry->expired(now_ms) && matches_.fits_name(*entry)) {
          matches_.found.add(entry->key());
        }
      });
    }
    if (cursor_ == 0) ++shard_;
    return true;
  }

  Store& store_;
  const unsigned db_;
  Matches matches_;
  unsigned shard_ = 0;
  uint64_t cursor_ = 0;
};

Status keys(Call& call) {
  auto task = std::make_unique<KeysTask>(call.store(), call.session().db, call.arg(1));
  if (task->step(call.reply(), call.now_ms()) != Task::Progress::done) {
    call.start_task(std::move(task));
  }
  return Status::ok();
}

// What is met too late goes, as when somebody looks at it. Under the shard's lock.
void drop_if_due(Keyspace& keys, const std::string& name, int64_t now_ms) {
  keys.services().now_ms = now_ms;
  (void)keys.find_live(Key::of(name), now_ms);
}

struct ScanOptions {
  uint64_t cursor = 0;
  uint64_t count = 10;
};

class ScanTask : public Task {
 public:
  ScanTask(Store& store, unsigned db, const ScanOptions& options, Matches matches)
      : store_(store),
        db_(db),
        wanted_(options.count),
        // Empty buckets are cheap; a small database is walked in one call.
        buckets_left_(std::min(options.count, uint64_t{1} << 40) * 10 + kBucketsFree),
        shard_(options.cursor >> TableCursor::kBits),
        cursor_(options.cursor & ((uint64_t{1} << TableCursor::kBits) - 1)),
        matches_(std::move(matches)) {}

  bool walks_store() const override { return true; }
  Progress step(ReplyWriter& reply, int64_t now_ms) override {
    const int64_t end_us = steady_us() + kSliceUs;
    while (more()) {
      if (!visit_buckets(now_ms)) return Progress::again;
      if (more() && steady_us() >= end_us) return Progress::again;
    }
    const bool at_end = shard_ >= store_.shard_count();
    reply.array(2);
    reply.bulk(std::to_string(at_end ? 0 : shard_ << TableCursor::kBits | cursor_));
    matches_.write(reply);
    return Progress::done;
  }

 private:
  static constexpr uint64_t kBucketsFree = 4096;
  static constexpr unsigned kBucketsPerHold = 64;

  bool more() const {
    return shard_ < store_.shard_count() && seen_ < wanted_ && buckets_left_ > 0;
  }

  // The same.
  bool visit_buckets(int64_t now_ms) {
    Shard& shard = store_.shard(static_cast<unsigned>(shard_));
    const ShardLock lock(shard, static_cast<unsigned>(shard_));
    if (!lock) return false;
    Keyspace* keys = shard.find_keyspace(db_);
    if (keys == nullptr || keys->size() == 0) return next_shard();
    for (unsigned i = 0; i < kBucketsPerHold && seen_ < wanted_ && buckets_left_ > 0; ++i) {
      --buckets_left_;
      cursor_ = keys->table().scan(cursor_, [&](Entry* entry) {
        ++seen_;
        if (!matches_.fits_name(*entry)) return;
        if (entry->expired(now_ms)) {
          due_.emplace_back(entry->key());
        } else if (matches_.fits_type(*entry)) {
          matches_.found.add(entry->key());
        }
      });
      if (!due_.empty()) drop_due(*keys, now_ms);
      if (cursor_ == 0) return next_shard();
    }
    return true;
  }

  void drop_due(Keyspace& keys, int64_t now_ms) {
    for (const std::string& name : due_) drop_if_due(keys, name, now_ms);
    due_.clear();
  }

  bool next_shard() {
    cursor_ = 0;
    ++shard_;
    return true;
  }

  Store& store_;
  const unsigned db_;
  const uint64_t wanted_;
  uint64_t buckets_left_;
  uint64_t shard_;
  uint64_t cursor_;
  uint64_t seen_ = 0;
  Matches matches_;
  std::vector<std::string> due_;
};

Status scan(Call& call) {
  Args args(call);
  ScanOptions options;
  options.cursor = take_cursor(args);
  Matches matches;
  while (args.more()) {
    if (args.take_with_value("COUNT")) {
      const int64_t count = args.integer();
      if (args.ok() && count < 1) args.reject();
      options.count = static_cast<uint64_t>(count);
    } else if (args.take_with_value("MATCH")) {
      matches.pattern = args.bytes();
      matches.any_name = matches.pattern == "*";
    } else if (args.take_with_value("TYPE")) {
      matches.type = lower_case(args.bytes());
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  auto task = std::make_unique<ScanTask>(call.store(), call.session().db, options,
                                         std::move(matches));
  if (task->step(call.reply(), call.now_ms()) != Task::Progress::done) {
    call.start_task(std::move(task));
  }
  return Status::ok();
}

// A shard drawn by its share of the database's keys; nothing when there are none.
std::optional<unsigned> draw_shard(Store& store, unsigned db, uint64_t random) {
  const size_t total = store.database_size(db).keys;
  if (total == 0) return {};
  uint64_t left = random % total;
  for (unsigned i = 0; i < store.shard_count(); ++i) {
    Shard& shard = store.shard(i);
    const ShardLock lock(shard, i);
    if (!lock) continue;
    const Keyspace* keys = shard.find_keyspace(db);
    const size_t size = keys == nullptr ? 0 : keys->size();
    if (left < size) return i;
    left -= size;
  }
  return {};
}

// Expired keys are removed and another is drawn, but not for ever. Where nothing is removed, as
// clients are paused, the last draw counts, as in Redis.
Status randomkey(Call& call) {
  constexpr int kDrawsMax = 100;
  const unsigned db = call.session().db;
  for (int i = 0; i < kDrawsMax; ++i) {
    const auto drawn = draw_shard(call.store(), db, call.random().next());
    if (!drawn) break;
    Shard& shard = call.store().shard(*drawn);
    const ShardLock lock(shard, *drawn);
    if (!lock) continue;
    Keyspace* keys = shard.find_keyspace(db);
    const Entry* entry = keys == nullptr ? nullptr : keys->table().sample(call.random().next());
    const bool stays = is_expiry_paused(call.now_ms()) && i + 1 == kDrawsMax;
    if (entry == nullptr) continue;
    if (entry->expired(call.now_ms()) && !stays) {
      drop_if_due(*keys, std::string(entry->key()), call.now_ms());
      continue;
    }
    call.reply().bulk(entry->key());
    return Status::ok();
  }
  call.reply().null();
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "KEYS", .syntax = "pattern", .summary = "Lists the keys that match a pattern.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of keys in the database",
     .group = "generic", .arity = exactly(2), .flags = Flag::readonly,
     .acl = Acl::keyspace | Acl::read | Acl::slow | Acl::dangerous, .run = keys},
    {.name = "SCAN", .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     .summary = "Walks over the keys of the database step by step.", .since = "2.8.0",
     .complexity = "O(1) for every call, O(N) for a complete walk", .group = "generic",
     .arity = at_least(2), .flags = Flag::readonly,
     .acl = Acl::keyspace | Acl::read | Acl::slow, .run = scan},
    {.name = "RANDOMKEY", .syntax = "", .summary = "Returns some key of the database.",
     .since = "1.0.0", .complexity = "O(1)", .group = "generic", .arity = exactly(1),
     .flags = Flag::readonly, .acl = Acl::keyspace | Acl::read | Acl::slow, .run = randomkey},
});

}  // namespace

std::span<const CommandSpec> scan_commands() { return kFamily; }

}  // namespace larder
