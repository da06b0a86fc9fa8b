#include "client/bench/compare.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

namespace larder::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Measure {
  const char* name;       // for people
  const char* json_name;  // for programs
  int decimals;
  std::function<std::optional<double>(const Summary&)> of;
};

const std::vector<Measure>& measures() {
  static const std::vector<Measure> all{
      {"requests per s", "requests_per_s", 0, [](const Summary& s) { return s.per_s; }},
      {"mean ms", "mean_ms", 3, [](const Summary& s) { return s.mean_ms; }},
      {"p50 ms", "p50_ms", 3, [](const Summary& s) { return s.p50_ms; }},
      {"p90 ms", "p90_ms", 3, [](const Summary& s) { return s.p90_ms; }},
      {"p99 ms", "p99_ms", 3, [](const Summary& s) { return s.p99_ms; }},
      {"p99.9 ms", "p99.9_ms", 3, [](const Summary& s) { return s.p999_ms; }},
      {"max ms", "max_ms", 3, [](const Summary& s) { return s.max_ms; }},
      {"server CPU us per request", "server_cpu_us_per_request", 2,
       [](const Summary& s) { return s.server_cpu_us; }},
  };
  return all;
}

// What one measure says of all rounds; `ratios` is empty where a server does not tell.
struct Verdict {
  std::optional<double> a, b;
  std::vector<double> ratios;  // sorted
};

std::vector<double> values_of(const std::vector<Summary>& rounds, const Measure& measure) {
  std::vector<double> values;
  for (const Summary& round : rounds) {
    if (const auto value = measure.of(round)) values.push_back(*value);
  }
  return values;
}

Verdict judge(const Comparison& comparison, const Measure& measure) {
  Verdict verdict;
  const auto a = values_of(comparison.a, measure);
  const auto b = values_of(comparison.b, measure);
  if (!a.empty()) verdict.a = median(a);
  if (!b.empty()) verdict.b = median(b);
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (b[i] > 0) verdict.ratios.push_back(a[i] / b[i]);
  }
  std::sort(verdict.ratios.begin(), verdict.ratios.end());
  return verdict;
}

std::string shown(const std::optional<double>& value, int decimals) {
  return value ? format_fixed(*value, decimals) : "-";
}

std::string trouble(const std::string& name, const std::vector<Summary>& rounds) {
  uint64_t requests = 0, errors = 0, misses = 0, wrong = 0;
  for (const Summary& round : rounds) {
    requests += round.requests;
    errors += round.errors;
    misses += round.misses;
    wrong += round.wrong;
  }
  if (errors + misses + wrong == 0) return {};
  return name + ": of " + format_count(requests) + " requests " + format_count(misses) +
         " found nothing, " + format_count(errors) + " were errors, " + format_count(wrong) +
         " values were wrong.\n";
}

}  // namespace

double median(std::vector<double> numbers) {
  if (numbers.empty()) return 0;
  std::sort(numbers.begin(), numbers.end());
  const size_t middle = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
}

std::string to_text(const Comparison& comparison) {
  std::vector<std::vector<std::string>> rows{{"", "A", "B", "A / B", "of single rounds"}};
  for (const Measure& measure : measures()) {
    const Verdict verdict = judge(comparison, measure);
    std::vector<std::string> row{measure.name, shown(verdict.a, measure.decimals),
                                 shown(verdict.b, measure.decimals), "-", "-"};
    if (!verdict.ratios.empty()) {
      row[3] = format_fixed(median(verdict.ratios), 2);
      row[4] =
          format_fixed(verdict.ratios.front(), 2) + " to " + format_fixed(verdict.ratios.back(), 2);
    }
    rows.push_back(std::move(row));
  }
  return "A: " + comparison.name_a + "\nB: " + comparison.name_b + "\nMedians of " +
         std::to_string(comparison.a.size()) + " rounds in turn.\n\n" + format_table(rows) +
         trouble("A", comparison.a) + trouble("B", comparison.b);
}

std::string to_json(const Comparison& comparison) {
  Json json{{"a", comparison.name_a}, {"b", comparison.name_b}, {"rounds", comparison.a.size()}};
  for (const Measure& measure : measures()) {
    const Verdict verdict = judge(comparison, measure);
    Json row{{"a", nullptr}, {"b", nullptr}, {"ratio", nullptr}};
    if (verdict.a) row["a"] = *verdict.a;
    if (verdict.b) row["b"] = *verdict.b;
    if (!verdict.ratios.empty()) {
      row["ratio"] = median(verdict.ratios);
      row["ratio_min"] = verdict.ratios.front();
      row["ratio_max"] = verdict.ratios.back();
    }
    json[measure.json_name] = std::move(row);
  }
  return json.dump(1) + "\n";
}

}  // namespace larder::bench
