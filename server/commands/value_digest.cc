#include "server/commands/value_digest.h"

#include <string>

#include "base/hash.h"
#include "storage/hash.h"
#include "storage/set.h"
#include "storage/strings.h"

namespace larder {
namespace {

// Elements without an order: a sum does not depend on it.
uint64_t set_digest(const Set& set) {
  uint64_t sum = 0;
  set.each([&](Bytes member) { sum += digest_of(member); });
  return sum;
}

uint64_t hash_digest(const Hash& hash) {
  uint64_t sum = 0;
  hash.each([&](const HashField& field) {
    std::string text = std::to_string(field.name.size()) + ":";
    text.append(field.name).append(field.value).append(std::to_string(field.expiry_ms));
    sum += digest_of(text);
  });
  return sum;
}

}  // namespace

uint64_t value_digest(Keyspace& keys, const Key& key, Item item, int64_t now_ms) {
  IntegerText scratch;
  switch (item->type()) {
    case Type::string: return digest_of(string_bytes(*item.entry(), scratch));
    case Type::set: return set_digest(Set(keys, key, item));
    case Type::hash: return hash_digest(Hash(keys, key, item, now_ms));
    default: return 0;  // no such value is made yet
  }
}

}  // namespace larder
