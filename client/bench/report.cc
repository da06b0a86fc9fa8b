#include "client/bench/report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace larder::bench {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

constexpr double kPercentiles[] = {50, 90, 99, 99.9, 99.99};
// A thread that computes more than this share of the time may be what is measured.
constexpr double kBusyShare = 0.95;

std::string ms(double ns) { return format_fixed(ns / 1e6, 3); }

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string percent(uint64_t part, uint64_t whole) {
  return format_fixed(100 * share(part, whole), 1) + "%";
}

std::string counted(uint64_t count, const std::string& thing) {
  return format_count(count) + " " + thing + (count == 1 ? "" : "s");
}

double per_second(uint64_t count, const LoadStats& stats) {
  return stats.seconds() > 0 ? static_cast<double>(count) / stats.seconds() : 0;
}

Row row_of(const std::string& name, const CommandStats& command, const LoadStats& stats) {
  const Histogram& latency = command.latency_ns;
  const uint64_t read = command.values + command.misses;
  Row row{name, format_count(latency.total()),
          format_count(static_cast<uint64_t>(per_second(latency.total(), stats))),
          read == 0 ? "-" : percent(command.values, read), ms(latency.mean())};
  for (const double each : kPercentiles) {
    row.push_back(ms(static_cast<double>(latency.percentile(each))));
  }
  row.push_back(ms(static_cast<double>(latency.max())));
  return row;
}

std::string table_of(const Report& report, const CommandStats& total) {
  constexpr size_t kNameMax = 40;
  const LoadStats& stats = report.result.stats;
  std::vector<Row> rows{
      {"", "requests", "per s", "found", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"}};
  if (stats.commands.size() > 1) {
    for (size_t i = 0; i < stats.commands.size(); ++i) {
      rows.push_back(row_of(report.commands[i].substr(0, kNameMax), stats.commands[i], stats));
    }
    rows.push_back(row_of("all", total, stats));
  } else {
    rows.push_back(row_of(report.commands[0].substr(0, kNameMax), total, stats));
  }
  return format_table(rows) + "Latency in ms.";
}

std::string slow_line(const Report& report, const CommandStats& total) {
  const auto limit_ns = static_cast<uint64_t>(report.options.slow_ms * 1e6);
  const uint64_t slow = total.latency_ns.above(limit_ns);
  if (slow == 0) return {};
  return " " + format_count(slow) + " (" + percent(slow, total.latency_ns.total()) + ") over " +
         format_fixed(report.options.slow_ms, 1) + " ms.";
}

std::string processor_lines(const Report& report, const Summary& summary) {
  const LoadStats& stats = report.result.stats;
  std::string text;
  if (summary.server_cpu_us) {
    text +=
        "Server processor time: " + format_fixed(*summary.server_cpu_us, 2) + " us per request.\n";
  }
  const double wall_s = stats.seconds() * report.options.threads;
  const double busy = wall_s > 0 ? static_cast<double>(stats.cpu_ns) / 1e9 / wall_s : 0;
  if (busy > kBusyShare && report.options.requests_per_s == 0) {
    text += "The load's threads were busy " + format_fixed(100 * busy, 0) +
            "% of the time and may be the limit: more --threads show.\n";
  }
  return text;
}

// What a cache is judged by; of other loads the table tells it.
std::string miss_line(const Report& report, const CommandStats& total) {
  if (report.options.replay.empty()) return {};
  const uint64_t read = total.values + total.misses;
  return "Miss ratio " + format_fixed(share(total.misses, read), 4) + " of " +
         format_count(read) + " reads.\n";
}

std::string trouble_lines(const Report& report, const CommandStats& total) {
  const LoadStats& stats = report.result.stats;
  std::string text;
  if (total.errors > 0) {
    text += format_count(total.errors) + " errors, the first: " + stats.first_error + "\n";
  }
  if (total.wrong > 0) {
    text += "NOT VERIFIED: " + format_count(total.wrong) +
            " values are wrong, the first: " + stats.first_wrong + "\n";
  } else if (report.options.verify) {
    text += "Verified: " + format_count(total.values) + " values, all right.\n";
  }
  if (total.misses > 0 && total.values == 0 && report.options.replay.empty()) {
    text += "No key was found: --fill stores all keys first.\n";
  }
  return text;
}

Json latency_json(const Histogram& latency) {
  const auto us = [](double ns) { return ns / 1e3; };
  Json json{{"mean", us(latency.mean())}, {"min", us(static_cast<double>(latency.min()))}};
  for (const double each : kPercentiles) {
    char name[16];
    std::snprintf(name, sizeof name, "p%g", each);
    json[name] = us(static_cast<double>(latency.percentile(each)));
  }
  json["max"] = us(static_cast<double>(latency.max()));
  return json;
}

Json json_of(const CommandStats& command, const LoadStats& stats) {
  return {{"requests", command.latency_ns.total()},
          {"requests_per_s", per_second(command.latency_ns.total(), stats)},
          {"found", command.values},
          {"missing", command.misses},
          {"errors", command.errors},
          {"wrong", command.wrong},
          {"latency_us", latency_json(command.latency_ns)}};
}

}  // namespace

std::string format_count(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string format_fixed(double number, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string spaces(widths[i] - row[i].size(), ' ');
      if (i > 0) text += "  " + spaces;
      text += row[i];
      if (i == 0) text += spaces;
    }
    text += "\n";
  }
  return text;
}

std::string to_text(const Report& report) {
  const BenchOptions& options = report.options;
  const CommandStats total = report.result.stats.total();
  std::string text = report.server + ": " + counted(options.connections, "connection") + ", " +
                     counted(options.threads, "thread") + ", pipeline " +
                     std::to_string(options.pipeline) + ", " +
                     format_fixed(report.result.stats.seconds(), 1) + " s, seed " +
                     std::to_string(options.seed) + "\n\n";
  text += table_of(report, total) + slow_line(report, total) + "\n";
  text += processor_lines(report, summarise(report.result));
  return text + miss_line(report, total) + trouble_lines(report, total);
}

std::string to_json(const Report& report) {
  const BenchOptions& options = report.options;
  const LoadStats& stats = report.result.stats;
  const CommandStats total = stats.total();
  const Summary summary = summarise(report.result);
  Json json{{"server", report.server},    {"connections", options.connections},
            {"threads", options.threads}, {"pipeline", options.pipeline},
            {"keys", options.keys},       {"seed", options.seed},
            {"seconds", stats.seconds()}};
  json.update(json_of(total, stats));
  const uint64_t read = total.values + total.misses;
  json["miss_ratio"] = read == 0 ? Json(nullptr) : Json(share(total.misses, read));
  json["slow"] = total.latency_ns.above(static_cast<uint64_t>(options.slow_ms * 1e6));
  json["sent_bytes"] = stats.sent_bytes;
  json["received_bytes"] = stats.received_bytes;
  json["load_cpu_s"] = static_cast<double>(stats.cpu_ns) / 1e9;
  json["server_cpu_us_per_request"] =
      summary.server_cpu_us ? Json(*summary.server_cpu_us) : Json(nullptr);
  json["first_error"] = stats.first_error.empty() ? Json(nullptr) : Json(stats.first_error);
  json["commands"] = Json::array();
  for (size_t i = 0; i < stats.commands.size(); ++i) {
    Json command{{"command", report.commands[i]}};
    command.update(json_of(stats.commands[i], stats));
    json["commands"].push_back(std::move(command));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Summary summarise(const LoadResult& result) {
  const CommandStats total = result.stats.total();
  const Histogram& latency = total.latency_ns;
  const auto percentile_ms = [&](double each) {
    return static_cast<double>(latency.percentile(each)) / 1e6;
  };
  Summary summary{.per_s = per_second(latency.total(), result.stats),
                  .mean_ms = latency.mean() / 1e6,
                  .p50_ms = percentile_ms(50),
                  .p90_ms = percentile_ms(90),
                  .p99_ms = percentile_ms(99),
                  .p999_ms = percentile_ms(99.9),
                  .max_ms = static_cast<double>(latency.max()) / 1e6,
                  .requests = latency.total(),
                  .errors = total.errors,
                  .misses = total.misses,
                  .wrong = total.wrong,
                  .first_error = result.stats.first_error};
  if (result.server_cpu_s && summary.requests > 0) {
    summary.server_cpu_us = *result.server_cpu_s * 1e6 / static_cast<double>(summary.requests);
  }
  return summary;
}

}  // namespace larder::bench
