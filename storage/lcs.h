// Longest common subsequence of two byte strings, as the LCS command defines it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

// A run of equal bytes, starts as offsets into the two strings.
struct LcsMatch {
  size_t first_start = 0;
  size_t second_start = 0;
  size_t length = 0;
};

struct LcsResult {
  size_t length = 0;
  std::string text;
  std::vector<LcsMatch> matches;  // from the end of the strings to their beginning
};

// Cost: |a| * |b| steps and 4 |a| |b| bytes. Nothing when that exceeds `bytes_max`.
std::optional<LcsResult> longest_common_subsequence(Bytes a, Bytes b, size_t bytes_max);

}  // namespace larder
