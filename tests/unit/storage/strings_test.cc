#include "storage/strings.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "storage/keyspace.h"

namespace larder::strings_test {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

class StringsTest : public testing::Test {
 protected:
  Item put(Bytes name, Bytes value, int64_t expiry_ms = kNoExpiry) {
    const Key key = Key::of(name);
    return put_string(keyspace_, key, keyspace_.find(key), value, expiry_ms);
  }
  std::string value(Bytes name) {
    const Item item = keyspace_.find(Key::of(name));
    IntegerText scratch;
    return item ? std::string(string_bytes(*item.entry(), scratch)) : "(none)";
  }
  Bytes encoding(Bytes name) {
    return string_encoding_name(*keyspace_.find(Key::of(name)).entry());
  }

  ShardServices services_;
  Keyspace keyspace_{0, services_, kNowMs};
};

TEST_F(StringsTest, encodings_as_clients_see_them) {
  put("int", "12345");
  put("zero", "007");
  put("short", std::string(kEmbeddedMax, 'x'));
  put("long", std::string(kEmbeddedMax + 1, 'x'));
  put("blob", std::string(kBlobBytesMin, 'x'));
  EXPECT_EQ(encoding("int"), "int");
  EXPECT_EQ(encoding("zero"), "embstr");
  EXPECT_EQ(encoding("short"), "embstr");
  EXPECT_EQ(encoding("long"), "raw");
  EXPECT_EQ(encoding("blob"), "raw");
  edit_string(keyspace_, keyspace_.find(Key::of("int")), 2);
  EXPECT_EQ(encoding("int"), "raw");
  EXPECT_EQ(value("int"), "12");
}

TEST_F(StringsTest, integers_are_kept_as_such) {
  EXPECT_EQ(string_integer(*put("a", "-9223372036854775808").entry()), INT64_MIN);
  EXPECT_EQ(string_integer(*put("a", "9223372036854775808").entry()), std::nullopt);
  EXPECT_EQ(string_integer(*put("a", "1.0").entry()), std::nullopt);
  EXPECT_EQ(string_integer(*put("a", std::string(kBlobBytesMin, '1')).entry()), std::nullopt);
  EXPECT_EQ(string_length(*put("a", "-17").entry()), 3U);
}

TEST_F(StringsTest, a_new_large_string_takes_what_it_needs_and_room_to_grow_only_later) {
  Item item = edit_string(keyspace_, put("a", ""), 100'000).item;
  EXPECT_LT(keyspace_.memory_of(item), 105'000U);
  item = edit_string(keyspace_, item, 110'000).item;
  EXPECT_GT(keyspace_.memory_of(item), 200'000U) << "APPEND after APPEND copies it rarely";
}

TEST_F(StringsTest, putting_takes_the_given_expiry) {
  EXPECT_EQ(put("a", "v", 5000)->expiry_ms(), 5000);
  EXPECT_EQ(put("a", "w", 6000)->expiry_ms(), 6000);
  EXPECT_EQ(put("a", "w")->expiry_ms(), kNoExpiry);
  EXPECT_EQ(keyspace_.volatile_count(), 0U);
}

TEST_F(StringsTest, editing_keeps_the_expiry) {
  put("a", "value", 5000);
  for (const size_t size : {1UL, 300UL, 20'000UL, 3UL}) {
    edit_string(keyspace_, keyspace_.find(Key::of("a")), size);
    EXPECT_EQ(keyspace_.find(Key::of("a"))->expiry_ms(), 5000) << size;
  }
  keyspace_.validate();
}

TEST_F(StringsTest, a_shared_value_outlives_its_change_and_its_key) {
  put("a", std::string(kBlobBytesMin, 'x'));
  const Item item = keyspace_.find(Key::of("a"));
  IntegerText scratch;
  const Bytes seen = string_bytes(*item.entry(), scratch);
  const auto owner = string_share(*item.entry());
  ASSERT_NE(owner, nullptr);
  edit_string(keyspace_, item, kBlobBytesMin).data[0] = 'y';
  EXPECT_EQ(value("a")[0], 'y');
  keyspace_.remove(keyspace_.find(Key::of("a")));
  EXPECT_EQ(seen, std::string(kBlobBytesMin, 'x'));
}

TEST_F(StringsTest, big_values_are_handed_over_to_be_freed) {
  put("a", std::string(kGarbageBytesMin, 'x'));
  put("a", "small");
  EXPECT_EQ(services_.garbage.size(), 1U);
}

TEST_F(StringsTest, appending_moves_a_big_value_rarely) {
  put("a", std::string(kBlobBytesMin, 'x'));
  const char* at = nullptr;
  int moves = 0;
  for (size_t size = kBlobBytesMin; size < 20 * kBlobBytesMin; size += 10) {
    const MutableString edited = edit_string(keyspace_, keyspace_.find(Key::of("a")), size);
    moves += edited.data != at;
    at = edited.data;
  }
  EXPECT_LE(moves, 6);
}

// Sizes around every border, where the form of a value changes.
rc::Gen<size_t> sizes() {
  return rc::gen::oneOf(rc::gen::inRange<size_t>(0, 60), rc::gen::inRange<size_t>(240, 270),
                        rc::gen::inRange<size_t>(kBlobBytesMin - 20, kBlobBytesMin + 20),
                        rc::gen::inRange<size_t>(0, 3 * kBlobBytesMin));
}

RC_GTEST_FIXTURE_PROP(StringsTest, a_value_is_what_was_written, ()) {
  const size_t empty_bytes = keyspace_.memory_bytes();
  std::string model = "begin";
  put("key", model);
  for (const auto& [kind, size] :
       *rc::gen::container<std::vector<std::pair<int, size_t>>>(
           rc::gen::pair(rc::gen::inRange(0, 3), sizes()))) {
    if (kind == 0) {
      model = std::string(size, static_cast<char>('a' + size % 26));
      put("key", model);
    } else if (kind == 1) {
      model = std::to_string(size * 1'000'003);
      put("key", model);
    } else {
      const MutableString edited = edit_string(keyspace_, keyspace_.find(Key::of("key")), size);
      model.resize(size, '\0');
      RC_ASSERT(edited.size == size);
      if (size > 0) edited.data[size / 2] = model[size / 2] = 'E';
    }
    RC_ASSERT(value("key") == model);
    RC_ASSERT(string_length(*keyspace_.find(Key::of("key")).entry()) == model.size());
    keyspace_.validate();
  }
  keyspace_.remove(keyspace_.find(Key::of("key")));
  RC_ASSERT(keyspace_.memory_bytes() == empty_bytes);
}

}  // namespace
}  // namespace larder::strings_test
