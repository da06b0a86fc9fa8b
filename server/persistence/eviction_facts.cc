#include "server/persistence/eviction_facts.h"

#include <charconv>

#include "base/hash.h"
#include "server/engine/services.h"
#include "server/persistence/files.h"
#include "storage/store.h"

namespace larder {
namespace {

constexpr Bytes kSeedName = "larder-hash-seed";
constexpr Bytes kLearnedName = "larder-eviction";

std::string policy_of(Services& services) {
  return services.configuration.value("maxmemory-policy").value_or("");
}

// What must be the same for a group's knowledge to mean anything. Who prints the value sees no
// more of it.
std::string head_of(Services& services, unsigned group) {
  const Store& store = services.store;
  return policy_of(services) + " " + std::to_string(group) + "/" +
         std::to_string(store.group_count()) + " " + std::to_string(store.shard_count()) +
         std::string(1, '\0');
}

std::optional<uint64_t> seed_of(Bytes text) {
  uint64_t seed = 0;
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, seed, 16);
  if (read.ec != std::errc() || read.ptr != end) return {};
  return seed;
}

std::string text_of(uint64_t seed) {
  char digits[17];
  return {digits, std::to_chars(digits, digits + sizeof digits, seed, 16).ptr};
}

class SeedFinder : public RdbNews {
 public:
  void fact(Bytes name, Bytes value) override {
    if (name == kSeedName) seed = seed_of(value);
  }
  std::optional<uint64_t> seed;
};

}  // namespace

RdbFacts eviction_facts(Services& services) {
  Store& store = services.store;
  if (store.group(0).victims() == Victims::none) return {};
  RdbFacts facts{{std::string(kSeedName), text_of(hash_seed())}};
  for (unsigned i = 0; i < store.group_count(); ++i) {
    const std::string head = head_of(services, i);
    for (size_t number = 0;; ++number) {
      const std::string piece = store.group(i).learned(number);
      if (piece.empty()) break;
      facts.emplace_back(kLearnedName, head + piece);
    }
  }
  return facts;
}

void EvictionRecall::fact(Bytes name, Bytes value) {
  if (name == kSeedName) {
    same_hashes_ = seed_of(value) == hash_seed();
  } else if (name == kLearnedName) {
    if (same_hashes_) learn(value);
  } else if (next_ != nullptr) {
    next_->fact(name, value);
  }
}

void EvictionRecall::learn(Bytes value) {
  for (unsigned i = 0; i < services_.store.group_count(); ++i) {
    const std::string head = head_of(services_, i);
    if (value.starts_with(head)) services_.store.group(i).learn(value.substr(head.size()));
  }
}

std::optional<uint64_t> hash_seed_in(const std::string& path) {
  FileSource source(path);
  if (!source.is_open()) return {};
  SeedFinder finder;
  RdbFileReader reader(source, finder, false);
  RdbArena arena;
  RdbKey key;
  (void)reader.next(arena, key);  // what stands before the first key has been read then
  return finder.seed;
}

}  // namespace larder
