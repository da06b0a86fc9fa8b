#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "storage/hash.h"
#include "storage/rdb/blocks.h"
#include "storage/rdb/crc64.h"
#include "storage/rdb/dump.h"
#include "storage/rdb/encode.h"
#include "storage/rdb/file.h"
#include "storage/rdb/listpack_writer.h"
#include "storage/rdb/reader.h"
#include "storage/rdb/value_writer.h"
#include "storage/strings.h"
#include "storage/value.h"
#include "tests/support/old_blocks.h"

namespace larder::rdb_test {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
const ValueLimits kLimits{.hash = {8, 32},
                          .set = {8, {8, 32}},
                          .sorted_set = {8, 32},
                          .list = {.bytes = 4096},
                          .stream = {.entries = 10, .bytes = 4096}};

class RdbTest : public testing::Test {
 protected:
  Item find(const std::string& name) { return keys_.find(Key::of(name)); }
  const Entry& entry(const std::string& name) { return *find(name).entry(); }

  // Everything there is to know about a value, as lines of text.
  std::vector<std::string> describe(const std::string& name) {
    std::vector<std::string> lines{std::string(encoding_name(entry(name)))};
    const Key key = Key::of(name);
    const Item item = find(name);
    IntegerText scratch;
    switch (item->type()) {
      case Type::string:
        lines.emplace_back(string_bytes(entry(name), scratch));
        break;
      case Type::list: {
        const auto* list = static_cast<List*>(Keyspace::object_of(entry(name)));
        for (auto at = list->outermost(ListEnd::head); at.valid(); at.step(ListEnd::tail)) {
          lines.emplace_back(at.value().bytes(scratch));
        }
        break;
      }
      case Type::set:
        Set(keys_, key, item).each([&](Bytes member) { lines.emplace_back(member); });
        std::sort(lines.begin() + 1, lines.end());
        break;
      case Type::sorted_set:
        SortedSetView(item).each([&](Bytes member, double score) {
          lines.push_back(std::string(member) + " = " + std::to_string(score));
        });
        break;
      case Type::hash:
        Hash(keys_, key, item, 0).each([&](const HashField& field) {
          lines.push_back(std::string(field.name) + " = " + std::string(field.value) + " until " +
                          std::to_string(field.expiry_ms));
        });
        std::sort(lines.begin() + 1, lines.end());
        break;
      case Type::stream:
        describe(stream_of(entry(name)), lines);
        break;
    }
    return lines;
  }

  static void describe(Stream& stream, std::vector<std::string>& lines) {
    stream.each({}, StreamId::max(), false, [&](const StreamEntry& each) {
      lines.push_back(each.id.text());
      for (const Bytes item : each.items) lines.emplace_back(item);
      return true;
    });
    lines.push_back(stream.last_id().text() + " " + stream.max_deleted_id().text() + " " +
                    std::to_string(stream.entries_added()));
    for (StreamGroup* group : stream.groups()) {
      lines.push_back("group " + std::string(group->name()) + " " + group->last_id.text() + " " +
                      std::to_string(group->entries_read));
      for (auto* at = group->pending().at_or_after({}); at != nullptr;
           at = group->pending().at_or_after(*at->id.next())) {
        lines.push_back(at->id.text() + " " + std::string(at->consumer->name()) + " " +
                        std::to_string(at->delivered_ms) + " " + std::to_string(at->deliveries));
      }
    }
  }

  RestoreOutcome restore(const std::string& name, Bytes payload) {
    const Key key = Key::of(name);
    return restore_value(keys_, key, find(name), payload, kLimits, kNoExpiry, kNowMs);
  }

  // The same value comes back from its bytes.
  void round_trip(const std::string& name) {
    const std::string payload = dump_value(entry(name), true);
    ASSERT_TRUE(is_dump_payload(payload));
    const RestoreOutcome outcome = restore("copy", payload);
    ASSERT_EQ(outcome.fault, RestoreFault::none) << outcome.why;
    ASSERT_EQ(describe("copy"), describe(name));
    keys_.validate();
    const size_t bytes = dump_value(entry(name), false).size();
    const size_t again = dump_value(entry("copy"), false).size();
    if (find(name)->type() == Type::stream) {  // whose blocks have lost entries
      ASSERT_LE(again, bytes);
    } else {
      ASSERT_EQ(again, bytes);
    }
  }

  void put_set(const std::string& name, const std::vector<std::string>& members) {
    if (const Item old = find(name)) keys_.remove(old);
    for (const auto& member : members) {
      Set(keys_, Key::of(name), find(name)).add(member, kLimits.set);
    }
  }
  void put_hash(const std::string& name, const std::map<std::string, std::string>& fields,
                bool timed) {
    if (const Item old = find(name)) keys_.remove(old);
    int64_t later = 0;
    for (const auto& [field, value] : fields) {
      Hash hash(keys_, Key::of(name), find(name), kNowMs);
      const bool with_time = timed && ++later % 2 == 1;
      hash.put(field, value, kLimits.hash, with_time ? kNowMs + later * 1000 : kNoExpiry);
    }
  }
  void put_list(const std::string& name, const std::vector<std::string>& items) {
    auto* list = make_object<List>(keys_.slab());
    for (const auto& item : items) {
      list->note_growth(kLimits.list, item.size(), 1);
      list->push(ListEnd::tail, item, kLimits.list);
    }
    keys_.put_object(Key::of(name), find(name), Type::list, list, kNoExpiry);
  }
  void put_scores(const std::string& name, const std::map<std::string, double>& members) {
    std::vector<ScoredMember> sorted;
    for (const auto& [member, score] : members) sorted.push_back({score, member});
    std::sort(sorted.begin(), sorted.end());
    put_sorted_set(keys_, Key::of(name), find(name), sorted, kLimits.sorted_set);
  }
  Stream& put_stream(const std::string& name, size_t entries) {
    Item item;
    if (const Item old = find(name)) keys_.remove(old);
    Stream& stream = make_stream(keys_, Key::of(name), item);
    for (size_t i = 1; i <= entries; ++i) {
      const std::string number = std::to_string(i);
      const std::vector<Bytes> items = i % 7 == 0 ? std::vector<Bytes>{"other", number}
                                                  : std::vector<Bytes>{"a", number, "b", "x"};
      stream.append({i * 10, i % 3}, items, kLimits.stream);
    }
    return stream;
  }

  ShardServices services_{.now_ms = kNowMs};
  Keyspace keys_{0, services_, kNowMs};
};

TEST(Crc64, is_the_one_of_rdb_files) {
  EXPECT_EQ(crc64(0, "123456789"), 0xe9c6d914c4b8d9caU);
  EXPECT_EQ(crc64(crc64(0, "1234"), "56789"), 0xe9c6d914c4b8d9caU);
}

TEST(RdbLength, comes_back_in_every_width) {
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{63}, uint64_t{64}, uint64_t{16383}, uint64_t{16384},
        uint64_t{UINT32_MAX}, uint64_t{UINT32_MAX} + 1, UINT64_MAX}) {
    std::string bytes;
    rdb::put_length(bytes, length);
    BytesSource source(bytes);
    RdbReader reader(source);
    EXPECT_EQ(reader.length(), length);
    EXPECT_TRUE(reader.ok() && reader.at_end());
  }
}

RC_GTEST_PROP(RdbString, comes_back, (const std::string& text, bool compress)) {
  for (const std::string& string : {text, text + text + text + text + std::string(100, 'x'),
                                    std::to_string(text.size() * 1'000'003)}) {
    std::string bytes;
    rdb::put_string(bytes, string, compress);
    BytesSource source(bytes);
    RdbReader reader(source);
    RdbArena arena;
    RC_ASSERT(reader.string(arena) == string);
    RC_ASSERT(reader.at_end());
    RC_ASSERT(reader.checksum() == crc64(0, bytes));
  }
}

RC_GTEST_PROP(RdbString, compressed_later_is_as_compressed_at_once,
              (const std::vector<std::pair<std::string, uint8_t>>& texts)) {
  std::string at_once;
  std::string noted;
  std::vector<RdbStringPlace> notes;
  for (const auto& [text, times] : texts) {
    std::string repeated;  // strings that LZF helps, too
    for (int i = 0; i < times % 8; ++i) repeated += text;
    rdb::put_byte(at_once, 7);
    rdb::put_byte(noted, 7);
    rdb::put_string(at_once, repeated, true);
    rdb::put_string(noted, repeated, RdbCompression(notes));
  }
  RC_ASSERT(rdb::compress_noted(noted, notes) == at_once);
}

TEST(RdbString, a_length_is_not_believed_before_its_bytes_are_there) {
  std::string bytes;
  rdb::put_length(bytes, kRdbStringMax);
  bytes += "abc";
  BytesSource source(bytes);
  RdbReader reader(source);
  RdbArena arena;
  EXPECT_EQ(reader.string(arena), "");
  EXPECT_EQ(reader.error(), "offset 8: the bytes end too early");
}

RC_GTEST_PROP(Listpack, comes_back, (const std::vector<std::string>& texts)) {
  ListpackWriter writer;
  std::vector<std::string> wanted;
  for (const std::string& text : texts) {
    for (const std::string& each : {text, text + std::string(text.size() * 997, 'l'),
                                    std::to_string(static_cast<int64_t>(hash_of(text))),
                                    std::to_string(static_cast<int16_t>(hash_of(text)))}) {
      writer.add(Bytes(each));
      wanted.push_back(each);
    }
  }
  ListpackReader reader(writer.finish());
  std::vector<std::string> got;
  PackedValue value;
  IntegerText scratch;
  while (reader.next(value)) got.emplace_back(value.bytes(scratch));
  RC_ASSERT(reader.ok());
  RC_ASSERT(got == wanted);
}

TEST_F(RdbTest, strings) {
  for (const std::string& text :
       {std::string(), std::string("12"), std::string("-70000"), std::string("9223372036854775807"),
        std::string("hello"), std::string(100, 'a'), std::string(20'000, 'b')}) {
    put_string(keys_, Key::of("v"), find("v"), text, kNoExpiry);
    round_trip("v");
  }
}

TEST_F(RdbTest, sets_of_every_form) {
  put_set("v", {"1", "2", "-70000"});
  round_trip("v");
  put_set("v", {"a", "7", "b"});
  round_trip("v");
  std::vector<std::string> many;
  for (int i = 0; i < 20'000; ++i) many.push_back("member:" + std::to_string(i));
  put_set("v", many);
  round_trip("v");
}

TEST_F(RdbTest, hashes_of_every_form) {
  std::map<std::string, std::string> fields{{"f", "1"}, {"g", "text"}};
  for (const bool timed : {false, true}) {
    put_hash("v", fields, timed);
    round_trip("v");
  }
  for (int i = 0; i < 10'000; ++i) fields["f" + std::to_string(i)] = std::to_string(i * 7);
  for (const bool timed : {false, true}) {
    put_hash("v", fields, timed);
    round_trip("v");
  }
}

// The index knows times to the tick only.
TEST_F(RdbTest, times_of_fields_are_exact_whatever_the_index_says) {
  for (int shift = 0; shift < 32; ++shift) {
    const std::string name = "h" + std::to_string(shift);
    const Key key = Key::of(name);
    for (int i = 0; i < 20; ++i) {
      const int64_t expiry_ms = i == 3 ? kNowMs + 900 + shift : kNoExpiry;
      Hash(keys_, key, find(name), kNowMs).put("f" + std::to_string(i), "v", kLimits.hash,
                                               expiry_ms);
    }
    keys_.drop_due_fields(find(name), kNowMs, 100);
    round_trip(name);
  }
}

TEST_F(RdbTest, fields_that_are_due_are_left_out) {
  put_hash("v", {{"a", "1"}, {"b", "2"}, {"c", "3"}}, true);
  const std::string payload = dump_value(entry("v"), true);
  const Key key = Key::of("copy");
  const auto late = restore_value(keys_, key, {}, payload, kLimits, kNoExpiry, kNowMs + 1500);
  ASSERT_EQ(late.fault, RestoreFault::none);
  EXPECT_EQ(describe("copy").size(), 3U);
  const std::string alone = [&] {
    put_hash("v", {{"a", "1"}}, true);
    return dump_value(entry("v"), true);
  }();
  const auto gone =
      restore_value(keys_, key, find("copy"), alone, kLimits, kNoExpiry, kNowMs + 1500);
  EXPECT_EQ(gone.fault, RestoreFault::none);
  EXPECT_FALSE(find("copy"));
}

TEST_F(RdbTest, lists_and_sorted_sets) {
  put_list("v", {"a", "1", std::string(10'000, 'z')});
  round_trip("v");
  std::vector<std::string> items;
  std::map<std::string, double> members{{"a", 1}, {"b", -0.5}, {"c", HUGE_VAL}};
  put_scores("v", members);
  round_trip("v");
  for (int i = 0; i < 20'000; ++i) {
    items.push_back(std::to_string(i * i));
    members["m" + std::to_string(i)] = i % 100 / 3.0;
  }
  put_list("v", items);
  round_trip("v");
  put_scores("v", members);
  round_trip("v");
}

TEST_F(RdbTest, streams_with_groups) {
  for (const size_t entries : {size_t{0}, size_t{1}, size_t{99}, size_t{100}, size_t{12'345}}) {
    Stream& stream = put_stream("v", entries);
    if (entries > 50) {
      stream.remove({30, 0});
      stream.set_entries_added(entries + 5);
      StreamGroup* group = stream.add_group("g", {200, 0}, 20);
      StreamConsumer* alice = group->add_consumer("alice", kNowMs);
      StreamConsumer* bob = group->add_consumer("bob", kNowMs - 5);
      for (uint64_t i = 1; i <= 20; ++i) {
        group->assign({i * 10, i % 3}, i % 2 == 0 ? alice : bob, kNowMs - 7, i);
      }
      stream.add_group("h", {}, -1);
    }
    round_trip("v");
  }
}

// A lock is held for each piece.
TEST_F(RdbTest, what_groups_have_pending_comes_in_pieces) {
  StreamGroup* group = put_stream("v", 100).add_group("g", {200, 0}, 20);
  StreamConsumer* consumers[] = {group->add_consumer("alice", kNowMs),
                                 group->add_consumer("bob", kNowMs)};
  group->add_consumer("carol", kNowMs);
  for (uint64_t i = 1; i <= 20'000; ++i) group->assign({i, i % 3}, consumers[i % 2], kNowMs, i);
  EXPECT_TRUE(is_big_value(entry("v")));
  RdbFormat format;
  for (const unsigned version : {kRdbVersion, kRdbVersionMax}) {
    format.version = version;
    std::string whole, pieces, piece;
    RdbValueWriter(entry("v"), format).write_all(whole);
    RdbValueWriter writer(entry("v"), format);
    for (bool more = true; more; pieces += piece) {
      piece.clear();
      more = writer.write_some(piece, 1000);
      EXPECT_LT(piece.size(), 4000u);
    }
    EXPECT_EQ(pieces, whole);
  }
  round_trip("v");
}

// Commands do sums with them.
TEST_F(RdbTest, streams_with_absurd_counts_and_times_are_refused) {
  const std::vector<std::function<void(Stream&, StreamGroup&, StreamConsumer*)>> spoilers{
      [](Stream& stream, auto&, auto*) { stream.set_entries_added(uint64_t{1} << 63); },
      [](auto&, StreamGroup& group, auto*) { group.entries_read = -2; },
      [](auto&, StreamGroup& group, StreamConsumer* who) { group.assign({10, 1}, who, -1, 1); },
      [](auto&, auto&, StreamConsumer* who) { who->seen_ms = INT64_MIN; },
      [](auto&, auto&, StreamConsumer* who) { who->active_ms = -2; }};
  const auto restored = [&](const auto& spoil) {
    Stream& stream = put_stream("v", 3);
    StreamGroup* group = stream.add_group("g", {20, 2}, -1);
    StreamConsumer* consumer = group->add_consumer("c", kNowMs);
    spoil(stream, *group, consumer);
    std::string payload;
    RdbValueWriter writer(entry("v"), {.version = 11, .compress = false});
    rdb::put_type(payload, writer.type());
    writer.write_all(payload);
    return restore("copy", payload + std::string(10, 0)).fault;
  };
  EXPECT_EQ(restored([](auto&&...) {}), RestoreFault::none);
  for (const auto& spoil : spoilers) EXPECT_EQ(restored(spoil), RestoreFault::format);
}

// A valid payload, broken in some way and with a checksum that fits again, restores to something
// whole or not at all.
TEST_F(RdbTest, a_payload_cut_short_changes_nothing) {
  std::vector<std::function<void()>> makers{
      [&] { put_string(keys_, Key::of("v"), find("v"), std::string(50, 'a'), kNoExpiry); },
      [&] {
        put_set("v", {"1", "2", "-70000"});
      },
      [&] {
        put_set("v", {"a", "7", "b"});
      },
      [&] {
        put_hash("v", {{"f", "1"}, {"g", "text"}}, false);
      },
      [&] {
        put_hash("v", {{"f", "1"}, {"g", "text"}}, true);
      },
      [&] {
        put_list("v", {"a", "1", std::string(300, 'z')});
      },
      [&] {
        put_scores("v", {{"a", 1}, {"b", -0.5}});
      },
      [&] {
        StreamGroup* group = put_stream("v", 12).add_group("g", {50, 0}, 3);
        group->assign({10, 1}, group->add_consumer("c", 5), 7, 1);
      },
  };
  put_string(keys_, Key::of("copy"), {}, "as it was", kNoExpiry);
  for (const auto& make : makers) {
    make();
    std::string payload = dump_value(entry("v"), true);
    payload.resize(payload.size() - 10);
    for (size_t size = 0; size < payload.size(); ++size) {
      const RestoreOutcome outcome = restore("copy", payload.substr(0, size) + std::string(10, 0));
      ASSERT_EQ(outcome.fault, RestoreFault::format) << size << " of " << payload.size();
      ASSERT_EQ(outcome.why.substr(0, 7), "offset ");
    }
    ASSERT_EQ(describe("copy").at(1), "as it was");
  }
}

TEST_F(RdbTest, an_element_twice_is_refused) {
  std::string payload;
  rdb::put_type(payload, RdbType::set);
  rdb::put_length(payload, 2);
  for (int i = 0; i < 2; ++i) rdb::put_string(payload, "same", false);
  EXPECT_EQ(restore("v", payload + std::string(10, 0)).fault, RestoreFault::format);
  EXPECT_FALSE(find("v"));
}

// Forms that servers of old wrote.
TEST_F(RdbTest, blocks_of_old) {
  const std::vector<std::string> words{"a", "1", "text", "-70000", "b", std::string(300, 'x'),
                                       "c", "5000000000", "d", std::string(20'000, 'y'), "e", "12"};
  const std::string foot(10, 0);
  const auto restored = [&](RdbType type, const std::string& block, size_t nodes) {
    std::string payload;
    rdb::put_type(payload, type);
    if (nodes > 0) rdb::put_length(payload, nodes);
    for (size_t i = 0; i < std::max<size_t>(nodes, 1); ++i) rdb::put_string(payload, block, false);
    const RestoreOutcome outcome = restore("v", payload + foot);
    EXPECT_EQ(outcome.why, "");
    return describe("v");
  };
  std::vector<std::string> lines = restored(RdbType::list_ziplist, old_blocks::ziplist(words), 0);
  EXPECT_EQ(std::vector<std::string>(lines.begin() + 1, lines.end()), words);
  lines = restored(RdbType::list_quicklist, old_blocks::ziplist(words), 3);
  EXPECT_EQ(lines.size(), 1 + 3 * words.size());
  const std::vector<std::string> fields{"a = 1 until -1", "b = " + words[5] + " until -1",
                                        "c = 5000000000 until -1",
                                        "d = " + words[9] + " until -1", "e = 12 until -1",
                                        "text = -70000 until -1"};
  for (const RdbType type : {RdbType::hash_ziplist, RdbType::hash_zipmap}) {
    lines = restored(type, type == RdbType::hash_zipmap ? old_blocks::zipmap(words)
                                                        : old_blocks::ziplist(words), 0);
    EXPECT_EQ(std::vector<std::string>(lines.begin() + 1, lines.end()), fields);
  }
  lines = restored(RdbType::sorted_set_ziplist, old_blocks::ziplist({"a", "1", "b", "2.5"}), 0);
  EXPECT_EQ(lines.at(2), "b = 2.500000");
}

// Type 22 of Valkey 9: fields with times, which Redis numbers otherwise.
TEST_F(RdbTest, hashes_of_valkey) {
  std::string payload(1, 22);
  rdb::put_length(payload, 2);
  rdb::put_string(payload, "timed", false);
  rdb::put_string(payload, "v", false);
  rdb::put_fixed(payload, kNowMs + 5000);
  rdb::put_string(payload, "plain", false);
  rdb::put_string(payload, "w", false);
  rdb::put_fixed(payload, int64_t{-1});
  const auto with_foot = [](std::string text, uint16_t version) {
    rdb::put_fixed(text, version);
    rdb::put_fixed(text, crc64(0, text));
    return text;
  };
  ASSERT_TRUE(is_dump_payload(with_foot(payload, 80)));
  EXPECT_EQ(restore("v", with_foot(payload, 80)).fault, RestoreFault::none);
  const std::vector<std::string> lines = describe("v");
  EXPECT_EQ(std::vector<std::string>(lines.begin() + 1, lines.end()),
            (std::vector<std::string>{"plain = w until -1",
                                      "timed = v until " + std::to_string(kNowMs + 5000)}));
  payload[0] = 24;  // times of Redis 7.4, which no Valkey writes
  EXPECT_EQ(restore("w", with_foot(payload, 80)).fault, RestoreFault::format);
  EXPECT_FALSE(is_dump_payload(with_foot(payload, 13)));
  EXPECT_FALSE(is_dump_payload(with_foot(payload, 81)));
}

TEST_F(RdbTest, hashes_for_valkey) {
  std::map<std::string, std::string> fields{{"f", "1"}, {"g", "text"}, {"h", "3"}};
  for (int size : {3, 2000}) {
    for (int i = 0; i < size; ++i) fields["f" + std::to_string(i)] = std::to_string(i * 7);
    put_hash("v", fields, true);
    RdbValueWriter writer(entry("v"), {.version = kRdbVersionValkey});
    std::string payload;
    rdb::put_type(payload, writer.type());
    EXPECT_EQ(payload, std::string(1, 22));
    while (writer.write_some(payload, 100)) {
    }
    rdb::put_fixed(payload, static_cast<uint16_t>(kRdbVersionValkey));
    rdb::put_fixed(payload, crc64(0, payload));
    ASSERT_TRUE(is_dump_payload(payload));
    EXPECT_EQ(restore("copy", payload).fault, RestoreFault::none);
    EXPECT_EQ(describe("copy"), describe("v"));
  }
}

TEST(RdbFile, says_whose_version_it_is) {
  for (const auto& [version, head] : std::map<unsigned, std::string>{
           {kRdbVersion, "REDIS0010"}, {kRdbVersionValkey, "VALKEY080"}}) {
    std::string file;
    BytesSink sink(file);
    RdbFileWriter out(sink, true);
    out.begin(version, {{"redis-ver", "7.2.0"}});
    ASSERT_TRUE(out.finish());
    EXPECT_EQ(file.substr(0, head.size()), head);
    BytesSource source(file);
    RdbNews news;
    RdbFileReader reader(source, news, true);
    RdbArena arena;
    RdbKey key;
    EXPECT_FALSE(reader.next(arena, key));
    EXPECT_EQ(reader.error(), "");
  }
}

TEST(DumpPayload, needs_its_checksum_and_a_known_version) {
  ShardServices services;
  Keyspace keys{0, services, kNowMs};
  put_string(keys, Key::of("k"), {}, "value", kNoExpiry);
  const std::string payload = dump_value(*keys.find(Key::of("k")).entry(), true);
  EXPECT_TRUE(is_dump_payload(payload));
  for (size_t i = 0; i < payload.size(); ++i) {
    std::string broken = payload;
    broken[i] = static_cast<char>(broken[i] ^ 4);
    EXPECT_FALSE(is_dump_payload(broken)) << i;
  }
  EXPECT_FALSE(is_dump_payload("short"));
}

}  // namespace
}  // namespace larder::rdb_test
