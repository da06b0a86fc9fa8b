// The append-only file, as clients see it.
// Source: https://redis.io/docs/latest/commands/bgrewriteaof/
#include "server/engine/append_only.h"

#include "server/commands/families.h"
#include "server/engine/call.h"

namespace larder {
namespace {

Status bgrewriteaof(Call& call) {
  AppendOnly* file = call.services().append_only;
  if (file == nullptr) return Status::error("ERR This server keeps no files");
  switch (file->start_rewrite()) {
    case AppendOnly::Rewrite::started:
      call.reply().simple("Background append only file rewriting started");
      break;
    case AppendOnly::Rewrite::waits:
      call.reply().simple("Background append only file rewriting scheduled");
      break;
    case AppendOnly::Rewrite::runs_already:
      return Status::error("ERR Background append only file rewriting already in progress");
  }
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "BGREWRITEAOF", .syntax = "", .summary = "Writes the append-only file anew.",
     .since = "1.0.0", .complexity = "O(1)", .group = "server", .arity = exactly(1),
     .flags = Flag::admin | Flag::noscript | Flag::no_async_loading,
     .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = bgrewriteaof},
});

}  // namespace

std::span<const CommandSpec> append_only_commands() { return kFamily; }

}  // namespace larder
