// Which server this is, and how much processor time it uses, when it runs on this machine.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "client/handshake.h"
#include "client/transport.h"

namespace larder::bench {

struct ServerFacts {
  std::string name;          // "larder 0.1.0", "redis 7.0.15"; empty: it does not say
  std::optional<pid_t> pid;  // when it is a process of this machine
};

// Asks INFO. Whatever goes wrong leaves the facts empty: a benchmark does not need them.
ServerFacts look_at_server(const Endpoint& endpoint, const Identity& identity);

// Processor time of a process so far; nothing when it is gone.
std::optional<double> cpu_seconds(std::optional<pid_t> pid);

// The value of a line "field:value" of INFO; empty when there is none.
std::string info_field(Bytes info, Bytes field);

}  // namespace larder::bench
