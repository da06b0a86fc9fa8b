// Ways to answer that several commands share.
#pragma once

#include <functional>
#include <initializer_list>

#include "server/engine/call.h"
#include "server/engine/spec.h"

namespace larder {

// The lines of a HELP sub-command.
inline Status reply_help(Call& call, std::initializer_list<Bytes> lines) {
  call.reply().array(lines.size());
  for (const Bytes line : lines) call.reply().simple(line);
  return Status::ok();
}

// The card of a HELP sub-command.
constexpr CommandSpec help_card(Bytes group, Bytes since, Acl acl, Handler run) {
  return {.name = "HELP", .syntax = "", .summary = "Explains the sub-commands.", .since = since,
          .complexity = "O(1)", .group = group, .arity = exactly(2),
          .flags = Flag::loading | Flag::stale, .acl = acl, .run = run};
}

// The card of a container command.
constexpr CommandSpec container_card(Bytes name, Bytes summary, Bytes since, Bytes group,
                                     std::span<const CommandSpec> subcommands) {
  return {.name = name, .syntax = "", .summary = summary, .since = since,
          .complexity = "Depends on subcommand.", .group = group, .arity = at_least(2),
          .acl = Acl::slow, .subcommands = subcommands};
}

// Runs `visit` on every worker's thread, one after the other or at the same time, then `answer` on
// the client's own, which writes the reply. What both share must live in them.
void visit_workers(Call& call, std::function<void(ClientsOfWorker&)> visit,
                   std::function<void(ReplyWriter&)> answer);

}  // namespace larder
