// Why a client got no reply. A reply that is an error ("-ERR ...") is a reply, not one of these.
#pragma once

#include <string>

#include "base/result.h"

namespace larder {

struct ClientError {
  enum class Kind {
    unreachable,  // no connection: name unknown, refused, time-out, server full or loading
    refused,      // connected, but HELLO, AUTH or SELECT was answered with an error
    timed_out,    // no reply in time; it may or may not have been run
    lost,         // the connection ended; what was sent may or may not have been run
    protocol,     // the peer sent what is no reply
  };
  Kind kind;
  std::string text;  // a sentence for people, without a final stop
};

struct Done {};
using ClientDone = Result<Done, ClientError>;

}  // namespace larder
