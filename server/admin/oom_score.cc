#include "server/admin/oom_score.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

namespace larder {
namespace {

constexpr char kFile[] = "/proc/self/oom_score_adj";
// What the kernel takes.
constexpr int kScoreMax = 1000;

std::string write_score(int score) {
  errno = 0;
  std::ofstream file(kFile);
  file << score << std::flush;
  if (file) return "";
  return "Failed to set oom_score_adj to " + std::to_string(score) + ": " + std::strerror(errno);
}

}  // namespace

std::string set_oom_score(OomScore mode, int value) {
  static std::optional<int> before;  // set while the score is ours
  if (mode == OomScore::untouched) {
    if (!before) return "";
    const int score = *before;
    before.reset();
    return write_score(score);
  }
  if (!before) {
    int score = 0;
    if (!(std::ifstream(kFile) >> score)) return "Failed to set oom_score_adj: can't read it";
    before = score;
  }
  const int base = mode == OomScore::relative ? *before : 0;
  return write_score(std::clamp(base + value, -kScoreMax, kScoreMax));
}

}  // namespace larder
