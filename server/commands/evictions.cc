// EVICTION: what the eviction policy does, and what another policy or size would do. STICK: keys
// that are never evicted.
#include <algorithm>
#include <cstdio>

#include "server/commands/eviction_advice.h"
#include "server/commands/families.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/errors.h"

namespace larder {
namespace {

Status no_advice() {
  return Status::error(
      "ERR no advice yet: it needs maxmemory to be set, an eighth of it to be "
      "used, and some reads");
}

void write_point(ReplyWriter& reply, const Advice& advice, const Estimate& point) {
  reply.map(5);
  reply.bulk("policy");
  reply.bulk(point.policy);
  reply.bulk("factor");
  reply.number(point.factor);
  reply.bulk("memory");
  reply.integer(advice.bytes_at(point.factor));
  reply.bulk("hit-ratio");
  reply.number(point.hit_ratio);
  reply.bulk("byte-hit-ratio");
  reply.number(point.byte_hit_ratio);
}

std::string json_number(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.4f", value);
  return digits;
}

std::string json_points(const Advice& advice, const std::vector<Estimate>& points) {
  std::string text = "[";
  for (const Estimate& point : points) {
    if (text.size() > 1) text += ',';
    text.append("{\"policy\":\"").append(point.policy);
    text.append("\",\"factor\":").append(json_number(point.factor));
    text.append(",\"memory\":").append(std::to_string(advice.bytes_at(point.factor)));
    text.append(",\"hit_ratio\":").append(json_number(point.hit_ratio));
    text.append(",\"byte_hit_ratio\":").append(json_number(point.byte_hit_ratio)).append("}");
  }
  return text + "]";
}

std::string json_advice(const Advice& advice) {
  std::string policies;
  for (const Estimate& each : advice.facts.estimates) {
    if (each.factor != 1) continue;
    policies +=
        (policies.empty() ? "\"" : ",\"") + each.policy + "\":" + json_number(advice.ratio(each));
  }
  return "{\"policy\":\"" + advice.policy + "\",\"setting\":\"" + advice.facts.setting +
         "\",\"setting_changes\":" + std::to_string(advice.facts.changes) +
         ",\"sampled_reads\":" + std::to_string(static_cast<int64_t>(advice.facts.sampled_reads)) +
         ",\"hit_ratio_by_policy\":{" + policies +
         "},\"curve\":" + json_points(advice, advice.curve(advice.policy)) +
         ",\"recommended_policy\":\"" + advice.best_policy() +
         "\",\"recommended_memory\":" + std::to_string(advice.bytes_at(advice.best_factor())) + "}";
}

Status advise(Call& call) {
  Args args(call);
  const bool json = args.more() && args.take("JSON");
  if (args.more()) args.reject();
  if (!args.ok()) return args.error();
  const Advice advice = advice_of(call.services());
  if (advice.facts.sampled_reads == 0) return no_advice();
  ReplyWriter& reply = call.reply();
  if (json) {
    reply.bulk(json_advice(advice));
    return Status::ok();
  }
  reply.map(8);
  reply.bulk("policy");
  reply.bulk(advice.policy);
  reply.bulk("setting");
  reply.bulk(advice.facts.setting);
  reply.bulk("setting-changes");
  reply.integer(static_cast<int64_t>(advice.facts.changes));
  reply.bulk("sampled-reads");
  reply.integer(static_cast<int64_t>(advice.facts.sampled_reads));
  reply.bulk("hit-ratio-by-policy");
  const auto present = std::count_if(advice.facts.estimates.begin(), advice.facts.estimates.end(),
                                     [](const Estimate& each) { return each.factor == 1; });
  reply.map(static_cast<size_t>(present));
  for (const Estimate& each : advice.facts.estimates) {
    if (each.factor != 1) continue;
    reply.bulk(each.policy);
    reply.number(advice.ratio(each));
  }
  reply.bulk("curve");
  const std::vector<Estimate> points = advice.curve(advice.policy);
  reply.array(points.size());
  for (const Estimate& point : points) write_point(reply, advice, point);
  reply.bulk("recommended-policy");
  reply.bulk(advice.best_policy());
  reply.bulk("recommended-memory");
  reply.integer(advice.bytes_at(advice.best_factor()));
  return Status::ok();
}

Status curve(Call& call) {
  Args args(call);
  bool json = args.more() && args.take("JSON");
  const bool named = !json && args.more();
  const std::string asked = named ? std::string(args.bytes()) : "";
  json |= args.more() && args.take("JSON");
  if (args.more()) args.reject();
  if (!args.ok()) return args.error();
  if (named && find_policy_maker(asked) == nullptr) {
    return Status::error("ERR no such policy, but: " + eviction_policy_names());
  }
  const Advice advice = advice_of(call.services());
  if (advice.facts.sampled_reads == 0) return no_advice();
  const std::vector<Estimate> points = advice.curve(named ? asked : advice.policy);
  if (json) {
    call.reply().bulk(json_points(advice, points));
    return Status::ok();
  }
  call.reply().array(points.size());
  for (const Estimate& point : points) write_point(call.reply(), advice, point);
  return Status::ok();
}

std::string json_history(const std::vector<PolicyChange>& changes) {
  std::string text = "[";
  for (const PolicyChange& change : changes) {
    if (text.size() > 1) text += ',';
    text.append("{\"time\":").append(std::to_string(change.time_ms));
    text.append(",\"from\":\"").append(change.from).append("\",\"to\":\"").append(change.to);
    text.append("\",\"because\":\"").append(change.because).append("\"}");
  }
  return text + "]";
}

Status history(Call& call) {
  Args args(call);
  const bool json = args.more() && args.take("JSON");
  if (args.more()) args.reject();
  if (!args.ok()) return args.error();
  const std::vector<PolicyChange> changes = call.store().eviction_history();
  ReplyWriter& reply = call.reply();
  if (json) {
    reply.bulk(json_history(changes));
    return Status::ok();
  }
  reply.array(changes.size());
  for (const PolicyChange& change : changes) {
    reply.map(4);
    reply.bulk("time");
    reply.integer(change.time_ms);
    reply.bulk("from");
    reply.bulk(change.from);
    reply.bulk("to");
    reply.bulk(change.to);
    reply.bulk("because");
    reply.bulk(change.because);
  }
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(
      call, {"EVICTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "ADVISE [JSON]",
             "    Estimated hit ratios of policies and memory sizes, and what to choose.",
             "CURVE [<policy>] [JSON]",
             "    Estimated hit ratios from an eighth to eight times maxmemory.", "HISTORY [JSON]",
             "    What the adaptive policy changed to, when and why.", "HELP", "    This text."});
}

Status stick(Call& call) {
  int64_t stuck = 0;
  for (size_t i = 1; i < call.arg_count(); ++i) {
    const Key key = call.key(i);
    const Item item = call.find_to_write(key);
    if (!item || item->is(Entry::kSticky)) continue;
    call.keyspace(key).set_sticky(item, true);
    call.changed("stick", key);
    ++stuck;
  }
  call.reply().integer(stuck);
  return Status::ok();
}

constexpr CommandSpec about_eviction(Bytes name, Bytes syntax, Bytes summary, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = "7.2.0",
          .complexity = "O(1)",
          .group = "server",
          .arity = at_least(2),
          .flags = Flag::admin | Flag::noscript | Flag::loading | Flag::stale,
          .acl = Acl::admin | Acl::slow | Acl::dangerous,
          .run = run};
}

constexpr auto kSubcommands = family({
    about_eviction("ADVISE", "[JSON]",
                   "Estimates the hit ratio of other policies and memory sizes.", advise),
    about_eviction("CURVE", "[policy] [JSON]", "Estimates the hit ratio at other memory sizes.",
                   curve),
    about_eviction("HISTORY", "[JSON]", "Tells what the adaptive policy changed to and why.",
                   history),
    help_card("server", "7.2.0", Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("EVICTION", "A container for commands about eviction.", "7.2.0", "server",
                   kSubcommands),
    {.name = "STICK",
     .syntax = "key [key ...]",
     .summary = "Excepts keys from eviction for as long as they exist.",
     .since = "7.2.0",
     .complexity = "O(N) where N is the number of keys",
     .group = "generic",
     .arity = at_least(2),
     .flags = Flag::write | Flag::fast,
     .keys = keys_from(1, -1, 1, KeyUse::read_write_update),
     .acl = Acl::keyspace | Acl::write | Acl::fast,
     .run = stick},
});

}  // namespace

std::span<const CommandSpec> eviction_commands() { return kFamily; }

}  // namespace larder
