// The parts of the option table: what works here, and what is known from redis.conf.
#pragma once

#include <span>
#include <string>

#include "server/admin/options.h"
#include "server/persistence/aof_options.h"

namespace larder {

std::span<const OptionSpec> working_options();
std::span<const OptionSpec> append_only_options();
// What the append-only file goes by.
AofOptions aof_options(const Options& options);
std::span<const OptionSpec> replication_options();
// The ports and whether links are TLS ones, for replication; they are options of the network, too.
void apply_replication_ports(const Options& options, OptionTargets& to);
std::span<const OptionSpec> tls_options();
// Why there can be no TLS with these options, or nothing.
std::string tls_fault(const Options& options);
std::span<const OptionSpec> redis_options();

// Listens on the ports that the options name now. Returns why that can't be, or nothing.
std::string listen_again(const Options& options, OptionTargets& to);

}  // namespace larder
