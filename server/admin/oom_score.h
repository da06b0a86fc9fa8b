// How likely the system's out-of-memory killer is to choose this process: `oom-score-adj` and
// `oom-score-adj-values`. Source: https://redis.io/docs/management/config-file/, proc(5)
#pragma once

#include <string>

#include "server/admin/options.h"

namespace larder {

// Puts both options into force, for a primary or a replica, as `replicaof` says. Returns why it
// can't be, or nothing.
std::string apply_oom_score(const Options& options, OptionTargets& targets);

}  // namespace larder
