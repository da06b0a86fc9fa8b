// RESTORE of broken payloads: one of every type and encoding, changed as the input says, with a
// checksum that fits again. It restores to a value that is whole, or changes nothing.
#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "storage/rdb/dump.h"
#include "storage/rdb/encode.h"
#include "storage/rdb/listpack_writer.h"
#include "storage/rdb/value_writer.h"
#include "storage/strings.h"
#include "tests/fuzz/input.h"
#include "tests/support/old_blocks.h"

namespace larder {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
const ValueLimits kLimits{.hash = {8, 32},
                          .set = {8, {8, 32}},
                          .sorted_set = {8, 32},
                          .list = {.bytes = 4096},
                          .stream = {.entries = 10, .bytes = 4096}};

using Words = std::vector<std::string>;

std::string listpack(const Words& words) {
  ListpackWriter writer;
  for (const std::string& word : words) writer.add(Bytes(word));
  return std::string(writer.finish());
}

std::string of_strings(RdbType type, const Words& words, size_t each) {
  std::string payload;
  rdb::put_type(payload, type);
  rdb::put_length(payload, words.size() / each);
  for (const std::string& word : words) rdb::put_string(payload, word, true);
  return payload;
}

std::string of_block(RdbType type, const std::string& block) {
  std::string payload;
  rdb::put_type(payload, type);
  rdb::put_string(payload, block, false);
  return payload;
}

std::string of_nodes(RdbType type, const Words& blocks) {
  std::string payload;
  rdb::put_type(payload, type);
  rdb::put_length(payload, blocks.size());
  for (const std::string& block : blocks) {
    if (type == RdbType::list_quicklist_2) rdb::put_length(payload, 2);
    rdb::put_string(payload, block, false);
  }
  return payload;
}

std::string scored(RdbType type, const Words& members) {
  std::string payload;
  rdb::put_type(payload, type);
  rdb::put_length(payload, members.size());
  double score = -1.5;
  for (const std::string& member : members) {
    rdb::put_string(payload, member, false);
    if (type == RdbType::sorted_set_2) {
      rdb::put_fixed(payload, score++);
    } else {
      rdb::put_byte(payload, 3);
      payload += "1.5";
    }
  }
  return payload;
}

std::string timed_hash() {
  std::string payload;
  rdb::put_type(payload, RdbType::hash_metadata);
  rdb::put_fixed(payload, kNowMs + 1000);
  rdb::put_length(payload, 2);
  for (const char* field : {"a", "b"}) {
    rdb::put_length(payload, field[0] == 'a' ? 0 : 5);
    rdb::put_string(payload, field, false);
    rdb::put_string(payload, "value", false);
  }
  return payload;
}

std::string intset() {
  std::string set;
  rdb::put_fixed(set, uint32_t{2});
  rdb::put_fixed(set, uint32_t{3});
  for (const int member : {-5, 0, 700}) rdb::put_fixed(set, static_cast<int16_t>(member));
  return set;
}

// As the server writes them.
std::string stream(size_t entries, unsigned version) {
  ShardServices services;
  Keyspace keys{0, services, kNowMs};
  Item item;
  Stream& made = make_stream(keys, Key::of("s"), item);
  for (size_t i = 1; i <= entries; ++i) {
    const std::string number = std::to_string(i);
    const std::vector<Bytes> items{i % 3 == 0 ? "other" : "field", number};
    made.append({i, 0}, items, kLimits.stream);
  }
  StreamGroup* group = made.add_group("group", {3, 0}, 3);
  StreamConsumer* consumer = group->add_consumer("consumer", kNowMs);
  for (uint64_t i = 1; i <= std::min<size_t>(entries, 3); ++i) {
    group->assign({i, 0}, consumer, kNowMs, 1);
  }
  std::string payload;
  RdbValueWriter writer(*item.entry(), {.version = version, .compress = false});
  rdb::put_type(payload, writer.type());
  writer.write_all(payload);
  return payload;
}

std::vector<std::string> make_payloads() {
  const Words words{"a", "1", "text", "-70000", "5000000000", std::string(100, 'x')};
  const Words scores{"a", "1", "b", "2.5", "c", "inf"};
  Words many;
  for (int i = 0; i < 40; ++i) many.push_back("word" + std::to_string(i));
  return {
      of_block(RdbType::string, "text"),
      of_block(RdbType::string, "12345"),
      of_strings(RdbType::string, {}, 1) + std::string("\xc3\x03\x05"
                                                       "\x01"
                                                       "ab",
                                                       6),
      of_strings(RdbType::list, words, 1),
      of_strings(RdbType::set, words, 1),
      of_strings(RdbType::set, many, 1),
      of_strings(RdbType::hash, words, 2),
      of_strings(RdbType::hash, many, 2),
      scored(RdbType::sorted_set, words),
      scored(RdbType::sorted_set_2, words),
      scored(RdbType::sorted_set_2, many),
      of_block(RdbType::hash_zipmap, old_blocks::zipmap(words)),
      of_block(RdbType::list_ziplist, old_blocks::ziplist(words)),
      of_block(RdbType::hash_ziplist, old_blocks::ziplist(words)),
      of_block(RdbType::sorted_set_ziplist, old_blocks::ziplist(scores)),
      of_block(RdbType::set_intset, intset()),
      of_block(RdbType::hash_listpack, listpack(words)),
      of_block(RdbType::sorted_set_listpack, listpack(scores)),
      of_block(RdbType::set_listpack, listpack(words)),
      of_nodes(RdbType::list_quicklist, {old_blocks::ziplist(words), old_blocks::ziplist(many)}),
      of_nodes(RdbType::list_quicklist_2, {listpack(words), listpack(many)}),
      timed_hash(),
      of_block(RdbType::hash_listpack_ex_old, listpack({"f", "v", "0", "g", "w", "1800000000000"})),
      stream(12, 10),
      stream(150, 11),
  };
}

std::string changed(FuzzInput& input) {
  static const std::vector<std::string> payloads = make_payloads();
  std::string payload = payloads[input.below(payloads.size())];
  for (size_t changes = input.below(6); changes > 0 && !payload.empty(); --changes) {
    const size_t at = input.below(payload.size());
    switch (input.below(6)) {
      case 0:
        payload[at] = static_cast<char>(payload[at] ^ 1 << input.below(8));
        break;
      case 1:
        payload[at] = static_cast<char>(input.byte());
        break;
      case 2:
        payload.resize(at);
        break;
      case 3:
        payload.insert(at, input.take(input.below(16)));
        break;
      case 4:
        payload.erase(at, input.below(16));
        break;
      default: {
        std::string length;
        rdb::put_length(length, input.one_of<uint64_t>(
                                    {0, 63, 64, 16384, UINT32_MAX, UINT64_MAX, uint64_t{1} << 40}));
        payload.insert(at, length);
      }
    }
  }
  return payload;
}

void check(const std::string& payload) {
  ShardServices services;
  Keyspace keys{0, services, kNowMs};
  const Key key = Key::of("k");
  put_string(keys, key, {}, "as it was", kNoExpiry);
  const std::string whole = payload + std::string(10, '\0');
  const RestoreOutcome outcome =
      restore_value(keys, key, keys.find(key), whole, kLimits, kNoExpiry, kNowMs);
  keys.validate();
  const Item item = keys.find(key);
  if (outcome.fault != RestoreFault::none) {
    CHECK(outcome.why.starts_with("offset "));
    IntegerText scratch;
    CHECK(string_bytes(*item.entry(), scratch) == "as it was");
    return;
  }
  if (!item) return;  // a hash whose fields all were due
  // What was restored can be written, and read again.
  const std::string again = dump_value(*item.entry(), true);
  CHECK(is_dump_payload(again));
  const Key other = Key::of("other");
  const auto second = restore_value(keys, other, {}, again, kLimits, kNoExpiry, kNowMs);
  CHECK(second.fault == RestoreFault::none);
  keys.validate();
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larder::FuzzInput input(data, size);
  larder::check(larder::changed(input));
  return 0;
}
