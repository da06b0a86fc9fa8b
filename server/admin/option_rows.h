// The two halves of the option table: what works here, and what is known from redis.conf.
#pragma once

#include <span>

#include "server/admin/options.h"

namespace larder {

std::span<const OptionSpec> working_options();
std::span<const OptionSpec> redis_options();

}  // namespace larder
