// SLOWLOG and LATENCY: what took long. Source: https://redis.io/commands/slowlog-get/,
// https://redis.io/docs/management/optimization/latency-monitor/
#include <algorithm>
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/engine/activity.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/latency_buckets.h"
#include "server/engine/wrong_words.h"

namespace larder {
namespace {

Status slowlog_get(Call& call) {
  int64_t count = 10;
  if (call.arg_count() == 3) {
    const auto given = parse_int64(call.arg(2));
    if (!given || *given < -1) {
      return Status::error("ERR count should be greater than or equal to -1");
    }
    count = *given;
  } else if (call.arg_count() > 3) {
    return wrong_words(call);
  }
  const std::vector<SlowEntry> entries = call.services().slow_log.newest(count);
  ReplyWriter& reply = call.reply();
  reply.array(entries.size());
  for (const SlowEntry& entry : entries) {
    reply.array(6);
    reply.integer(static_cast<int64_t>(entry.id));
    reply.integer(entry.unix_seconds);
    reply.integer(entry.us);
    reply.array(entry.args.size());
    for (const std::string& arg : entry.args) reply.bulk(arg);
    reply.bulk(entry.client_address);
    reply.bulk(entry.client_name);
  }
  return Status::ok();
}

Status slowlog_len(Call& call) {
  call.reply().integer(static_cast<int64_t>(call.services().slow_log.size()));
  return Status::ok();
}

Status slowlog_reset(Call& call) {
  call.services().slow_log.reset();
  call.reply().ok();
  return Status::ok();
}

Status slowlog_help(Call& call) {
  return reply_help(call, {"SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "GET [<count>]",
                           "    The newest entries (10; -1: all): id, Unix time, microseconds,",
                           "    command, address and name of the client.",
                           "LEN", "    How many entries there are.",
                           "RESET", "    Removes all entries.",
                           "HELP", "    This text."});
}

void reply_sample(ReplyWriter& reply, const LatencyMonitor::Sample& sample) {
  reply.integer(sample.unix_seconds);
  reply.integer(sample.ms);
}

Status latency_latest(Call& call) {
  const auto all = call.services().latency.series();
  call.reply().array(all.size());
  for (const auto& [event, series] : all) {
    call.reply().array(4);
    call.reply().bulk(event);
    reply_sample(call.reply(), series.samples.back());
    call.reply().integer(series.max_ms);
  }
  return Status::ok();
}

Status latency_history(Call& call) {
  const auto all = call.services().latency.series();
  const auto found = all.find(std::string(call.arg(2)));
  if (found == all.end()) {
    call.reply().array(0);
    return Status::ok();
  }
  call.reply().array(found->second.samples.size());
  for (const LatencyMonitor::Sample& sample : found->second.samples) {
    call.reply().array(2);
    reply_sample(call.reply(), sample);
  }
  return Status::ok();
}

Status latency_reset(Call& call) {
  std::vector<std::string> events;
  for (size_t i = 2; i < call.arg_count(); ++i) events.emplace_back(call.arg(i));
  call.reply().integer(static_cast<int64_t>(call.services().latency.reset(events)));
  return Status::ok();
}

// Columns of at most eight rows; the highest sample reaches the top.
Status latency_graph(Call& call) {
  const std::string event(call.arg(2));
  const auto all = call.services().latency.series();
  const auto found = all.find(event);
  if (found == all.end()) {
    return Status::error("ERR No samples available for event '" + event + "'");
  }
  constexpr int64_t kRows = 8;
  const auto& samples = found->second.samples;
  const auto by_ms = [](const auto& a, const auto& b) { return a.ms < b.ms; };
  const int64_t high = std::max_element(samples.begin(), samples.end(), by_ms)->ms;
  const int64_t low = std::min_element(samples.begin(), samples.end(), by_ms)->ms;
  std::string text = event + " - high " + std::to_string(high) + " ms, low " +
                     std::to_string(low) + " ms (all time high " +
                     std::to_string(found->second.max_ms) + " ms)\n" + std::string(60, '-') + "\n";
  for (int64_t row = kRows; row > 0; --row) {
    for (const LatencyMonitor::Sample& sample : samples) {
      text += sample.ms * kRows >= row * std::max<int64_t>(high, 1) ? '#' : ' ';
    }
    text += '\n';
  }
  call.reply().verbatim("txt", text);
  return Status::ok();
}

Status latency_doctor(Call& call) {
  const auto all = call.services().latency.series();
  std::string text;
  if (call.settings().latency_ms_min.load() == 0) {
    text = "Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> turns "
           "it on: events that take that long are recorded then.\n";
  } else if (all.empty()) {
    text = "No latency spike was seen so far.\n";
  }
  for (const auto& [event, series] : all) {
    int64_t sum = 0;
    for (const auto& sample : series.samples) sum += sample.ms;
    text += event + ": " + std::to_string(series.samples.size()) + " spikes, average " +
            std::to_string(sum / static_cast<int64_t>(series.samples.size())) + " ms, worst " +
            std::to_string(series.max_ms) + " ms. SLOWLOG GET names slow commands.\n";
  }
  call.reply().verbatim("txt", text);
  return Status::ok();
}

struct Calls {
  uint64_t total = 0;
  std::vector<std::pair<uint64_t, uint64_t>> up_to_us;  // bound, calls up to it
};

Calls histogram_of(Workers& workers, const Command& command) {
  Calls calls;
  for (size_t bucket = 0; bucket < CommandStats::kBuckets; ++bucket) {
    uint64_t count = 0;
    for (size_t i = 0; i < workers.count(); ++i) {
      count += workers.stats(i).commands[command.id].latency[bucket].get();
    }
    if (count == 0) continue;
    calls.total += count;
    calls.up_to_us.emplace_back(latency_bucket_us_max(bucket), calls.total);
  }
  return calls;
}

Status latency_histogram(Call& call) {
  std::vector<const Command*> wanted;
  for (const auto& command : call.services().registry.all()) {
    bool named = call.arg_count() == 2;
    for (size_t i = 2; i < call.arg_count(); ++i) {
      const std::string name = lower_case(call.arg(i));
      named |= command->name == name ||
               (command->parent != nullptr && command->parent->name == name);
    }
    if (named) wanted.push_back(command.get());
  }
  ReplyWriter& reply = call.reply();
  const size_t mark = reply.open();
  size_t count = 0;
  for (const Command* command : wanted) {
    const Calls calls = histogram_of(call.services().workers, *command);
    if (calls.total == 0) continue;
    ++count;
    reply.bulk(command->name);
    reply.map(2);
    reply.bulk("calls");
    reply.integer(static_cast<int64_t>(calls.total));
    reply.bulk("histogram_usec");
    reply.map(calls.up_to_us.size());
    for (const auto& [us, total] : calls.up_to_us) {
      reply.integer(static_cast<int64_t>(us));
      reply.integer(static_cast<int64_t>(total));
    }
  }
  reply.close_map(mark, count);
  return Status::ok();
}

Status latency_help(Call& call) {
  return reply_help(call, {"LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "DOCTOR", "    What the recorded spikes say.",
                           "GRAPH <event>", "    A picture of an event's samples.",
                           "HISTORY <event>", "    Time and milliseconds of an event's samples.",
                           "LATEST", "    The last and the worst sample of each event.",
                           "RESET [<event> ...]", "    Forgets the samples of these or all events.",
                           "HISTOGRAM [COMMAND ...]",
                           "    Calls by microseconds, for these or all commands.",
                           "HELP", "    This text."});
}

constexpr Flag kAdmin = Flag::admin | Flag::noscript | Flag::loading | Flag::stale;
constexpr Acl kDanger = Acl::admin | Acl::slow | Acl::dangerous;

constexpr CommandSpec sub(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                          Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since,
          .complexity = "O(N) where N is the number of entries", .group = "server",
          .arity = arity, .flags = kAdmin, .acl = kDanger, .run = run};
}

constexpr CommandSpec slow(Bytes name, Bytes syntax, Bytes summary, int arity, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = "2.2.12",
          .complexity = "O(N) where N is the number of entries", .group = "server",
          .arity = arity, .flags = Flag::admin | Flag::loading | Flag::stale, .acl = kDanger,
          .run = run};
}

constexpr auto kSlowlog = family({
    slow("GET", "[count]", "Lists the newest slow commands.", at_least(2), slowlog_get),
    slow("LEN", "", "Counts the slow commands kept.", exactly(2), slowlog_len),
    slow("RESET", "", "Forgets the slow commands.", exactly(2), slowlog_reset),
    help_card("server", "6.2.0", Acl::slow, slowlog_help),
});

constexpr auto kLatency = family({
    sub("LATEST", "", "Tells the last spike of each event.", "2.8.13", exactly(2), latency_latest),
    sub("HISTORY", "event", "Lists the spikes of an event.", "2.8.13", exactly(3),
        latency_history),
    sub("RESET", "[event [event ...]]", "Forgets spikes.", "2.8.13", at_least(2), latency_reset),
    sub("GRAPH", "event", "Draws the spikes of an event.", "2.8.13", exactly(3), latency_graph),
    sub("DOCTOR", "", "Says what the spikes mean.", "2.8.13", exactly(2), latency_doctor),
    sub("HISTOGRAM", "[command [command ...]]", "Counts the calls of commands by duration.",
        "7.0.0", at_least(2), latency_histogram),
    help_card("server", "2.8.13", Acl::slow, latency_help),
});

constexpr auto kFamily = family({
    container_card("SLOWLOG", "A container for commands about the slow log.", "2.2.12", "server",
                   kSlowlog),
    container_card("LATENCY", "A container for commands about latency.", "2.8.13", "server",
                   kLatency),
});

}  // namespace

std::span<const CommandSpec> activity_commands() { return kFamily; }

}  // namespace larder
