// DEBUG HTSTATS and HTSTATS-KEY: how the entries of hash tables are spread, in Redis's words. What
// Redis calls a slot is a home bucket here, and a chain the entries that have the same one.
#include <array>
#include <cstdio>
#include <string>

#include "server/commands/debug_words.h"
#include "server/engine/args.h"
#include "server/engine/errors.h"
#include "storage/element_object.h"
#include "storage/sorted_sets.h"
#include "storage/store.h"
#include "storage/value.h"

namespace larder::debug {
namespace {

class TableStats {
 public:
  void add_bucket(size_t length) {
    ++buckets_;
    elements_ += length;
    longest_ = std::max(longest_, length);
    ++of_length_[std::min(length, kLengths - 1)];
  }

  std::string text(bool full) const {
    std::string text = "Hash table 0 stats (main hash table):\n";
    if (elements_ == 0) return text + "No stats available for empty dictionaries\n";
    text += " table size: " + std::to_string(buckets_) +
            "\n number of elements: " + std::to_string(elements_) + "\n";
    return full ? text + spread() : text;
  }

 private:
  static constexpr size_t kLengths = 50;  // longer chains are counted together

  static std::string two_places(double value) {
    char text[32];
    return {text, static_cast<size_t>(std::snprintf(text, sizeof text, "%.02f", value))};
  }

  std::string spread() const {
    const size_t used = buckets_ - of_length_[0];
    const std::string average =
        two_places(static_cast<double>(elements_) / static_cast<double>(used));
    std::string text = " different slots: " + std::to_string(used) +
                       "\n max chain length: " + std::to_string(longest_) +
                       "\n avg chain length (counted): " + average +
                       "\n avg chain length (computed): " + average +
                       "\n Chain length distribution:\n";
    for (size_t length = 0; length < kLengths; ++length) {
      if (of_length_[length] == 0) continue;
      const double share = static_cast<double>(of_length_[length]) / static_cast<double>(buckets_);
      text += std::string(length + 1 == kLengths ? "   >= " : "   ") + std::to_string(length) +
              ": " + std::to_string(of_length_[length]) + " (" + two_places(share * 100) + "%)\n";
    }
    return text;
  }

  size_t buckets_ = 0;
  size_t elements_ = 0;
  size_t longest_ = 0;
  std::array<size_t, kLengths> of_length_{};
};

struct DatabaseStats {
  TableStats keys;
  TableStats expiries;  // the same buckets: an expiry is kept with its key
};

// A scan goes from one home bucket to the next.
void add_keyspace(Keyspace& keys, DatabaseStats& stats) {
  uint64_t cursor = 0;
  do {
    size_t all = 0;
    size_t with_expiry = 0;
    cursor = keys.table().scan(cursor, [&](Entry* entry) {
      ++all;
      with_expiry += entry->is(Entry::kHasExpiry) ? 1 : 0;
    });
    stats.keys.add_bucket(all);
    stats.expiries.add_bucket(with_expiry);
  } while (cursor != 0);
}

TableStats stats_of(ElementTable& table) {
  TableStats stats;
  uint64_t cursor = 0;
  do {
    size_t length = 0;
    cursor = table.scan(cursor, [&](Element*) { ++length; });
    stats.add_bucket(length);
  } while (cursor != 0);
  return stats;
}

bool wants_all(const Call& call) {
  return call.arg_count() > 3 && equals_upper(call.arg(3), "FULL");
}

// Null for a value that has none.
ElementTable* table_of(const Entry& entry) {
  if (entry.encoding() != Encoding::object) return nullptr;
  Object* object = Keyspace::object_of(entry);
  switch (entry.type()) {
    case Type::set:
    case Type::hash:
      return &static_cast<ElementObject*>(object)->table();
    case Type::sorted_set:
      return &static_cast<SortedSetObject*>(object)->table();
    default:
      return nullptr;
  }
}

}  // namespace

Status table_stats(Call& call) NO_THREAD_SAFETY_ANALYSIS {
  if (Status no = refusal(call); !no.is_ok()) return no;
  const auto db = parse_int64(call.arg(2));
  if (!db) return Status::error(errors::kNotInteger);
  if (*db < 0 || *db >= static_cast<int64_t>(call.store().databases())) {
    return Status::error("ERR Out of range database");
  }
  DatabaseStats stats;
  for (unsigned i = 0; i < call.store().shard_count(); ++i) {
    Shard& shard = call.store().shard(i);
    for (const unsigned used : shard.used()) {
      if (used == static_cast<unsigned>(*db)) add_keyspace(shard.keyspace(used), stats);
    }
  }
  call.reply().verbatim("txt", "[Dictionary HT]\n" + stats.keys.text(wants_all(call)) +
                                   "[Expires HT]\n" + stats.expiries.text(wants_all(call)));
  return Status::ok();
}

Status table_stats_of_key(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  const Item item = call.peek(call.key(2));
  if (!item) return Status::error(errors::kNoSuchKey);
  ElementTable* table = table_of(*item.entry());
  if (table == nullptr) {
    return Status::error(
        "ERR The value stored at the specified key is not represented using an hash table");
  }
  call.reply().verbatim("txt", stats_of(*table).text(wants_all(call)));
  return Status::ok();
}

}  // namespace larder::debug
