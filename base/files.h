// Whole small files.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder {

// Nothing when it can't be read, with errno set.
std::optional<std::string> read_file(const std::string& path);

// Writes beside the file and renames, so that a crash leaves the old or the new text. Returns why
// it failed, or nothing.
std::string replace_file(const std::string& path, Bytes text);

}  // namespace larder
