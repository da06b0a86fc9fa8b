#include "client/bench/distribution.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/numbers.h"

namespace larder::bench {
namespace {

// log(1 + x) / x and (exp(x) - 1) / x, whole near 0 where the exponent of zipf is near 1.
double log1p_over(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2; }
double expm1_over(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2; }

}  // namespace

Result<Distribution, std::string> parse_distribution(Bytes text) {
  if (text == "uniform") return Distribution{Distribution::Kind::uniform};
  if (text == "sequential") return Distribution{Distribution::Kind::sequential};
  if (text == "zipf") return Distribution{Distribution::Kind::zipf};
  if (text.starts_with("zipf:")) {
    const auto exponent = parse_double(text.substr(5));
    if (exponent && *exponent > 0 && *exponent <= kZipfExponentMax) {
      return Distribution{Distribution::Kind::zipf, *exponent};
    }
    return "'" + std::string(text) + "' needs an exponent above 0 and up to 10, as in zipf:0.99";
  }
  return "'" + std::string(text) + "' is no distribution: write uniform, zipf, zipf:0.99 or " +
         "sequential";
}

Zipf::Zipf(uint64_t count, double exponent)
    : exponent_(exponent), count_(static_cast<double>(count)) {
  area_first_ = area(1.5) - 1;
  area_last_ = area(count_ + 0.5);
  sure_ = 2 - area_inverse(area(2.5) - density(2));
}

double Zipf::density(double x) const { return std::exp(-exponent_ * std::log(x)); }

double Zipf::area(double x) const {
  const double log_x = std::log(x);
  return expm1_over((1 - exponent_) * log_x) * log_x;
}

double Zipf::area_inverse(double y) const {
  const double scaled = std::max(y * (1 - exponent_), -1.0);  // rounding may lead below
  return std::exp(log1p_over(scaled) * y);
}

uint64_t Zipf::next(Random& random) const {
  while (true) {
    const double drawn = area_last_ + draw_fraction(random) * (area_first_ - area_last_);
    const double x = area_inverse(drawn);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, count_);
    if (rank - x <= sure_ || drawn >= area(rank + 0.5) - density(rank)) {
      return static_cast<uint64_t>(rank) - 1;
    }
  }
}

Picker::Picker(const Distribution& distribution, uint64_t count, uint64_t first, uint64_t last)
    : kind_(distribution.kind),
      count_(count),
      zipf_(count, distribution.exponent),
      first_(first),
      last_(last),
      at_(first) {
  CHECK(first < last && last <= count);
}

}  // namespace larder::bench
