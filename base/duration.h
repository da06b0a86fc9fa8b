// Lengths of time as people write them: 90 or 90s, 1500ms, 15m, 2h, 1d.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder {

// A century. Unix time and twice of it still fit a narrow expiry.
inline constexpr int64_t kDurationMsMax = int64_t{36500} * 24 * 60 * 60 * 1000;

// Milliseconds, 0 .. kDurationMsMax; a number without a unit is seconds. Nothing: it is none.
std::optional<int64_t> parse_duration_ms(Bytes text);
// Whole seconds without a unit, anything finer in ms.
std::string duration_text(int64_t ms);

}  // namespace larder
