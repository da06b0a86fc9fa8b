// What a client says first: who it is, which protocol it speaks, which database it wants.
//
//   HELLO 3 [AUTH user password] [SETNAME name]      RESP3
//   AUTH [user] password, CLIENT SETNAME name        RESP2, or a server that knows no HELLO
//   SELECT n                                         when n is not 0
#pragma once

#include <cstdint>
#include <string>

#include "client/channel.h"
#include "client/error.h"

namespace larder {

struct Identity {
  std::string user;      // empty: "default"
  std::string password;  // empty: no authentication
  std::string name;      // for CLIENT LIST; empty: none
  int database = 0;
  bool resp3 = true;     // false: HELLO is not sent
};

// Returns the protocol version agreed on, 2 or 3. Fails: refused, unreachable (the server is full
// or loading), and what exchange() fails with.
Result<int, ClientError> shake_hands(Channel& channel, const Identity& identity,
                                     int64_t silence_ms_max);

}  // namespace larder
