#include "server/commands/value_digest.h"

#include <cstdio>

#include "base/sha1.h"
#include "server/commands/list_values.h"
#include "storage/hash.h"
#include "storage/set.h"
#include "storage/sorted_sets.h"
#include "storage/streams.h"
#include "storage/strings.h"

namespace larder {
namespace {

// Redis's numbers of the types.
uint32_t type_number(Type type) {
  switch (type) {
    case Type::string: return 0;
    case Type::list: return 1;
    case Type::set: return 2;
    case Type::sorted_set: return 3;
    case Type::hash: return 4;
    case Type::stream: return 6;
  }
  return 0;
}

void digest_list(Digest& digest, const List& list) {
  for (auto at = list.outermost(ListEnd::head); at.valid(); at.step(ListEnd::tail)) {
    IntegerText scratch;
    digest.mix(at.value().bytes(scratch));
  }
}

void digest_pair(Digest& digest, Bytes first, Bytes second) {
  Digest pair;
  pair.mix(first);
  pair.mix(second);
  digest.add(pair);
}

void digest_sorted_set(Digest& digest, const SortedSetView& set) {
  set.each([&](Bytes member, double score) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", score);
    digest_pair(digest, member, text);
  });
}

void digest_stream(Digest& digest, const Stream& stream) {
  stream.each({}, StreamId::max(), false, [&](const StreamEntry& entry) {
    digest.mix(std::to_string(entry.id.ms) + "." + std::to_string(entry.id.seq));
    for (const Bytes item : entry.items) digest.mix(item);
    return true;
  });
}

}  // namespace

Digest::Sum Digest::sha1(Bytes bytes) {
  const Sha1Text text = sha1_text(bytes);
  const auto value = [&](size_t i) { return text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10; };
  Sum sum;
  for (size_t i = 0; i < sum.size(); ++i) {
    sum[i] = static_cast<uint8_t>(value(2 * i) << 4 | value(2 * i + 1));
  }
  return sum;
}

void Digest::add(Bytes bytes) { join(sha1(bytes)); }

void Digest::mix(Bytes bytes) {
  add(bytes);
  sum_ = sha1(this->bytes());
}

void Digest::mix_number(uint32_t number) {
  const uint32_t big_endian = __builtin_bswap32(number);
  mix({reinterpret_cast<const char*>(&big_endian), sizeof big_endian});
}

std::string Digest::hex() const {
  std::string text;
  for (const uint8_t byte : sum_) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

void mix_value(Digest& digest, Keyspace& keys, const Key& key, Item item, int64_t now_ms) {
  digest.mix_number(type_number(item->type()));
  IntegerText scratch;
  switch (item->type()) {
    case Type::string: digest.mix(string_bytes(*item.entry(), scratch)); break;
    case Type::list: digest_list(digest, list_of(item)); break;
    case Type::set: Set(keys, key, item).each([&](Bytes member) { digest.add(member); }); break;
    case Type::sorted_set: digest_sorted_set(digest, SortedSetView(item)); break;
    case Type::hash:
      Hash(keys, key, item, now_ms).each([&](const HashField& field) {
        digest_pair(digest, field.name, field.value);
      });
      break;
    case Type::stream: {
      const Object* object = Keyspace::object_of(*item.entry());
      digest_stream(digest, static_cast<const Stream&>(*object));
    }
  }
  if (item->expiry_ms() != kNoExpiry) digest.add(Bytes("!!expire!!"));
}

}  // namespace larder
