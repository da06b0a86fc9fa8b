// CONFIG. Source: https://redis.io/commands/config-get/ and its siblings.
#include <set>
#include <string>
#include <vector>

#include "server/admin/families.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/activity.h"
#include "server/engine/answers.h"
#include "server/engine/errors.h"
#include "server/engine/registry.h"
#include "server/engine/replication.h"

namespace larder {
namespace {

Status get(Call& call) {
  std::vector<std::pair<std::string, std::string>> found;
  std::set<std::string> seen;
  for (size_t i = 2; i < call.arg_count(); ++i) {
    for (auto& option : call.services().configuration.matching(call.arg(i))) {
      if (seen.insert(lower_case(option.first)).second) found.push_back(std::move(option));
    }
  }
  call.reply().map(found.size());
  for (const auto& [name, value] : found) {
    call.reply().bulk(name);
    call.reply().bulk(value);
  }
  return Status::ok();
}

Status set(Call& call) {
  if (call.arg_count() % 2 != 0) return Status::error(errors::kSyntax);
  std::vector<Configuration::Assignment> assignments;
  for (size_t i = 2; i < call.arg_count(); i += 2) {
    assignments.push_back({call.arg(i), call.arg(i + 1)});
  }
  std::string error = call.services().configuration.set(assignments, call.session().from_loopback);
  if (!error.empty()) return Status::error(std::move(error));
  call.reply().ok();
  return Status::ok();
}

Status rewrite(Call& call) {
  std::string error = call.services().configuration.rewrite();
  if (!error.empty()) return Status::error(std::move(error));
  call.reply().ok();
  return Status::ok();
}

// Counters have one writer each, their worker, so each worker takes care of its own.
Status resetstat(Call& call) {
  Services& services = call.services();
  services.store.reset_counters();
  services.store.memory().reset_peak();
  services.error_stats.reset();
  services.access.log.reset_counts();
  if (services.replication != nullptr) services.replication->reset_counts();
  // The own counters at once, so that this very call is the first that counts again.
  WorkerStats* own = call.worker().stats;
  const size_t commands = services.registry.all().size();
  own->reset(commands);
  visit_workers(
      call,
      [own, commands](ClientsOfWorker& clients) {
        if (&clients.stats() != own) clients.stats().reset(commands);
      },
      [](ReplyWriter& reply) { reply.ok(); });
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(call, {
          "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
          "GET <pattern>",
          "    The options whose names match the glob-like pattern, with their values.",
          "SET <option> <value> [<option> <value> ...]",
          "    Changes options, all of them or none.",
          "RESETSTAT",
          "    Sets the counters of INFO back to zero.",
          "REWRITE",
          "    Writes the current values into the configuration file.",
          "HELP",
          "    This text."});
}

// SET may tell every shard (notify-keyspace-events, ttl-rules), so a transaction holds them all.
constexpr Flag kChanges = Flag::admin | Flag::noscript | Flag::loading | Flag::stale;
constexpr Flag kAdmin = kChanges | Flag::no_data;
constexpr Acl kDanger = Acl::admin | Acl::slow | Acl::dangerous;

constexpr auto kSubcommands = family({
    {.name = "GET", .syntax = "parameter [parameter ...]",
     .summary = "Tells the values of options.",
     .since = "2.0.0", .complexity = "O(N) where N is the number of options", .group = "server",
     .arity = at_least(3), .flags = kAdmin, .acl = kDanger, .run = get},
    {.name = "SET", .syntax = "parameter value [parameter value ...]",
     .summary = "Changes options of the running server.", .since = "2.0.0",
     .complexity = "O(N) where N is the number of options given", .group = "server",
     .arity = at_least(4), .flags = kChanges, .acl = kDanger, .run = set},
    {.name = "RESETSTAT", .syntax = "", .summary = "Sets the counters of INFO back to zero.",
     .since = "2.0.0", .complexity = "O(1)", .group = "server", .arity = exactly(2),
     .flags = kAdmin, .acl = kDanger, .run = resetstat},
    {.name = "REWRITE", .syntax = "", .summary = "Writes the options into the configuration file.",
     .since = "2.8.0", .complexity = "O(1)", .group = "server", .arity = exactly(2),
     .flags = kAdmin, .acl = kDanger, .run = rewrite},
    help_card("server", "5.0.0", Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("CONFIG", "A container for commands about options.", "2.0.0", "server",
                   kSubcommands),
});

}  // namespace

std::span<const CommandSpec> config_commands() { return kFamily; }

}  // namespace larder
