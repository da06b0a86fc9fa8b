// The table alone. Keys are numbers; crowded ones are chosen so that all have one of a few home
// buckets, which overflow while the others stay empty.
#include "storage/table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "storage/entry.h"
#include "storage/slab.h"

namespace larder::table_test {
namespace {

using Numbers = std::vector<uint32_t>;
using NumberSet = std::set<uint32_t>;

constexpr uint32_t kNumbersMax = 8000;

enum class Spread { even, crowded };

HashPlace place_of(Bytes key) { return Table::place_of_hash(hash_of(key), 0); }

// Numbers whose home lies in the first sixteenth of the buckets.
uint32_t crowded_number(uint32_t index) {
  static const Numbers numbers = [] {
    constexpr uint32_t kPlaces = 1U << 14;  // of one segment
    Numbers found;
    for (uint32_t i = 0; found.size() < kNumbersMax; ++i) {
      if (place_of(std::to_string(i)).place % kPlaces < kPlaces / 16) found.push_back(i);
    }
    return found;
  }();
  return numbers[index];
}

// A table with the entries it points at.
class Shelf {
 public:
  explicit Shelf(Spread spread = Spread::even, Slab* slab = nullptr)
      : spread_(spread), table_(0, slab) {}

  // Entries go by number in the tests; a crowded one has another name.
  std::string key_of(uint32_t number) const {
    return std::to_string(spread_ == Spread::even ? number : crowded_number(number));
  }
  uint32_t number_of(const Entry* entry) const { return numbers_.at(entry); }

  void put(uint32_t number) {
    if (entries_.count(number) != 0) return;
    const std::string key = key_of(number);
    const EntryShape shape{.key_bytes = key.size()};
    auto memory = std::make_unique<uint64_t[]>(Entry::bytes_for(shape) / 8 + 1);
    Entry* entry = Entry::make(memory.get(), shape, key);
    entries_[number] = std::move(memory);
    numbers_[entry] = number;
    table_.insert(place_of(key), entry);
  }

  void erase(uint32_t number) {
    const auto found = entries_.find(number);
    if (found == entries_.end()) return;
    const HashPlace where = place_of(key_of(number));
    table_.erase(where, table_.find(where, key_of(number)));
    numbers_.erase(entry_of(found->second));
    entries_.erase(found);
  }

  bool finds(uint32_t number) {
    const auto found = entries_.find(number);
    if (found == entries_.end()) return false;
    const Table::Slot* slot = table_.find(place_of(key_of(number)), key_of(number));
    return slot != nullptr && Table::entry_of(*slot) == entry_of(found->second);
  }

  NumberSet numbers() const {
    NumberSet all;
    for (const auto& [number, memory] : entries_) all.insert(number);
    return all;
  }

  Table& table() { return table_; }

 private:
  static Entry* entry_of(const std::unique_ptr<uint64_t[]>& memory) {
    return reinterpret_cast<Entry*>(memory.get());
  }

  Spread spread_;
  std::map<uint32_t, std::unique_ptr<uint64_t[]>> entries_;
  std::map<const Entry*, uint32_t> numbers_;
  Table table_;
};

NumberSet scanned(Shelf& shelf) {
  NumberSet seen;
  uint64_t cursor = 0;
  do {
    cursor = shelf.table().scan(
        cursor, [&](const Entry* each) { seen.insert(shelf.number_of(each)); });
  } while (cursor != 0);
  return seen;
}

TEST(Table, empty) {
  Shelf shelf;
  EXPECT_EQ(shelf.table().size(), 0U);
  EXPECT_EQ(shelf.table().find(place_of("x"), "x"), nullptr);
  EXPECT_EQ(shelf.table().sample(1), nullptr);
  EXPECT_TRUE(scanned(shelf).empty());
}

TEST(Table, grows_and_shrinks_back_to_one_bucket) {
  for (const bool in_slab : {false, true}) {
    Slab slab;
    Shelf shelf(Spread::even, in_slab ? &slab : nullptr);
    const size_t empty_bytes = shelf.table().memory_bytes();
    constexpr uint32_t kCount = 20'000;
    for (uint32_t i = 0; i < kCount; ++i) shelf.put(i);
    shelf.table().validate();
    EXPECT_EQ(shelf.table().size(), kCount);
    for (uint32_t i = 0; i < kCount; ++i) ASSERT_TRUE(shelf.finds(i)) << i;
    for (uint32_t i = 0; i < kCount; ++i) shelf.erase(i);
    shelf.table().validate();
    EXPECT_EQ(shelf.table().segment_count(), 1U);
    // Of equal requests malloc cuts chunks that differ by what alignment left over.
    const size_t slack = in_slab ? 0 : 128;
    EXPECT_LE(shelf.table().memory_bytes(), empty_bytes + slack);
    EXPECT_GE(shelf.table().memory_bytes() + slack, empty_bytes);
  }
}

// The point of segments of many sizes: a slot of eight bytes costs ten at any number of keys.
TEST(Table, is_four_fifths_full_at_any_size) {
  Shelf shelf;
  double sum = 0;
  unsigned looks = 0;
  for (uint32_t i = 0; i < 60'000; ++i) {
    shelf.put(i);
    if (i < 1000 || i % 100 != 0) continue;
    const auto filled = static_cast<double>(shelf.table().size()) /
                        static_cast<double>(shelf.table().slot_count());
    EXPECT_GT(filled, 0.66) << i;
    sum += filled;
    ++looks;
  }
  EXPECT_GT(sum / looks, 0.76);
}

// Churn at one size, as under a memory limit: segments that once were fuller get smaller again.
TEST(Table, stays_full_while_keys_come_and_go) {
  Shelf shelf;
  constexpr uint32_t kCount = 5000;
  for (uint32_t i = 0; i < kCount; ++i) shelf.put(i);
  for (uint32_t i = kCount; i < 20 * kCount; ++i) {
    shelf.put(i);
    shelf.erase(i - kCount);
  }
  shelf.table().validate();
  EXPECT_LT(shelf.table().slot_count(), kCount * 3 / 2);
}

TEST(Table, finds_what_overflowed_its_bucket) {
  Shelf shelf(Spread::crowded);
  for (uint32_t i = 0; i < 3000; ++i) shelf.put(i);
  shelf.table().validate();
  for (uint32_t i = 0; i < 3000; ++i) ASSERT_TRUE(shelf.finds(i)) << i;
  EXPECT_EQ(scanned(shelf), shelf.numbers());
  for (uint32_t i = 0; i < 3000; i += 2) shelf.erase(i);
  shelf.table().validate();
  for (uint32_t i = 1; i < 3000; i += 2) ASSERT_TRUE(shelf.finds(i)) << i;
}

TEST(Table, replace_keeps_the_place_of_an_entry_that_moved) {
  Shelf shelf;
  for (uint32_t i = 0; i < 1000; ++i) shelf.put(i);
  const EntryShape shape{.key_bytes = 3};
  alignas(8) char memory[64];
  Entry* moved = Entry::make(memory, shape, "500");
  const HashPlace where = place_of("500");
  Table::Slot* slot = shelf.table().find(where, "500");
  Table::replace(slot, moved);
  EXPECT_EQ(Table::entry_of(*shelf.table().find(where, "500")), moved);
  shelf.table().validate();
}

TEST(Table, candidates_of_a_place_hold_every_entry_there) {
  Shelf shelf(Spread::crowded);
  for (uint32_t i = 0; i < 2000; ++i) shelf.put(i);
  for (uint32_t i = 0; i < 2000; ++i) {
    const std::string key = shelf.key_of(i);
    const uint32_t place = place_of(key).place;
    bool met = false;
    shelf.table().each_candidate(place, [&](const Table::Slot* slot) {
      met |= Table::entry_of(*slot)->key() == key;
    });
    ASSERT_TRUE(met) << i;
  }
}

TEST(Table, samples_are_spread_evenly) {
  Shelf shelf;
  constexpr uint32_t kCount = 3000;
  constexpr uint32_t kEach = 100;  // expected draws of each
  for (uint32_t i = 0; i < kCount; ++i) shelf.put(i);
  std::map<uint32_t, uint32_t> drawn;
  Random random(7);
  for (uint32_t i = 0; i < kCount * kEach; ++i) {
    ++drawn[shelf.number_of(shelf.table().sample(random.next()))];
  }
  EXPECT_EQ(drawn.size(), kCount);
  for (const auto& [number, times] : drawn) {
    ASSERT_GT(times, kEach / 4) << number;
    ASSERT_LT(times, kEach * 4) << number;
  }
}

TEST(Table, samples_the_last_of_many) {
  Shelf shelf;
  for (uint32_t i = 0; i < 5000; ++i) shelf.put(i);
  for (uint32_t i = 0; i < 5000; ++i) {
    if (i != 4321) shelf.erase(i);
  }
  Random random(7);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(shelf.number_of(shelf.table().sample(random.next())), 4321U);
  }
}

TEST(TableCursor, packs_into_its_bits_and_back) {
  const TableCursor cursor{0xffffc000, 18, 0x3fff};
  EXPECT_LT(cursor.pack(), uint64_t{1} << TableCursor::kBits);
  const TableCursor back = TableCursor::unpack(cursor.pack());
  EXPECT_EQ(back.prefix, cursor.prefix);
  EXPECT_EQ(back.depth, cursor.depth);
  EXPECT_EQ(back.position, cursor.position);
}

TEST(Table, any_cursor_is_taken) {
  Shelf shelf;
  for (uint32_t i = 0; i < 2000; ++i) shelf.put(i);
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    shelf.table().scan(random.next() >> random.below(64), [](const Entry*) {});
    shelf.table().scan_segment(random.next() >> random.below(64), [](const Entry*) {});
  }
}

// A step of a random life: numbers from `first` on come or go.
struct Step {
  bool put;
  uint32_t first;
  uint32_t count;
};

void take_step(Shelf& shelf, const Step& step) {
  for (uint32_t i = step.first; i < step.first + step.count; ++i) {
    step.put ? shelf.put(i) : shelf.erase(i);
  }
}

rc::Gen<std::vector<Step>> steps(uint32_t numbers, uint32_t count_max) {
  return rc::gen::container<std::vector<Step>>(
      rc::gen::construct<Step>(rc::gen::arbitrary<bool>(), rc::gen::inRange<uint32_t>(0, numbers),
                               rc::gen::inRange<uint32_t>(1, count_max)));
}

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << (step.put ? "put " : "erase ") << step.first << " + " << step.count;
}

void behaves_as_a_set(Spread spread) {
  Shelf shelf(spread);
  for (const Step& step : *steps(4000, 900)) {
    take_step(shelf, step);
    shelf.table().validate();
    RC_ASSERT(shelf.table().size() == shelf.numbers().size());
  }
  for (const uint32_t number : shelf.numbers()) RC_ASSERT(shelf.finds(number));
  RC_ASSERT(scanned(shelf) == shelf.numbers());
}

RC_GTEST_PROP(TableProperty, behaves_as_a_set, ()) { behaves_as_a_set(Spread::even); }
RC_GTEST_PROP(TableProperty, behaves_as_a_set_when_crowded, ()) {
  behaves_as_a_set(Spread::crowded);
}

// Redis's promise for SCAN: what is there from the first call to the last is returned.
void scan_misses_nothing(Spread spread, bool by_segment) {
  Shelf shelf(spread);
  for (uint32_t i = *rc::gen::inRange(0, 6000); i > 0; --i) shelf.put(i);
  const auto life = *steps(6000, 1500);
  const auto pause = *rc::gen::inRange<size_t>(1, 20);  // calls between two steps
  NumberSet always = shelf.numbers();
  NumberSet seen;
  uint64_t cursor = 0;
  size_t call = 0;
  const auto visit = [&](const Entry* each) { seen.insert(shelf.number_of(each)); };
  do {
    cursor = by_segment ? shelf.table().scan_segment(cursor, visit)
                        : shelf.table().scan(cursor, visit);
    if (++call % pause != 0 || call / pause > life.size()) continue;
    const Step& step = life[call / pause - 1];
    take_step(shelf, step);
    if (step.put) continue;
    for (uint32_t i = step.first; i < step.first + step.count; ++i) always.erase(i);
  } while (cursor != 0);
  for (const uint32_t number : always) RC_ASSERT(seen.count(number) == 1U);
}

RC_GTEST_PROP(TableProperty, scan_misses_nothing, ()) { scan_misses_nothing(Spread::even, false); }
RC_GTEST_PROP(TableProperty, scan_misses_nothing_when_crowded, ()) {
  scan_misses_nothing(Spread::crowded, false);
}
RC_GTEST_PROP(TableProperty, walk_misses_nothing, ()) { scan_misses_nothing(Spread::even, true); }

// An undisturbed walk repeats nothing; a disturbed one neither, as segments are left whole.
RC_GTEST_PROP(TableProperty, walk_repeats_nothing, ()) {
  Shelf shelf;
  for (uint32_t i = 0; i < 6000; ++i) shelf.put(i);
  const auto life = *steps(6000, 1500);
  std::multiset<uint32_t> seen;
  uint64_t cursor = 0;
  size_t call = 0;
  do {
    cursor = shelf.table().scan_segment(
        cursor, [&](const Entry* each) { seen.insert(shelf.number_of(each)); });
    // What is erased and put again may be met again: only erase.
    if (call < life.size()) take_step(shelf, {false, life[call].first, life[call].count});
    ++call;
  } while (cursor != 0);
  for (const uint32_t number : seen) RC_ASSERT(seen.count(number) == 1U);
}

}  // namespace
}  // namespace larder::table_test
