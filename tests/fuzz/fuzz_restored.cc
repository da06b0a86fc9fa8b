// Payloads of DUMP with a checksum that fits, from redis-server and from here, changed anywhere:
// what RESTORE takes can be read, changed and removed by every command of its type, and what it
// refuses leaves the key as it was.
//
//   | flags 1 B | the payload without version and checksum |
#include <string>

#include "base/check.h"
#include "storage/rdb/crc64.h"
#include "storage/rdb/encode.h"
#include "tests/fuzz/input.h"
#include "tests/support/data_commands.h"
#include "tests/support/lone_server.h"
#include "tests/support/value_sweep.h"

namespace larder {
namespace {

enum Flags : uint8_t { kSmallLimits = 1, kReplace = 2, kResp3 = 4, kWithTtl = 8 };

std::string payload_of(Bytes value) {
  std::string payload(value);
  rdb::put_fixed(payload, static_cast<uint16_t>(kRdbVersion));
  rdb::put_fixed(payload, crc64(0, payload));
  return payload;
}

// So that what is small becomes an object.
void set_small_limits(LiveSettings& settings) {
  settings.hash_pack_fields_max.store(2);
  settings.set_integers_max.store(2);
  settings.set_pack_members_max.store(2);
  settings.zset_pack_members.store(2);
  settings.list_max_listpack_size.store(3);
  settings.stream_entries_max.store(3);
}

void check(FuzzInput input) {
  const uint8_t flags = input.byte();
  LoneServer server(add_data_commands, {.shard_bits = 1, .databases = 1});
  if ((flags & kSmallLimits) != 0) set_small_limits(server.services().settings);
  server.session().protocol = (flags & kResp3) != 0 ? 3 : 2;
  const bool replaces = (flags & kReplace) != 0;
  if (replaces) server.ask({"SET", "k", "as it was"});
  const std::string reply = server.ask({"RESTORE", "k", (flags & kWithTtl) != 0 ? "5000" : "0",
                                        payload_of(input.rest()), "REPLACE"});
  server.store().validate();
  if (reply[0] == '-') {
    const char* there = server.session().protocol == 3 ? "_\r\n" : "$-1\r\n";
    CHECK(reply == "-ERR Bad data format\r\n");
    CHECK(server.ask({"GET", "k"}) == (replaces ? "$9\r\nas it was\r\n" : there));
    return;
  }
  sweep_value(server, "k");
  server.now_ms += 10'000;
  server.store().expire_due(0, 2, server.now_ms);
  server.store().validate();
  server.store().settle_memory();
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larder::check(larder::FuzzInput(data, size));
  return 0;
}
