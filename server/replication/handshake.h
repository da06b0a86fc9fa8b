// What a replica says to its primary before the stream begins, and what it hears.
//
//   PING | AUTH [user] password | REPLCONF listening-port p | REPLCONF ip-address a
//   REPLCONF capa eof capa psync2 capa larder-tail [REPLCONF capa larder-heir]
//   REPLCONF version v | PSYNC id next [FAILOVER]
//
// Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/ and what a
// redis-server 7 says.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "server/replication/history.h"
#include "server/replication/settings.h"
#include "server/replication/wire.h"

namespace larder {

// What Larders say of themselves besides: "I give an heir what I have more", "I am an heir", see
// takeover.h. Redis ignores both.
inline constexpr Bytes kTailCapability = "larder-tail";
inline constexpr Bytes kHeirCapability = "larder-heir";

struct HandshakeInput {
  std::string auth;
  std::string user;
  int64_t listening_port = 0;
  std::string announced_ip;  // empty: the primary looks at the connection
  std::string id = "?";      // of the stream that is here; "?": none
  int64_t next = -1;         // the first byte that is missing
  bool failover = false;     // the other side is to take over from this one
  bool heir = false;         // this one takes over, and wants what the other side has more
};

struct Agreement {
  enum class Kind : uint8_t {
    failed,   // `text` says why
    later,    // the primary can't serve now, for a reason that passes
    full,     // a transfer follows, of stream `id` as of `offset`
    partial,  // the stream goes on; `id` is its id, empty when unchanged
  };
  Kind kind = Kind::failed;
  std::string id;
  int64_t offset = -1;
  std::string text;
};

// A request as a client sends it.
std::string request_text(std::initializer_list<Bytes> words);
// What a primary's answer to PSYNC means.
Agreement read_agreement(Bytes line);

// Runs the whole of it on a wire that is connected.
Agreement shake_hands(Wire& wire, const HandshakeInput& input);

}  // namespace larder
