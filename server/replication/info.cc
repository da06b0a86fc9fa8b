// INFO replication, with Redis's fields in Redis's order: Sentinel and tools read them.
// Source: https://redis.io/docs/latest/commands/info/
#include <algorithm>
#include <string>

#include "base/clock.h"
#include "server/engine/listeners.h"
#include "server/replication/replicator.h"

namespace larder {
namespace {

class Lines {
 public:
  Lines& add(Bytes name, Bytes value) {
    text_.append(name).append(":").append(value).append("\r\n");
    return *this;
  }
  Lines& add(Bytes name, int64_t value) { return add(name, Bytes(std::to_string(value))); }
  std::string text() { return std::move(text_); }

 private:
  std::string text_;
};

struct PrimaryFacts {
  PrimaryAddress address;
  Link* link;  // null: it is about to be made
  const ReplicationSettings& settings;
  int64_t offset;
};

void add_transfer(Lines& lines, const Link& link) {
  const auto total = static_cast<int64_t>(link.transfer_total());
  const auto bytes = static_cast<int64_t>(link.transfer_bytes());
  const double share =
      total > 0 ? 100.0 * static_cast<double>(bytes) / static_cast<double>(total) : 0;
  char percent[32];
  std::snprintf(percent, sizeof percent, "%.2f", share);
  lines.add("master_sync_total_bytes", total)
      .add("master_sync_read_bytes", bytes)
      .add("master_sync_left_bytes", std::max<int64_t>(total - bytes, 0))
      .add("master_sync_perc", Bytes(percent))
      .add("master_sync_last_io_seconds_ago", (steady_ms() - link.heard_ms()) / 1000);
}

void add_primary(Lines& lines, const PrimaryFacts& facts) {
  const Link* link = facts.link;
  const bool up = link != nullptr && link->is_up();
  const bool transfers = link != nullptr && link->transfers();
  lines.add("master_host", facts.address.host)
      .add("master_port", facts.address.port)
      .add("master_link_status", up ? "up" : "down")
      .add("master_last_io_seconds_ago", up ? (steady_ms() - link->heard_ms()) / 1000 : -1)
      .add("master_sync_in_progress", transfers ? 1 : 0)
      .add("slave_read_repl_offset", facts.offset)
      .add("slave_repl_offset", facts.offset);
  if (transfers) add_transfer(lines, *link);
  if (!up) {
    const int64_t since_ms = link == nullptr ? steady_ms() : link->down_since_ms();
    lines.add("master_link_down_since_seconds", (steady_ms() - since_ms) / 1000);
  }
  lines.add("slave_priority", facts.settings.priority.load())
      .add("slave_read_only", facts.settings.read_only.load() ? 1 : 0)
      .add("replica_announced", facts.settings.announced.load() ? 1 : 0);
}

std::string replica_line(const Replica& replica, int64_t now_ms) {
  const PrimaryAddress address = address_of(replica);
  const int64_t acked_ms = replica.acked_ms();
  const int64_t lag = acked_ms == 0 ? 0 : (now_ms - acked_ms) / 1000;
  return "ip=" + address.host + ",port=" + std::to_string(address.port) +
         ",state=" + name_of(replica.state()) +
         ",offset=" + std::to_string(replica.is_online() ? replica.acked() : 0) +
         ",lag=" + std::to_string(lag);
}

void add_replicas(Lines& lines, const std::vector<std::shared_ptr<Replica>>& replicas) {
  const int64_t now_ms = steady_ms();
  size_t number = 0;
  for (const auto& replica : replicas) {
    if (replica->state() == Replica::State::closed) continue;
    lines.add("slave" + std::to_string(number++), replica_line(*replica, now_ms));
  }
}

}  // namespace

std::string Replicator::info() {
  std::lock_guard lock(mutex_);
  const auto offset = static_cast<int64_t>(effects().end_offset());
  Lines lines;
  lines.add("role", wanted_ ? "slave" : "master");
  if (wanted_) add_primary(lines, {*wanted_, link_.get(), settings_, offset});
  lines.add("connected_slaves", static_cast<int64_t>(replicas_.size()));
  if (settings_.replicas_min.load() > 0 && settings_.lag_seconds_max.load() > 0) {
    lines.add("min_slaves_good_slaves", static_cast<int64_t>(good_replicas_locked()));
  }
  add_replicas(lines, replicas_);
  const bool backlog = has_backlog_;
  const auto first = static_cast<int64_t>(effects().begin_offset());
  lines.add("master_failover_state", failover_.name())
      .add("master_replid", history_.id)
      .add("master_replid2", history_.second_id)
      .add("master_repl_offset", offset)
      .add("second_repl_offset", history_.second_offset)
      .add("repl_backlog_active", backlog ? 1 : 0)
      .add("repl_backlog_size", settings_.backlog_bytes.load())
      .add("repl_backlog_first_byte_offset", backlog ? first + 1 : 0)
      .add("repl_backlog_histlen", backlog ? offset - first : 0);
  return lines.text();
}

}  // namespace larder
