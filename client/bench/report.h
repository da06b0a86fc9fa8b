// Results for people and for programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/bench/load.h"
#include "client/bench/options.h"

namespace larder::bench {

// 1234567 -> "1,234,567".
std::string format_count(uint64_t number);
std::string format_fixed(double number, int decimals);

// Rows of cells, the first of each to the left and the others to the right.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

// One run against one server.
struct Report {
  const BenchOptions& options;
  std::string server;  // address, and name when it says one
  std::vector<std::string> commands;
  LoadResult result;
};

std::string to_text(const Report& report);
std::string to_json(const Report& report);

// What a run comes down to, for comparing.
struct Summary {
  double per_s = 0;
  double mean_ms = 0, p50_ms = 0, p90_ms = 0, p99_ms = 0, p999_ms = 0, max_ms = 0;
  std::optional<double> server_cpu_us;  // per request
  uint64_t requests = 0, errors = 0, misses = 0, wrong = 0;
  std::string first_error;  // the server's words
};

Summary summarise(const LoadResult& result);

}  // namespace larder::bench
