// Which of n things comes next: keys, or sizes of values.
//
//   uniform       each as often as any other
//   zipf[:s]      the k-th in proportion to 1 / k^s; s is 1 unless given. Few are asked for often,
//                 as in most caches
//   sequential    one after the other, and again from the first
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

namespace larder::bench {

struct Distribution {
  enum class Kind { uniform, zipf, sequential };
  Kind kind = Kind::uniform;
  double exponent = 1;  // of zipf
};

// Steeper than this, nearly all requests would ask for the first two.
inline constexpr double kZipfExponentMax = 10;

// Reads the form above. The error is a sentence.
Result<Distribution, std::string> parse_distribution(Bytes text);

// A double from 0 on and below 1.
inline double draw_fraction(Random& random) {
  return static_cast<double>(random.next() >> 11) * 0x1p-53;
}

// Zipf-distributed ranks without a table, so that a billion keys cost what a thousand do: the area
// under 1 / x^s is inverted, and the error of taking it for the sum is rejected away.
// Source: W. Hoermann, G. Derflinger, "Rejection-inversion to generate variates from monotone
// discrete distributions", ACM TOMACS 6(3), 1996
class Zipf {
 public:
  // `count` and `exponent` above 0.
  Zipf(uint64_t count, double exponent);
  // 0 is the most frequent.
  uint64_t next(Random& random) const;

 private:
  double density(double x) const;       // 1 / x^s
  double area(double x) const;          // of the density from 1 to x
  double area_inverse(double y) const;  // the x whose area() is y

  double exponent_;
  double count_;
  double area_first_;
  double area_last_;
  double sure_;  // this near to its rank, a draw is always accepted
};

// Draws from 0 .. count - 1.
class Picker {
 public:
  // A sequence goes round from `first` to `last` - 1 only, so that threads can share the work.
  Picker(const Distribution& distribution, uint64_t count, uint64_t first, uint64_t last);
  Picker(const Distribution& distribution, uint64_t count)
      : Picker(distribution, count, 0, count) {}

  uint64_t next(Random& random) {
    if (kind_ == Distribution::Kind::uniform) return below(random.next());
    if (kind_ == Distribution::Kind::zipf) return zipf_.next(random);
    const uint64_t now = at_;
    at_ = now + 1 == last_ ? first_ : now + 1;
    return now;
  }
  // The same, for what has to be drawn alike again and again. Not for sequences.
  uint64_t at(Random& random) const {
    return kind_ == Distribution::Kind::zipf ? zipf_.next(random) : below(random.next());
  }

 private:
  // A multiplication instead of a division: the bias is as small.
  uint64_t below(uint64_t drawn) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((Wide{drawn} * count_) >> 64);
  }

  Distribution::Kind kind_;
  uint64_t count_;
  Zipf zipf_;
  uint64_t first_;
  uint64_t last_;
  uint64_t at_;
};

}  // namespace larder::bench
