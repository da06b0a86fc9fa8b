#include "client/bench/server_probe.h"

#include <time.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/numbers.h"
#include "client/client.h"

namespace larder::bench {
namespace {

// Fields of /proc/PID/stat behind the name: [0] is the third of the manual page, the state.
std::optional<std::array<double, 20>> stat_fields(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  const size_t name_end = line.rfind(')');
  if (name_end == line.npos) return {};
  std::istringstream rest(line.substr(name_end + 1));
  std::array<double, 20> fields{};
  std::string word;
  for (double& field : fields) {
    if (!(rest >> word)) return {};
    field = parse_double(word).value_or(0);
  }
  return fields;
}

// A server in a container or on another machine names a process that may be anybody's here: ours
// has the age that the server says it has.
bool has_age(pid_t pid, double age_s) {
  constexpr double kDifferenceSMax = 5;  // from the process's start to that of its clock
  constexpr size_t kStartTime = 19;
  const auto fields = stat_fields(pid);
  double uptime_s = 0;
  if (!fields || !(std::ifstream("/proc/uptime") >> uptime_s)) return false;
  const double start_s = (*fields)[kStartTime] / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::abs(uptime_s - start_s - age_s) < kDifferenceSMax;
}

}  // namespace

std::string info_field(Bytes info, Bytes field) {
  size_t start = 0;
  while (start < info.size()) {
    const size_t end = std::min(info.find("\r\n", start), info.size());
    const Bytes line = info.substr(start, end - start);
    if (line.starts_with(field) && line.substr(field.size(), 1) == ":") {
      return std::string(line.substr(field.size() + 1));
    }
    start = end + 2;
  }
  return {};
}

ServerFacts look_at_server(const Endpoint& endpoint, const Identity& identity) {
  ClientOptions options{.endpoint = endpoint, .identity = identity};
  options.connect_attempts = 1;
  Client client(options);
  const auto reply = client.run({"INFO", "server"});
  ServerFacts facts;
  if (!reply || !reply->is_text()) return facts;
  for (const char* name : {"larder", "valkey", "redis"}) {
    const std::string version = info_field(reply->text, std::string(name) + "_version");
    if (version.empty()) continue;
    facts.name = std::string(name) + " " + version;
    break;
  }
  const auto pid = parse_uint64(info_field(reply->text, "process_id"));
  const auto age_s = parse_uint64(info_field(reply->text, "uptime_in_seconds"));
  if (pid && age_s && has_age(static_cast<pid_t>(*pid), static_cast<double>(*age_s))) {
    facts.pid = static_cast<pid_t>(*pid);
  }
  return facts;
}

std::optional<double> cpu_seconds(std::optional<pid_t> pid) {
  clockid_t clock{};
  timespec used{};
  if (!pid || ::clock_getcpuclockid(*pid, &clock) != 0) return {};
  if (::clock_gettime(clock, &used) != 0) return {};
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace larder::bench
