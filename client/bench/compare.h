// Two servers under the same load in turn, A B A B ..., so that a slow moment of the machine hits
// both alike. The median of the rounds counts, and of ratios the median of each round's ratio.
#pragma once

#include <string>
#include <vector>

#include "client/bench/report.h"

namespace larder::bench {

struct Comparison {
  std::string name_a, name_b;
  std::vector<Summary> a, b;  // a round each; as many of both
};

// The middle of `numbers`, or the mean of the two in the middle; 0 of none.
double median(std::vector<double> numbers);

std::string to_text(const Comparison& comparison);
std::string to_json(const Comparison& comparison);

}  // namespace larder::bench
