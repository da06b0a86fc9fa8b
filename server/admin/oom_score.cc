#include "server/admin/oom_score.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
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

enum class OomScore { untouched, relative, absolute };

// Sets the score to `value`, or to `value` over what it was before the first call that set it;
// `untouched` restores that.
std::string set_oom_score(OomScore mode, int value) {
  static std::mutex mutex;
  static std::optional<int> before;  // set while the score is ours
  const std::lock_guard lock(mutex);
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

}  // namespace

std::string apply_oom_score(const Options& options, OptionTargets&) {
  const std::string& mode = options.text("oom-score-adj");
  const size_t role = options.text("replicaof").empty() ? 0 : 1;
  const int value = std::stoi(options.words("oom-score-adj-values")[role]);
  return set_oom_score(mode == "no"         ? OomScore::untouched
                       : mode == "absolute" ? OomScore::absolute
                                            : OomScore::relative,
                       value);
}

}  // namespace larder
