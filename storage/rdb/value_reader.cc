// Values of every type and encoding, decoded into RdbValue.
#include <algorithm>
#include <cmath>

#include "base/numbers.h"
#include "storage/element.h"
#include "storage/rdb/blocks.h"
#include "storage/rdb/reader.h"
#include "storage/rdb/stream_reader.h"

namespace larder {
namespace {

class ValueReader {
 public:
  ValueReader(RdbReader& in, RdbArena& arena, RdbValue& value)
      : in_(in), arena_(arena), value_(value) {}

  void read(RdbType type) {
    switch (type) {
      case RdbType::string:
        return read_string();
      case RdbType::list:
        return read_strings(Type::list, 1);
      case RdbType::set:
        return read_strings(Type::set, 1);
      case RdbType::hash:
        return read_strings(Type::hash, 2);
      case RdbType::sorted_set:
        return read_sorted_set(false);
      case RdbType::sorted_set_2:
        return read_sorted_set(true);
      case RdbType::hash_zipmap:
        return read_pairs<ZipmapReader>(Type::hash);
      case RdbType::list_ziplist:
        return read_block<ZiplistReader>(Type::list);
      case RdbType::set_intset:
        return read_intset();
      case RdbType::set_listpack:
        return read_block<ListpackReader>(Type::set);
      case RdbType::sorted_set_ziplist:
        return read_scored_block<ZiplistReader>();
      case RdbType::sorted_set_listpack:
        return read_scored_block<ListpackReader>();
      case RdbType::hash_ziplist:
        return read_pairs<ZiplistReader>(Type::hash);
      case RdbType::hash_listpack:
        return read_pairs<ListpackReader>(Type::hash);
      case RdbType::list_quicklist:
        return read_quicklist(false);
      case RdbType::list_quicklist_2:
        return read_quicklist(true);
      case RdbType::hash_metadata_old:
        return read_timed_hash(false);
      case RdbType::hash_metadata:
        return read_timed_hash(true);
      case RdbType::hash_listpack_ex_old:
        return read_timed_block(false);
      case RdbType::hash_listpack_ex:
        return read_timed_block(true);
      case RdbType::hash_valkey:
        return read_valkey_hash();
      case RdbType::stream:
      case RdbType::stream_2:
      case RdbType::stream_3:
        return read_stream(type);
      case RdbType::module_old:
      case RdbType::module:
        return in_.fail("values of modules can't be loaded");
      case RdbType::unknown:
        break;
    }
    in_.fail("there is no such type of value");
  }

 private:
  void read_string() {
    value_.type = Type::string;
    value_.string = in_.string(arena_);
  }

  void read_strings(Type type, uint64_t each) {
    value_.type = type;
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) {
      for (uint64_t i = 0; i < each; ++i) value_.items.push_back(in_.string(arena_));
    }
  }

  void read_sorted_set(bool as_double) {
    value_.type = Type::sorted_set;
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) {
      value_.items.push_back(in_.string(arena_));
      add_score(as_double ? in_.fixed<double>() : text_score());
    }
  }

  void add_score(double score) {
    if (std::isnan(score)) in_.fail("a score is not a number");
    value_.scores.push_back(score);
  }

  // A byte for the length, and three that stand for values without digits.
  double text_score() {
    char text[256];
    const uint8_t size = in_.byte();
    if (size == 253) return std::nan("");
    if (size == 254) return HUGE_VAL;
    if (size == 255) return -HUGE_VAL;
    in_.bytes(text, size);
    return parse_double({text, size}).value_or(std::nan(""));
  }

  Bytes keep(const PackedValue& value) {
    if (!value.is_integer) return value.string;
    char* text = arena_.take(kInt64TextMax);
    const size_t size = format_int64(value.integer, text);
    arena_.give_back(kInt64TextMax - size);
    return {text, size};
  }

  // The bytes of a block, read from here on; where it stands is told when it is broken.
  template <typename Block, typename Visit>
  void each_entry(Visit visit) {
    const uint64_t offset = in_.offset();
    Block block(in_.string(arena_));
    PackedValue entry;
    while (in_.ok() && block.next(entry)) visit(entry);
    if (!block.ok()) in_.fail_at(offset, "the block of a collection is broken");
  }

  template <typename Block>
  void read_block(Type type) {
    value_.type = type;
    each_entry<Block>([&](const PackedValue& entry) { value_.items.push_back(keep(entry)); });
  }

  template <typename Block>
  void read_pairs(Type type) {
    read_block<Block>(type);
    if (value_.items.size() % 2 != 0) in_.fail("a field has no value");
  }

  template <typename Block>
  void read_scored_block() {
    value_.type = Type::sorted_set;
    bool is_score = false;
    each_entry<Block>([&](const PackedValue& entry) {
      if (!is_score) {
        value_.items.push_back(keep(entry));
      } else if (entry.is_integer) {
        value_.scores.push_back(static_cast<double>(entry.integer));
      } else {
        add_score(parse_double(entry.string).value_or(std::nan("")));
      }
      is_score = !is_score;
    });
    if (is_score) in_.fail("a member has no score");
  }

  void read_intset() {
    value_.type = Type::set;
    const uint64_t offset = in_.offset();
    const Bytes set = in_.string(arena_);
    if (!in_.ok()) return;
    constexpr size_t kHead = 8;
    const uint32_t width = set.size() < kHead ? 0 : load<uint32_t>(set.data());
    const bool known = width == 2 || width == 4 || width == 8;
    if (!known || (set.size() - kHead) / width != load<uint32_t>(set.data() + 4) ||
        (set.size() - kHead) % width != 0) {
      return in_.fail_at(offset, "the set of integers is broken");
    }
    int64_t before = 0;
    for (size_t at = kHead; at < set.size(); at += width) {
      const int64_t member = load_packed(set.data() + at, width);
      if (at > kHead && member <= before) {
        return in_.fail_at(offset, "the set of integers is out of order");
      }
      before = member;
      value_.items.push_back(keep({true, member, {}}));
    }
  }

  void read_quicklist(bool with_containers) {
    constexpr uint64_t kPlain = 1;
    constexpr uint64_t kPacked = 2;
    value_.type = Type::list;
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) {
      if (!with_containers) {
        read_block<ZiplistReader>(Type::list);
        continue;
      }
      const uint64_t container = in_.length();
      if (container == kPlain) {
        const Bytes element = in_.string(arena_);
        if (in_.ok() && element.empty()) return in_.fail("a node of a list is empty");
        value_.items.push_back(element);
      } else if (container == kPacked) {
        read_block<ListpackReader>(Type::list);
      } else {
        in_.fail("a list has no such nodes");
      }
    }
  }

  void add_expiry(uint64_t expiry_ms) {
    if (expiry_ms > static_cast<uint64_t>(Element::kExpiryMax)) {
      return in_.fail("the time of a field is out of range");
    }
    value_.expiries_ms.push_back(expiry_ms == 0 ? kNoExpiry : static_cast<int64_t>(expiry_ms));
  }

  // Times are relative to the earliest, plus one; 0 is none.
  void read_timed_hash(bool relative) {
    value_.type = Type::hash;
    const uint64_t earliest = relative ? in_.fixed<uint64_t>() : 1;
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) {
      const uint64_t time = in_.length();
      if (time > static_cast<uint64_t>(Element::kExpiryMax) ||
          (time != 0 && earliest > static_cast<uint64_t>(Element::kExpiryMax))) {
        return in_.fail("the time of a field is out of range");
      }
      add_expiry(time == 0 ? 0 : time + earliest - 1);
      value_.items.push_back(in_.string(arena_));
      value_.items.push_back(in_.string(arena_));
    }
  }

  // Field, value, time; times are absolute here, and the earliest before the block says it again.
  void read_timed_block(bool with_earliest) {
    value_.type = Type::hash;
    if (with_earliest) (void)in_.fixed<uint64_t>();
    unsigned part = 0;
    each_entry<ListpackReader>([&](const PackedValue& entry) {
      if (part < 2) {
        value_.items.push_back(keep(entry));
      } else if (!entry.is_integer || entry.integer < 0) {
        in_.fail("the time of a field is no time");
      } else {
        add_expiry(static_cast<uint64_t>(entry.integer));
      }
      part = (part + 1) % 3;
    });
    if (part != 0) in_.fail("a field has no time");
  }

  // Field, value, time; -1 is none.
  void read_valkey_hash() {
    value_.type = Type::hash;
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) {
      value_.items.push_back(in_.string(arena_));
      value_.items.push_back(in_.string(arena_));
      const auto time = in_.fixed<int64_t>();
      add_expiry(time == -1 ? 0 : static_cast<uint64_t>(time));
    }
  }

  void read_stream(RdbType type) {
    value_.type = Type::stream;
    value_.stream = std::make_unique<RdbStream>();
    const unsigned version = type == RdbType::stream ? 1 : type == RdbType::stream_2 ? 2 : 3;
    read_rdb_stream(in_, version, arena_, value_);
  }

  RdbReader& in_;
  RdbArena& arena_;
  RdbValue& value_;
};

}  // namespace

bool read_rdb_value(RdbReader& reader, RdbType type, RdbArena& arena, RdbValue& value) {
  value = {};
  ValueReader(reader, arena, value).read(type);
  return reader.ok();
}

}  // namespace larder
