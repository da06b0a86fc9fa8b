// Lines of words as redis-cli, inline requests and redis.conf write them: words with spaces in
// between, "double quotes" with \n \r \t \b \a \xHH escapes, 'single quotes' with \' only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

// Offset of the first byte from `at` on that is no white space.
size_t skip_spaces(Bytes line, size_t at);

// Reads one word from `at` on. Returns the offset behind it, or npos when quotes do not match up
// or something stands right behind a closing one. `plain` tells that the word stands in the line
// as it is.
size_t read_word(Bytes line, size_t at, std::string& word, bool& plain);

// All words of a line; nothing when quotes do not match up.
std::optional<std::vector<std::string>> split_line(Bytes line);

// A word in double quotes with everything unprintable escaped, as Redis prints it.
std::string quoted(Bytes word);

}  // namespace larder
