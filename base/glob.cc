#include "base/glob.h"

#include <algorithm>

namespace larder {
namespace {

// One byte, comparable. Unsigned, so that ranges over the upper half are in order.
class Fold {
 public:
  explicit Fold(GlobCase letters) : ignore_(letters == GlobCase::ignored) {}

  unsigned char operator()(char c) const {
    if (ignore_ && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return static_cast<unsigned char>(c);
  }

 private:
  bool ignore_;
};

struct SetMatch {
  bool matched = false;
  size_t end = 0;  // offset behind the set
};

// Matches `c` against the set whose '[' stands before `at`.
SetMatch match_set(Bytes pattern, size_t at, char c, Fold fold) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  const unsigned char byte = fold(c);
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    const size_t left = pattern.size() - at;
    if (pattern[at] == '\\' && left >= 2) {
      found |= fold(pattern[at + 1]) == byte;
      at += 2;
    } else if (left >= 3 && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax({fold(pattern[at]), fold(pattern[at + 2])});
      found |= low <= byte && byte <= high;
      at += 3;
    } else {
      found |= fold(pattern[at]) == byte;
      ++at;
    }
  }
  return {found != negated, std::min(at + 1, pattern.size())};
}

// Matches `c` against the one-byte element at `at`, which is no star.
SetMatch match_one(Bytes pattern, size_t at, char c, Fold fold) {
  switch (pattern[at]) {
    case '?':
      return {true, at + 1};
    case '[':
      return match_set(pattern, at + 1, c, fold);
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      [[fallthrough]];
    default:
      return {fold(pattern[at]) == fold(c), at + 1};
  }
}

// More than these match nothing, as in Redis, which keeps its stack and its time for others so.
constexpr size_t kStarsMax = 1000;

}  // namespace

bool glob_match(Bytes pattern, Bytes text, GlobCase letters) {
  const Fold fold(letters);
  constexpr size_t kNoStar = static_cast<size_t>(-1);
  size_t behind_star = kNoStar;  // pattern offset behind the last star
  size_t star_end = 0;           // text offset where that star's bytes end
  size_t stars = 0;
  size_t p = 0;
  size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      p = std::min(pattern.find_first_not_of('*', p), pattern.size());
      if (p == pattern.size()) return true;
      if (++stars > kStarsMax) return false;
      behind_star = p;
      star_end = t;
      continue;
    }
    if (p < pattern.size()) {
      const SetMatch one = match_one(pattern, p, text[t], fold);
      if (one.matched) {
        p = one.end;
        ++t;
        continue;
      }
    }
    if (behind_star == kNoStar) return false;
    p = behind_star;
    t = ++star_end;
  }
  return pattern.find_first_not_of('*', p) == Bytes::npos;
}

Bytes literal_prefix(Bytes pattern) { return pattern.substr(0, pattern.find_first_of("*?[\\")); }

bool is_literal(Bytes pattern) { return pattern.find_first_of("*?[\\") == Bytes::npos; }

}  // namespace larder
