// The text of MONITOR's lines. Source: https://redis.io/commands/monitor/
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "server/engine/registry.h"
#include "server/engine/session.h"

namespace larder {

// The arguments with secrets replaced by "(redacted)": what MONITOR, the slow log and the log may
// show.
std::vector<Bytes> redacted(const Command& command, std::span<const Bytes> args);

// +1700000000.123456 [0 127.0.0.1:5000] "GET" "key"\r\n
// Of a script the address is "lua".
std::string monitor_line(unsigned db, Bytes address, std::span<const Bytes> args, int64_t now_us);

}  // namespace larder
