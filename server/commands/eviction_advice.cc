#include "server/commands/eviction_advice.h"

#include <algorithm>

namespace larder {
namespace {

// More memory pays as long as doubling it saves this share of all reads.
constexpr double kWorthDoubling = 0.01;
// A policy is recommended instead of the present one when it saves this share of all reads.
constexpr double kWorthChanging = 0.005;

}  // namespace

const Estimate* Advice::find(Bytes name, double factor) const {
  const auto found = std::find_if(
      facts.estimates.begin(), facts.estimates.end(),
      [&](const Estimate& each) { return each.policy == name && each.factor == factor; });
  return found == facts.estimates.end() ? nullptr : &*found;
}

const Estimate* Advice::best_at(double factor) const {
  const Estimate* best = nullptr;
  for (const Estimate& each : facts.estimates) {
    if (each.factor != factor) continue;
    if (best == nullptr || ratio(each) > ratio(*best)) best = &each;
  }
  return best;
}

std::vector<Estimate> Advice::curve(Bytes name) const {
  std::vector<Estimate> points;
  for (const double factor : kMemoryFactors) {
    const Estimate* point = find(name, factor);
    if (point == nullptr) point = best_at(factor);
    if (point != nullptr) points.push_back(*point);
  }
  return points;
}

std::string Advice::best_policy() const {
  const Estimate* now = find(policy, 1);
  const Estimate* best = best_at(1);
  if (best == nullptr) return "";
  const bool stays = now != nullptr && ratio(*best) - ratio(*now) < kWorthChanging;
  return stays ? now->policy : best->policy;
}

double Advice::best_factor() const {
  const std::vector<Estimate> points = curve(policy);
  for (size_t i = 0; i + 1 < points.size(); ++i) {
    if (ratio(points[i + 1]) - ratio(points[i]) < kWorthDoubling) return points[i].factor;
  }
  return points.empty() ? 1 : points.back().factor;
}

Advice advice_of(Services& services) {
  Advice advice{.facts = services.store.advice()};
  const auto& configuration = services.configuration;
  advice.by_bytes = configuration.value("eviction-goal") == "bytes";
  advice.policy = configuration.value("maxmemory-policy").value_or("");
  advice.policy = advice.policy.substr(advice.policy.find('-') + 1);
  return advice;
}

}  // namespace larder
