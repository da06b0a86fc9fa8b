#include "storage/sim/report.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace larder::sim {
namespace {

int64_t size_of(const Run& run) {
  return run.limit.objects != INT64_MAX ? run.limit.objects : run.limit.bytes;
}

// gnuplot's quoting: within single quotes a quote is doubled.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

std::string script(const std::string& trace_name, const std::vector<Run>& runs,
                   const std::string& path) {
  std::string text = path.ends_with(".svg") ? "set terminal svg size 900,600 background '#ffffff'\n"
                                            : "set terminal pngcairo size 900,600\n";
  text += "set output " + quoted(path) + "\nset title " + quoted(trace_name) +
          " noenhanced\nset logscale x\nset grid\nset xlabel 'cache size'\n"
          "set ylabel 'miss ratio'\nset yrange [0:*]\nset key outside noenhanced\n";
  std::vector<std::string> policies;
  for (const Run& run : runs) {
    if (std::find(policies.begin(), policies.end(), run.policy) == policies.end()) {
      policies.push_back(run.policy);
    }
  }
  std::string curves;
  for (const std::string& policy : policies) {
    const std::string data = "$" + policy;
    text += data + " << END\n";
    for (const Run& run : runs) {
      if (run.policy != policy) continue;
      text += std::to_string(size_of(run)) + " " + std::to_string(run.miss_ratio()) + "\n";
    }
    text += "END\n";
    curves +=
        (curves.empty() ? "plot " : ", ") + data + " with linespoints title " + quoted(policy);
  }
  return text + curves + "\n";
}

}  // namespace

std::string to_table(const std::vector<Run>& runs, bool with_bytes) {
  char line[160];
  std::snprintf(line, sizeof line, "%-10s %12s %12s %12s%s\n", "policy", "size", "requests",
                "miss ratio", with_bytes ? "  byte miss ratio" : "");
  std::string text = line;
  for (const Run& run : runs) {
    std::snprintf(line, sizeof line, "%-10s %12s %12lld %12.4f", run.policy.c_str(),
                  run.size_text.c_str(), static_cast<long long>(run.requests), run.miss_ratio());
    text += line;
    if (with_bytes) {
      std::snprintf(line, sizeof line, " %16.4f", run.byte_miss_ratio());
      text += line;
    }
    text += "\n";
  }
  return text;
}

std::string to_json(const std::string& trace_name, const Trace& trace,
                    const std::vector<Run>& runs) {
  nlohmann::json out{{"trace", trace_name},
                     {"requests", trace.requests.size()},
                     {"distinct", trace.distinct},
                     {"distinct_bytes", trace.distinct_bytes}};
  for (const Run& run : runs) {
    nlohmann::json cell{{"policy", run.policy},
                        {"size", run.size_text},
                        {"misses", run.misses},
                        {"miss_ratio", run.miss_ratio()},
                        {"byte_miss_ratio", run.byte_miss_ratio()},
                        {"policy_bytes", run.policy_bytes}};
    if (run.limit.objects != INT64_MAX) cell["objects"] = run.limit.objects;
    if (run.limit.bytes != INT64_MAX) cell["bytes"] = run.limit.bytes;
    out["runs"].push_back(cell);
  }
  // A trace's name is a file name, which may be any bytes.
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string check_plot(const std::string& path) {
  if (!path.ends_with(".svg") && !path.ends_with(".png")) {
    return path + ": a plot is an .svg or a .png file";
  }
  std::FILE* file = std::fopen(path.c_str(), "a");
  if (file == nullptr) return path + ": " + std::strerror(errno);
  std::fclose(file);
  return "";
}

std::string plot(const std::string& trace_name, const std::vector<Run>& runs,
                 const std::string& path) {
  std::FILE* gnuplot = ::popen("gnuplot", "w");
  if (gnuplot == nullptr) return "gnuplot can't be started";
  const std::string text = script(trace_name, runs, path);
  const bool written = std::fwrite(text.data(), 1, text.size(), gnuplot) == text.size();
  const bool ended_well = ::pclose(gnuplot) == 0;
  return written && ended_well ? "" : "gnuplot failed: is it installed (apt-get install gnuplot)?";
}

}  // namespace larder::sim
