#include "storage/lcs.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace larder {
namespace {

// lengths[i][j]: of the LCS of the first i bytes of a and the first j of b.
class Lengths {
 public:
  Lengths(Bytes a, Bytes b) : width_(b.size() + 1), cells_((a.size() + 1) * width_) {
    for (size_t i = 1; i <= a.size(); ++i) {
      for (size_t j = 1; j <= b.size(); ++j) {
        cells_[i * width_ + j] = a[i - 1] == b[j - 1] ? at(i - 1, j - 1) + 1
                                                      : std::max(at(i - 1, j), at(i, j - 1));
      }
    }
  }
  uint32_t at(size_t i, size_t j) const { return cells_[i * width_ + j]; }

 private:
  size_t width_;
  std::vector<uint32_t> cells_;
};

}  // namespace

std::optional<LcsResult> longest_common_subsequence(Bytes a, Bytes b, size_t bytes_max) {
  constexpr size_t kMax = std::numeric_limits<size_t>::max();
  if (a.size() + 1 > kMax / sizeof(uint32_t) / (b.size() + 1)) return {};
  if ((a.size() + 1) * (b.size() + 1) * sizeof(uint32_t) > bytes_max) return {};
  const Lengths lengths(a, b);
  LcsResult result;
  result.length = lengths.at(a.size(), b.size());
  size_t i = a.size();
  size_t j = b.size();
  LcsMatch run;
  const auto end_run = [&] {
    if (run.length > 0) result.matches.push_back(run);
    run = {};
  };
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      result.text += a[i - 1];
      --i;
      --j;
      run = {i, j, run.length + 1};
      continue;
    }
    end_run();
    lengths.at(i - 1, j) > lengths.at(i, j - 1) ? --i : --j;
  }
  end_run();
  std::reverse(result.text.begin(), result.text.end());
  return result;
}

}  // namespace larder
