// How likely the system's out-of-memory killer is to choose this process: `oom-score-adj` and
// `oom-score-adj-values`. Source: https://redis.io/docs/management/config-file/, proc(5)
#pragma once

#include <string>

namespace larder {

enum class OomScore { untouched, relative, absolute };

// Sets the score to `value`, or to `value` over what it was before the first call that set it;
// `untouched` restores that. Returns why it can't be, or nothing. One call at a time.
std::string set_oom_score(OomScore mode, int value);

}  // namespace larder
