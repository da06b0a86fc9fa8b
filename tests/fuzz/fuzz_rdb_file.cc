// Whole RDB files, from redis-server and from here, changed anywhere. A file is read to its end or
// refused with the offset of what is wrong; what was stored till then is whole, and can be written
// and read again.
//
//   | flags 1 B | the file |
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "storage/keyspace.h"
#include "storage/rdb/dump.h"
#include "storage/rdb/file.h"
#include "tests/fuzz/input.h"

namespace larder {
namespace {

enum Flags : uint8_t { kWithSum = 1, kInPieces = 2, kSmallLimits = 4 };

constexpr int64_t kNowMs = 1'800'000'000'000;
constexpr unsigned kDatabases = 4;

const ValueLimits kUsualLimits{.hash = {128, 64},
                               .set = {512, {128, 64}},
                               .sorted_set = {128, 64},
                               .list = {.bytes = 8192},
                               .stream = {.entries = 100, .bytes = 4096}};
// So that what is small becomes an object.
const ValueLimits kFewLimits{.hash = {2, 8},
                             .set = {2, {2, 8}},
                             .sorted_set = {2, 8},
                             .list = {.bytes = 64},
                             .stream = {.entries = 3, .bytes = 256}};

// As a socket hands bytes out.
class PieceSource : public Source {
 public:
  PieceSource(Bytes bytes, size_t most) : all_(bytes), most_(most) {}
  size_t read(char* into, size_t bytes) override { return all_.read(into, std::min(bytes, most_)); }

 private:
  BytesSource all_;
  size_t most_;
};

void check_value(Keyspace& keys, Item item, const ValueLimits& limits) {
  const std::string payload = dump_value(*item.entry(), true);
  CHECK(is_dump_payload(payload));
  const Key copy = Key::of(" copy");
  const auto outcome = restore_value(keys, copy, keys.find(copy), payload, limits, kNoExpiry, 0);
  CHECK(outcome.fault == RestoreFault::none);
}

void check(FuzzInput input) {
  const uint8_t flags = input.byte();
  const ValueLimits& limits = (flags & kSmallLimits) != 0 ? kFewLimits : kUsualLimits;
  ShardServices services;
  std::vector<std::unique_ptr<Keyspace>> databases;
  for (unsigned db = 0; db < kDatabases; ++db) {
    databases.push_back(std::make_unique<Keyspace>(db, services, kNowMs));
  }
  PieceSource source(input.rest(), (flags & kInPieces) != 0 ? 7 : SIZE_MAX);
  RdbNews news;
  RdbFileReader reader(source, news, (flags & kWithSum) != 0);
  RdbArena arena;
  for (RdbKey key; reader.next(arena, key); arena.clear()) {
    Keyspace& keys = *databases[key.db % kDatabases];
    const Key name = Key::of(key.name);
    const StoredValue stored =
        put_rdb_value(keys, name, keys.find(name), key.value, limits, key.expiry_ms, kNowMs);
    keys.validate();
    if (stored.ok && stored.item) check_value(keys, stored.item, limits);
  }
  CHECK(reader.error().empty() || reader.error().starts_with("offset "));
  CHECK(reader.offset() <= input.rest().size());
  for (const auto& keys : databases) {
    while (keys->expire_step(INT64_MAX, 1000)) {
    }
    keys->validate();
  }
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larder::check(larder::FuzzInput(data, size));
  return 0;
}
