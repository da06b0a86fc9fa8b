// Commands about the server as a whole: time, roles of a lone primary.
// Source: https://redis.io/commands/?group=server
#include <algorithm>
#include <string>

#include "base/clock.h"
#include "base/numbers.h"
#include "server/commands/answers.h"
#include "server/commands/args.h"
#include "server/commands/families.h"
#include "server/commands/lolwut.h"
#include "server/commands/version.h"

namespace larder {
namespace {

Status time(Call& call) {
  const int64_t now_us = unix_us();
  call.reply().array(2);
  call.reply().bulk(std::to_string(now_us / 1'000'000));
  call.reply().bulk(std::to_string(now_us % 1'000'000));
  return Status::ok();
}

// LOLWUT [VERSION n] [jars [shelves]]: one picture for all versions.
Status lolwut(Call& call) {
  constexpr int64_t kJarsMax = 16;
  constexpr int64_t kShelvesMax = 8;
  Args args(call);
  if (args.take_with_value("VERSION")) (void)args.integer();
  const int64_t jars = args.more() ? std::clamp<int64_t>(args.integer(), 1, kJarsMax) : 8;
  const int64_t shelves = args.more() ? std::clamp<int64_t>(args.integer(), 1, kShelvesMax) : 2;
  if (!args.ok()) return args.error();
  call.reply().verbatim("txt", draw_pantry(call.random(), static_cast<size_t>(jars),
                                           static_cast<size_t>(shelves)) +
                                   "Larder ver. " + std::string(kLarderVersion) + "\n");
  return Status::ok();
}

Status role(Call& call) {
  call.reply().array(3);
  call.reply().bulk("master");
  call.reply().integer(0);
  call.reply().array(0);
  return Status::ok();
}

// Waits for replicas. There are none, so the answer is 0 after the time is over; at once when
// none were asked for.
class WaitTask : public Task {
 public:
  WaitTask(size_t numbers, int64_t until_ms) : numbers_(numbers), until_ms_(until_ms) {}
  Progress step(ReplyWriter& reply, int64_t now_ms) override {
    if (now_ms < until_ms_) return Progress::wait;
    answer(reply);
    return Progress::done;
  }
  int64_t wake_ms() const override { return until_ms_; }
  bool blocks() const override { return true; }
  bool unblock(ReplyWriter& reply, bool with_error) override {
    with_error ? reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK") : answer(reply);
    return true;
  }

 private:
  void answer(ReplyWriter& reply) {
    if (numbers_ == 1) return reply.integer(0);
    reply.array(numbers_);
    for (size_t i = 0; i < numbers_; ++i) reply.integer(0);
  }

  const size_t numbers_;
  const int64_t until_ms_;
};

void wait_for(Call& call, size_t numbers, bool nothing_wanted, int64_t timeout_ms) {
  constexpr int64_t kForever = INT64_MAX;
  const bool forever = timeout_ms == 0 || timeout_ms > kForever - call.now_ms();
  const int64_t until_ms =
      nothing_wanted ? call.now_ms() : forever ? kForever : call.now_ms() + timeout_ms;
  auto task = std::make_unique<WaitTask>(numbers, until_ms);
  if (task->step(call.reply(), call.now_ms()) == Task::Progress::wait) {
    call.start_task(std::move(task));
  }
}

Status wait(Call& call) {
  Args args(call);
  const int64_t replicas = args.integer();
  const int64_t timeout_ms = args.integer("ERR timeout is not an integer or out of range");
  if (args.ok() && timeout_ms < 0) args.fail("ERR timeout is negative");
  if (!args.ok()) return args.error();
  wait_for(call, 1, replicas <= 0, timeout_ms);
  return Status::ok();
}

Status waitaof(Call& call) {
  constexpr char kPositive[] = "ERR value is out of range, must be positive";
  Args args(call);
  const int64_t local = args.integer_in(0, 1, "ERR value is out of range, must be between 0 and 1");
  const int64_t replicas = args.integer_in(0, INT32_MAX, kPositive);
  const int64_t timeout_ms = args.integer("ERR timeout is not an integer or out of range");
  if (args.ok() && timeout_ms < 0) args.fail("ERR timeout is negative");
  if (!args.ok()) return args.error();
  if (local > 0) {
    return Status::error(
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  wait_for(call, 2, replicas == 0, timeout_ms);
  return Status::ok();
}

// What a replica tells its primary; a tool that asks gets what a lone primary answers.
Status replconf(Call& call) {
  if (call.arg_count() % 2 == 0) return Status::error(errors::kSyntax);
  for (size_t i = 1; i < call.arg_count(); i += 2) {
    const Bytes option = call.arg(i);
    const bool known = equals_upper(option, "LISTENING-PORT") || equals_upper(option, "CAPA") ||
                       equals_upper(option, "IP-ADDRESS") ||
                       equals_upper(option, "RDB-ONLY") || equals_upper(option, "RDB-FILTER-ONLY");
    if (!known) {
      return Status::error("ERR Unrecognized REPLCONF option: " + std::string(option));
    }
  }
  call.reply().ok();
  return Status::ok();
}

Status replicaof(Call& call) {
  if (equals_upper(call.arg(1), "NO") && equals_upper(call.arg(2), "ONE")) {
    call.reply().ok();
    return Status::ok();
  }
  return Status::error("ERR replication is not available in this version");
}

Status no_cluster(Call&) {
  return Status::error("ERR This instance has cluster support disabled");
}

Status readonly(Call& call) { return no_cluster(call); }
Status readwrite(Call& call) { return no_cluster(call); }
Status asking(Call& call) { return no_cluster(call); }
Status cluster(Call& call) { return no_cluster(call); }

constexpr Flag kOpen = Flag::loading | Flag::stale | Flag::fast;

constexpr auto kFamily = family({
    {.name = "TIME", .syntax = "", .summary = "Tells the server's time.", .since = "2.6.0",
     .complexity = "O(1)", .group = "server", .arity = exactly(1), .flags = kOpen,
     .acl = Acl::fast, .run = time},
    {.name = "LOLWUT", .syntax = "[VERSION version]", .summary = "Draws a pantry.",
     .since = "5.0.0", .complexity = "O(1)", .group = "server", .arity = at_least(1),
     .flags = Flag::readonly | Flag::fast, .acl = Acl::read | Acl::fast, .run = lolwut},
    {.name = "ROLE", .syntax = "", .summary = "Tells the role in replication.", .since = "2.8.12",
     .complexity = "O(1)", .group = "server", .arity = exactly(1),
     .flags = Flag::noscript | kOpen, .acl = Acl::fast | Acl::admin | Acl::dangerous,
     .run = role},
    {.name = "WAIT", .syntax = "numreplicas timeout",
     .summary = "Waits until replicas have the connection's writes.", .since = "3.0.0",
     .complexity = "O(1)", .group = "generic", .arity = exactly(3), .flags = Flag::noscript,
     .acl = Acl::slow | Acl::connection, .run = wait},
    {.name = "WAITAOF", .syntax = "numlocal numreplicas timeout",
     .summary = "Waits until disks have the connection's writes.", .since = "7.2.0",
     .complexity = "O(1)", .group = "generic", .arity = exactly(4), .flags = Flag::noscript,
     .acl = Acl::slow | Acl::connection, .run = waitaof},
    {.name = "REPLCONF", .syntax = "", .summary = "Configures the replication link.",
     .since = "3.0.0", .complexity = "O(1)", .group = "server", .arity = at_least(1),
     .flags = Flag::admin | Flag::noscript | Flag::loading | Flag::stale | Flag::allow_busy,
     .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = replconf},
    {.name = "REPLICAOF", .syntax = "<host port | NO ONE>",
     .summary = "Makes the server a replica, or a primary again.", .since = "5.0.0",
     .complexity = "O(1)", .group = "server", .arity = exactly(3),
     .flags = Flag::admin | Flag::noscript | Flag::stale | Flag::no_async_loading,
     .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = replicaof},
    {.name = "SLAVEOF", .syntax = "<host port | NO ONE>",
     .summary = "Makes the server a replica, or a primary again.", .since = "1.0.0",
     .complexity = "O(1)", .group = "server", .arity = exactly(3),
     .flags = Flag::admin | Flag::noscript | Flag::stale | Flag::no_async_loading,
     .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = replicaof,
     .deprecated_since = "5.0.0", .replaced_by = "`REPLICAOF`"},
    {.name = "READONLY", .syntax = "", .summary = "Allows reads from a cluster replica.",
     .since = "3.0.0", .complexity = "O(1)", .group = "cluster", .arity = exactly(1),
     .flags = kOpen, .acl = Acl::fast | Acl::connection, .run = readonly},
    {.name = "READWRITE", .syntax = "", .summary = "Ends what READONLY allowed.",
     .since = "3.0.0", .complexity = "O(1)", .group = "cluster", .arity = exactly(1),
     .flags = kOpen, .acl = Acl::fast | Acl::connection, .run = readwrite},
    {.name = "ASKING", .syntax = "", .summary = "Announces a request that follows a redirection.",
     .since = "3.0.0", .complexity = "O(1)", .group = "cluster", .arity = exactly(1),
     .flags = Flag::fast, .acl = Acl::fast | Acl::connection, .run = asking},
    {.name = "CLUSTER", .syntax = "", .summary = "A container for commands about the cluster.",
     .since = "3.0.0", .complexity = "Depends on subcommand.", .group = "cluster",
     .arity = at_least(2), .acl = Acl::slow, .run = cluster},
});

}  // namespace

std::span<const CommandSpec> server_commands() { return kFamily; }

}  // namespace larder
