#include "client/bench/stats.h"

#include <algorithm>

namespace larder::bench {

void CommandStats::merge(const CommandStats& other) {
  latency_ns.merge(other.latency_ns);
  values += other.values;
  misses += other.misses;
  errors += other.errors;
  wrong += other.wrong;
}

void LoadStats::merge(const LoadStats& other) {
  for (size_t i = 0; i < commands.size(); ++i) commands[i].merge(other.commands[i]);
  sent_bytes += other.sent_bytes;
  received_bytes += other.received_bytes;
  start_ns = std::min(start_ns, other.start_ns);
  end_ns = std::max(end_ns, other.end_ns);
  cpu_ns += other.cpu_ns;
  if (first_error.empty()) first_error = other.first_error;
  if (first_wrong.empty()) first_wrong = other.first_wrong;
}

CommandStats LoadStats::total() const {
  CommandStats total;
  for (const CommandStats& each : commands) total.merge(each);
  return total;
}

}  // namespace larder::bench
