// Checks of option values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/admin/options.h"

namespace larder {

// The value as it is kept and printed, or what is wrong with it (second).
using CheckedValue = std::pair<std::string, std::string>;

// What `text` makes of the option whose value is `before`.
CheckedValue check_value(const OptionSpec& option, const std::string& before, Bytes text);

// A number of bytes as it is kept, drawn to what an int64_t takes: a limit beyond that is none.
int64_t drawn_bytes(Bytes text);

// Words with one space in between.
std::string joined_words(const std::vector<std::string>& words);

}  // namespace larder
