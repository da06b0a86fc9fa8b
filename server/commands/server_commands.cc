// Commands about the server as a whole.
// Source: https://redis.io/commands/?group=server
#include <algorithm>
#include <string>

#include "base/clock.h"
#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/lolwut.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/version.h"

namespace larder {
namespace {

Status time(Call& call) {
  const int64_t now_us = call.clock_us();
  call.reply().array(2);
  call.reply().bulk(std::to_string(now_us / 1'000'000));
  call.reply().bulk(std::to_string(now_us % 1'000'000));
  return Status::ok();
}

// LOLWUT [VERSION n] [jars [shelves]]: one picture for all, and the version tools look for.
Status lolwut(Call& call) {
  constexpr int64_t kJarsMax = 16;
  constexpr int64_t kShelvesMax = 8;
  Args args(call);
  if (args.take("VERSION") && args.more()) (void)args.integer();
  const int64_t jars = args.more() ? std::clamp<int64_t>(args.integer(), 1, kJarsMax) : 8;
  const int64_t shelves = args.more() ? std::clamp<int64_t>(args.integer(), 1, kShelvesMax) : 2;
  if (!args.ok()) return args.error();
  std::string picture =
      draw_pantry(call.random(), static_cast<size_t>(jars), static_cast<size_t>(shelves));
  picture += "Larder ver. " + std::string(kLarderVersion);
  picture += ", as Redis ver. " + std::string(kRedisVersion) + "\n";
  call.reply().verbatim("txt", picture);
  return Status::ok();
}

constexpr Flag kOpen = Flag::loading | Flag::stale | Flag::fast;

constexpr auto kFamily = family({
    {.name = "TIME", .syntax = "", .summary = "Tells the server's time.", .since = "2.6.0",
     .complexity = "O(1)", .group = "server", .arity = exactly(1), .flags = kOpen,
     .acl = Acl::fast, .run = time},
    {.name = "LOLWUT", .syntax = "[VERSION version]", .summary = "Draws a pantry.",
     .since = "5.0.0", .complexity = "O(1)", .group = "server", .arity = at_least(1),
     .flags = Flag::readonly | Flag::fast, .acl = Acl::read | Acl::fast, .run = lolwut},
});

}  // namespace

std::span<const CommandSpec> server_commands() { return kFamily; }

}  // namespace larder
