#include "storage/entry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace larder::entry_test {
namespace {

// An entry of the given shape with its key and payload filled in.
struct Filled {
  Filled(EntryShape shape, const std::string& key, const std::string& payload) {
    shape.key_bytes = key.size();
    shape.payload_bytes = payload.size();
    memory.resize(Entry::bytes_for(shape));
    entry = Entry::make(memory.data(), shape, key);
    std::memcpy(entry->payload(), payload.data(), payload.size());
  }

  std::vector<char> memory;
  Entry* entry;
};

TEST(Entry, small_ones_are_as_small_as_the_picture_says) {
  EXPECT_EQ(Entry::bytes_for({.key_bytes = 11, .payload_bytes = 64}), 82U);
  EXPECT_EQ(Entry::bytes_for({.key_bytes = 11, .payload_bytes = 64, .expiry_ms = 1}), 88U);
}

TEST(Entry, keeps_what_it_was_made_of_at_every_border) {
  const int64_t expiries[] = {kNoExpiry, 0, 1'700'000'000'000, Entry::kNarrowExpiryMax,
                              Entry::kNarrowExpiryMax + 1, INT64_MAX};
  for (const size_t key_bytes : {0, 1, 255, 256, 70'000}) {
    for (const size_t payload_bytes : {0, 1, 255, 256, 16'000}) {
      for (const int64_t expiry_ms : expiries) {
        const std::string key(key_bytes, 'k');
        const std::string payload(payload_bytes, 'p');
        const Filled filled({.encoding = Encoding::raw, .expiry_ms = expiry_ms}, key, payload);
        const Entry& entry = *filled.entry;
        ASSERT_EQ(entry.key(), key);
        ASSERT_EQ(entry.payload_view(), payload);
        ASSERT_EQ(entry.expiry_ms(), expiry_ms);
        ASSERT_EQ(entry.encoding(), Encoding::raw);
        ASSERT_EQ(entry.bytes(), filled.memory.size());
      }
    }
  }
}

TEST(Entry, stamp_and_flags_do_not_touch_each_other) {
  const Filled filled({.expiry_ms = 5}, "key", "payload");
  filled.entry->set_stamp(0xabcdef);
  filled.entry->set(Entry::kTimed, true);
  EXPECT_EQ(filled.entry->stamp(), 0xabcdefU);
  EXPECT_TRUE(filled.entry->is(Entry::kTimed));
  filled.entry->set(Entry::kTimed, false);
  EXPECT_FALSE(filled.entry->is(Entry::kTimed));
  EXPECT_TRUE(filled.entry->is(Entry::kHasExpiry));
  EXPECT_EQ(filled.entry->key(), "key");
  EXPECT_EQ(filled.entry->expiry_ms(), 5);
}

TEST(Entry, expired_from_its_millisecond_on) {
  const Filled filled({.expiry_ms = 1000}, "k", "");
  EXPECT_FALSE(filled.entry->expired(999));
  EXPECT_TRUE(filled.entry->expired(1000));
  EXPECT_FALSE(Filled({}, "k", "").entry->expired(INT64_MAX));
}

TEST(Entry, an_expiry_changes_in_place_only_where_there_is_room) {
  const Filled none({}, "k", "v");
  EXPECT_FALSE(none.entry->try_set_expiry(1));
  const Filled narrow({.expiry_ms = 1}, "k", "v");
  EXPECT_TRUE(narrow.entry->try_set_expiry(Entry::kNarrowExpiryMax));
  EXPECT_EQ(narrow.entry->expiry_ms(), Entry::kNarrowExpiryMax);
  EXPECT_FALSE(narrow.entry->try_set_expiry(Entry::kNarrowExpiryMax + 1));
  EXPECT_FALSE(narrow.entry->try_set_expiry(kNoExpiry));
  const Filled wide({.expiry_ms = INT64_MAX}, "k", "v");
  EXPECT_TRUE(wide.entry->try_set_expiry(7));
  EXPECT_EQ(wide.entry->expiry_ms(), 7);
  EXPECT_EQ(wide.entry->payload_view(), "v");
}

TEST(Entry, a_payload_shrinks_within_the_width_of_its_length) {
  const Filled filled({}, "key", std::string(300, 'p'));
  EXPECT_TRUE(filled.entry->try_set_payload_bytes(3));
  EXPECT_EQ(filled.entry->payload_view(), "ppp");
  const Filled small({}, "key", "p");
  EXPECT_FALSE(small.entry->try_set_payload_bytes(256));
  EXPECT_TRUE(small.entry->try_set_payload_bytes(0));
  EXPECT_EQ(small.entry->payload_view(), "");
}

}  // namespace
}  // namespace larder::entry_test
