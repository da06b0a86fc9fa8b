// What the adviser tells, for those who only read it.
#pragma once

#include <array>
#include <string>

namespace larder {

// Times the present memory for which there are estimates.
inline constexpr std::array<double, 7> kMemoryFactors = {0.125, 0.25, 0.5, 1, 2, 4, 8};

// An estimate: a policy with so many times the present memory.
struct Estimate {
  std::string policy;
  double factor = 1;
  double hit_ratio = 0;
  double byte_hit_ratio = 0;
};

}  // namespace larder
