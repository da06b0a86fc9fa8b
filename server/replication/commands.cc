// Roles, what replicas say to their primary, and waiting for them.
// Source: https://redis.io/docs/latest/commands/?group=server and what redis-server 7.2 answers.
#include "server/replication/commands.h"

#include <algorithm>
#include <string>

#include "base/clock.h"
#include "base/numbers.h"
#include "base/quoting.h"
#include "server/engine/append_only.h"
#include "server/engine/args.h"
#include "server/engine/blocking.h"
#include "server/engine/call.h"
#include "server/engine/listeners.h"
#include "server/replication/handshake.h"
#include "server/replication/primary_stream.h"
#include "server/replication/replicator.h"

namespace larder {
namespace {

// Null in a server without the rest (unit tests).
Replicator* replicator_of(Call& call) {
  return static_cast<Replicator*>(call.services().replication);
}

Status not_available() { return Status::error("ERR replication is not available here"); }

// Answers once something asked of another thread is done.
class DoneTask : public Task {
 public:
  using Answer = std::function<void(ReplyWriter&)>;
  DoneTask(std::shared_ptr<std::atomic<bool>> done, Answer answer)
      : done_(std::move(done)), answer_(std::move(answer)) {}
  Progress step(ReplyWriter& reply, int64_t) override {
    if (!done_->load()) return Progress::wait;
    answer_(reply);
    return Progress::done;
  }
  bool only_asks() const override { return true; }

 private:
  std::shared_ptr<std::atomic<bool>> done_;
  Answer answer_;
};

// Changes the role and then answers. In a transaction that is when EXEC has given its locks back.
void change_role(Call& call, const Replicator::RoleChange& change, DoneTask::Answer answer) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  auto tell = [done, waker = call.waker(), worker = call.worker().index,
               &workers = call.services().workers] {
    done->store(true);
    workers.visit(worker, [waker](ClientsOfWorker&) {
      if (waker != nullptr) waker->wake();
    });
  };
  replicator_of(call)->change_role(change, std::move(tell));
  call.start_task(std::make_unique<DoneTask>(std::move(done), std::move(answer)));
}

Status replicaof(Call& call) {
  Replicator* replicator = replicator_of(call);
  if (replicator == nullptr) return not_available();
  if (replicator->fails_over()) {
    return Status::error("ERR REPLICAOF not allowed while failing over.");
  }
  const auto ok = [](ReplyWriter& reply) { reply.ok(); };
  const Replicator::Primary now = replicator->primary();
  if (equals_upper(call.arg(1), "NO") && equals_upper(call.arg(2), "ONE")) {
    call.services().configuration.note("replicaof", "");
    now ? change_role(call, {}, ok) : call.reply().ok();
    return Status::ok();
  }
  const StreamEnd* stream = call.session().stream.get();
  if (stream != nullptr && stream->kind() == StreamEnd::Kind::replica) {
    return Status::error("ERR Command is not valid when client is a replica.");
  }
  constexpr int64_t kPortMax = 65535;
  const auto port = parse_int64(call.arg(2));
  if (!port || *port < 0 || *port > kPortMax) return Status::error("ERR Invalid master port");
  const PrimaryAddress wanted{std::string(call.arg(1)), static_cast<uint16_t>(*port)};
  if (now && *now == wanted) {
    call.reply().simple("OK Already connected to specified master");
    return Status::ok();
  }
  call.services().configuration.note("replicaof", wanted.host + " " + std::string(call.arg(2)));
  change_role(call, {.primary = wanted}, ok);
  return Status::ok();
}

const char* state_name(const Replicator::RoleFacts& facts) {
  switch (facts.link) {
    case Link::State::waiting: return "connect";
    case Link::State::connecting: return "connecting";
    case Link::State::shaking_hands: return "handshake";
    case Link::State::receiving:
    case Link::State::loading: return "sync";
    case Link::State::connected: return "connected";
  }
  return "none";
}

Status role(Call& call) {
  Replicator* replicator = replicator_of(call);
  if (replicator == nullptr) return not_available();
  const Replicator::RoleFacts facts = replicator->role();
  ReplyWriter& reply = call.reply();
  if (facts.primary) {
    reply.array(5);
    reply.bulk("slave");
    reply.bulk(facts.primary->host);
    reply.integer(facts.primary->port);
    reply.bulk(state_name(facts));
    reply.integer(facts.link_up ? static_cast<int64_t>(facts.offset) : -1);
    return Status::ok();
  }
  reply.array(3);
  reply.bulk("master");
  reply.integer(static_cast<int64_t>(facts.offset));
  reply.array(facts.replicas.size());
  for (const auto& replica : facts.replicas) {
    const PrimaryAddress address = address_of(*replica);
    reply.array(3);
    reply.bulk(address.host);
    reply.bulk(std::to_string(address.port));
    reply.bulk(std::to_string(replica->acked()));
  }
  return Status::ok();
}

// An acknowledgement is not answered, whoever sends it.
void take_ack(Call& call) {
  const StreamEnd* stream = call.session().stream.get();
  const auto offset = parse_int64(call.arg(2));
  const bool on_disk = call.arg_count() > 4 && equals_upper(call.arg(3), "FACK");
  const auto disk_offset = on_disk ? parse_int64(call.arg(4)) : std::optional<int64_t>(0);
  if (stream == nullptr || stream->kind() != StreamEnd::Kind::replica) return;
  if (!offset || *offset < 0 || !disk_offset || *disk_offset < 0) return;
  Replicator& replicator = *replicator_of(call);
  replicator.acknowledge(*replicator.replica_of(call), static_cast<uint64_t>(*offset),
                         static_cast<uint64_t>(*disk_offset));
}

// Words of what the file shall have, and nothing else; no word: only its facts.
Status read_parts(Bytes words, SnapshotParts& parts) {
  const auto names = split_line(words);
  if (!names) return Status::error("ERR Missing rdb-filter-only values");
  parts = {.keys = false, .functions = false};
  for (const std::string& name : *names) {
    if (!equals_upper(name, "FUNCTIONS")) {
      return Status::error("ERR Unsupported rdb-filter-only option: " + name);
    }
    parts.functions = true;
  }
  return Status::ok();
}

// It has a stream to give; what else it may say of itself must not take that one's place.
bool comes_from_primary(Call& call) {
  const StreamEnd* stream = call.session().stream.get();
  return stream != nullptr && stream->kind() == StreamEnd::Kind::primary;
}

Status no_replica() {
  return Status::error("ERR Command is not valid when client is the primary.");
}

Status note_fact(Call& call, size_t at) {
  constexpr size_t kHostBytesMax = 255;
  const Bytes option = call.arg(at);
  const Bytes value = call.arg(at + 1);
  Replicator& replicator = *replicator_of(call);
  const auto change = [&](auto act) { replicator.replica_of(call)->change_facts(act); };
  if (equals_upper(option, "LISTENING-PORT")) {
    const auto port = parse_int64(value);
    if (!port) return Status::error(errors::kNotInteger);
    change([&](Replica::Facts& facts) { facts.port = *port; });
  } else if (equals_upper(option, "IP-ADDRESS")) {
    if (value.size() > kHostBytesMax) {
      return Status::error("ERR REPLCONF ip-address provided by replica instance is too long: " +
                           std::to_string(value.size()) + " bytes");
    }
    change([&](Replica::Facts& facts) { facts.ip = value.empty() ? Bytes(facts.peer_ip) : value; });
  } else if (equals_upper(option, "CAPA")) {
    change([&](Replica::Facts& facts) {
      facts.by_mark |= equals_upper(value, "EOF");
      facts.continues |= equals_upper(value, "PSYNC2");
      facts.gives_tail |= value == kTailCapability;
      facts.heir |= value == kHeirCapability;
    });
  } else if (equals_upper(option, "VERSION")) {
    change([&](Replica::Facts& facts) { facts.version = value; });
  } else if (equals_upper(option, "RDB-ONLY")) {
    const auto on = parse_int64(value);
    if (!on || *on < 0 || *on > 1) {
      return Status::error("ERR value is out of range, value must between 0 and 1");
    }
    change([&](Replica::Facts& facts) { facts.file_only = *on == 1; });
  } else if (equals_upper(option, "RDB-FILTER-ONLY")) {
    SnapshotParts parts;
    if (Status refused = read_parts(value, parts); !refused.is_ok()) return refused;
    change([&](Replica::Facts& facts) { facts.parts = parts; });
  } else {
    return Status::error("ERR Unrecognized REPLCONF option: " + std::string(option));
  }
  return Status::ok();
}

Status replconf(Call& call) {
  if (call.arg_count() % 2 == 0) return Status::error(errors::kSyntax);
  if (replicator_of(call) == nullptr) return not_available();
  for (size_t i = 1; i < call.arg_count(); i += 2) {
    if (equals_upper(call.arg(i), "ACK")) {
      take_ack(call);
      return Status::ok();
    }
    if (equals_upper(call.arg(i), "GETACK")) {
      if (comes_from_primary(call)) {
        static_cast<PrimaryStream&>(*call.session().stream).owe_ack();
      }
      return Status::ok();
    }
    if (comes_from_primary(call)) return no_replica();
    if (Status refused = note_fact(call, i); !refused.is_ok()) return refused;
  }
  call.reply().ok();
  return Status::ok();
}

Status sync(Call& call) {
  Replicator* replicator = replicator_of(call);
  if (replicator == nullptr) return not_available();
  if (comes_from_primary(call)) return no_replica();
  return replicator->sync(replicator->replica_of(call), {.id = "?", .old_style = true});
}

// The other side is the primary that hands over: this server leads first, then serves it.
Status take_over(Call& call, const Replicator::SyncRequest& request) {
  Replicator& replicator = *replicator_of(call);
  if (!replicator.primary()) {
    return Status::error("ERR PSYNC FAILOVER can't be sent to a master.");
  }
  if (!replicator.follows_stream(request.id)) {
    return Status::error("ERR PSYNC FAILOVER replid must match my replid.");
  }
  call.services().configuration.note("replicaof", "");
  const std::shared_ptr<Replica> replica = replicator.replica_of(call);
  change_role(call, {.complete = true}, [&replicator, replica, request](ReplyWriter& reply) {
    const Status refused = replicator.sync(replica, request);
    if (!refused.is_ok()) reply.error(refused.text());
  });
  return Status::ok();
}

Status psync(Call& call) {
  Replicator* replicator = replicator_of(call);
  if (replicator == nullptr) return not_available();
  if (comes_from_primary(call)) return no_replica();
  const auto next = parse_int64(call.arg(2));
  if (!next) return Status::error(errors::kNotInteger);
  const Replicator::SyncRequest request{.id = std::string(call.arg(1)), .next = *next};
  if (call.arg_count() > 3 && equals_upper(call.arg(3), "FAILOVER")) {
    return take_over(call, request);
  }
  return replicator->sync(replicator->replica_of(call), request);
}

constexpr const char* kNoFile =
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

bool has_file(const Services& services) {
  return services.append_only != nullptr && services.append_only->facts().enabled;
}

struct WaitWish {
  int64_t replicas = 0;
  bool on_disk = false;   // WAITAOF
  int64_t local = 0;      // it wants this server's disk, too
  uint64_t offset = 0;    // of the client's last write
};

// Waits until so many replicas have the client's writes.
class WaitTask : public Task {
 public:
  WaitTask(Services& services, Replicator& replicator, const WaitWish& wish, int64_t until_ms)
      : services_(services), replicator_(replicator), wish_(wish), until_ms_(until_ms) {}

  Progress step(ReplyWriter& reply, int64_t now_ms) override {
    if (wish_.local > 0 && !has_file(services_)) {
      reply.error(kNoFile);
      return Progress::done;
    }
    if (!is_done() && now_ms < until_ms_) return Progress::wait;
    answer(reply);
    return Progress::done;
  }
  int64_t wake_ms() const override { return until_ms_; }
  bool blocks() const override { return true; }
  bool unblock(ReplyWriter& reply, const char* error) override {
    error != nullptr ? reply.error(error) : answer(reply);
    return true;
  }
  void watch(std::shared_ptr<void> watcher) { watchers_.push_back(std::move(watcher)); }

 private:
  int64_t local() const {
    if (!has_file(services_)) return 0;
    return services_.listeners.safe_point.on_disk() >= wish_.offset ? 1 : 0;
  }
  int64_t replicas() const {
    return static_cast<int64_t>(replicator_.count_acked(wish_.offset, wish_.on_disk));
  }
  bool is_done() const {
    return replicas() >= wish_.replicas && (wish_.local == 0 || local() >= wish_.local);
  }
  void answer(ReplyWriter& reply) {
    if (!wish_.on_disk) return reply.integer(replicas());
    reply.array(2);
    reply.integer(local());
    reply.integer(replicas());
  }

  Services& services_;
  Replicator& replicator_;
  const WaitWish wish_;
  const int64_t until_ms_;
  std::vector<std::shared_ptr<void>> watchers_;
};

void wait_for(Call& call, WaitWish wish, int64_t until_ms) {
  if (call.is_nested()) until_ms = call.now_ms();
  wish.offset = call.session().effect_end;
  Replicator& replicator = *replicator_of(call);
  auto task = std::make_unique<WaitTask>(call.services(), replicator, wish, until_ms);
  if (task->step(call.reply(), call.now_ms()) == Task::Progress::done) return;
  const auto look_again = [waker = call.waker(), worker = call.worker().index,
                           &workers = call.services().workers] {
    workers.visit(worker, [waker](ClientsOfWorker&) { waker->wake(); });
  };
  task->watch(replicator.watch_acks(look_again));
  if (wish.local > 0) {
    task->watch(call.services().append_only->watch(look_again));
    look_again();  // the disk may have been done before it was watched
  }
  call.start_task(std::move(task));
}

Status wait(Call& call) {
  Args args(call);
  const int64_t replicas = args.integer();
  const int64_t until_ms = take_timeout_ms(args, call.now_ms());
  if (!args.ok()) return args.error();
  if (replicator_of(call) == nullptr) return not_available();
  if (replicator_of(call)->primary()) {
    return Status::error(
        "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if "
        "a replica is configured to be writable (which is not the default) writes to replicas are "
        "just local and are not propagated.");
  }
  wait_for(call, {.replicas = replicas}, until_ms);
  return Status::ok();
}

Status waitaof(Call& call) {
  static constexpr char kPositive[] = "ERR value is out of range, must be positive";
  Args args(call);
  const int64_t local =
      args.integer_in(0, 1, "ERR value is out of range, value must between 0 and 1");
  const int64_t replicas = args.integer_in(0, INT32_MAX, kPositive);
  const int64_t until_ms = take_timeout_ms(args, call.now_ms());
  if (!args.ok()) return args.error();
  if (replicator_of(call) == nullptr) return not_available();
  if (replicator_of(call)->primary()) {
    return Status::error(
        "ERR WAITAOF cannot be used with replica instances. Please also note that writes to "
        "replicas are just local and are not propagated.");
  }
  if (local > 0 && !has_file(call.services())) return Status::error(kNoFile);
  wait_for(call, {.replicas = replicas, .on_disk = true, .local = local}, until_ms);
  return Status::ok();
}

Status failover(Call& call) {
  Args args(call);
  FailoverPlan plan;
  bool abort = false;
  while (args.more()) {
    if (args.take_with_value("TIMEOUT") && plan.timeout_ms == 0) {
      plan.timeout_ms = args.integer();
      if (args.ok() && plan.timeout_ms <= 0) {
        args.fail("ERR FAILOVER timeout must be greater than 0");
      }
    } else if (args.take("ABORT")) {
      abort = true;
    } else if (!plan.target && args.left() >= 3 && args.take("TO")) {
      const Bytes host = args.bytes();
      const int64_t port = args.integer();
      plan.target = PrimaryAddress{std::string(host), static_cast<uint16_t>(port)};
    } else if (args.take("FORCE")) {
      plan.force = true;
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  if (abort && call.arg_count() > 2) return Status::error(errors::kSyntax);
  Replicator* replicator = replicator_of(call);
  if (replicator == nullptr) return not_available();
  Status refused = abort ? replicator->abort_failover() : replicator->start_failover(plan);
  if (!refused.is_ok()) return refused;
  call.reply().ok();
  return Status::ok();
}

constexpr Flag kAdmin = Flag::admin | Flag::noscript;
constexpr Acl kDanger = Acl::admin | Acl::slow | Acl::dangerous;

constexpr auto kFamily = family({
    {.name = "ROLE", .syntax = "", .summary = "Tells the role in replication.", .since = "2.8.12",
     .complexity = "O(1)", .group = "server", .arity = exactly(1),
     .flags = Flag::noscript | Flag::loading | Flag::stale | Flag::fast,
     .acl = Acl::fast | Acl::admin | Acl::dangerous, .run = role},
    {.name = "WAIT", .syntax = "numreplicas timeout",
     .summary = "Waits until replicas have the connection's writes.", .since = "3.0.0",
     .complexity = "O(1)", .group = "generic", .arity = exactly(3),
     .acl = Acl::slow | Acl::connection, .run = wait},
    {.name = "WAITAOF", .syntax = "numlocal numreplicas timeout",
     .summary = "Waits until disks have the connection's writes.", .since = "7.2.0",
     .complexity = "O(1)", .group = "generic", .arity = exactly(4),
     .acl = Acl::slow | Acl::connection, .run = waitaof},
    {.name = "REPLCONF", .syntax = "", .summary = "Configures the replication link.",
     .since = "3.0.0", .complexity = "O(1)", .group = "server", .arity = at_least(1),
     .flags = kAdmin | Flag::loading | Flag::stale | Flag::allow_busy, .acl = kDanger,
     .run = replconf},
    {.name = "PSYNC", .syntax = "replicationid offset",
     .summary = "Begins or takes up a replication stream.", .since = "2.8.0",
     .complexity = "O(N) where N is the number of keys", .group = "server",
     .arity = at_least(3), .flags = kAdmin | Flag::no_async_loading | Flag::no_multi,
     .acl = kDanger, .run = psync},
    {.name = "SYNC", .syntax = "", .summary = "Begins a replication stream.", .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys", .group = "server", .arity = exactly(1),
     .flags = kAdmin | Flag::no_async_loading | Flag::no_multi, .acl = kDanger, .run = sync},
    {.name = "FAILOVER", .syntax = "[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
     .summary = "Hands the primary's role to a replica.", .since = "6.2.0", .complexity = "O(1)",
     .group = "server", .arity = at_least(1), .flags = kAdmin | Flag::stale, .acl = kDanger,
     .run = failover},
    {.name = "REPLICAOF", .syntax = "<host port | NO ONE>",
     .summary = "Makes the server a replica, or a primary again.", .since = "5.0.0",
     .complexity = "O(1)", .group = "server", .arity = exactly(3),
     .flags = kAdmin | Flag::stale | Flag::no_async_loading | Flag::no_data, .acl = kDanger,
     .run = replicaof},
    {.name = "SLAVEOF", .syntax = "<host port | NO ONE>",
     .summary = "Makes the server a replica, or a primary again.", .since = "1.0.0",
     .complexity = "O(1)", .group = "server", .arity = exactly(3),
     .flags = kAdmin | Flag::stale | Flag::no_async_loading | Flag::no_data, .acl = kDanger,
     .run = replicaof,
     .deprecated_since = "5.0.0", .replaced_by = "`REPLICAOF`"},
});

}  // namespace

std::span<const CommandSpec> replication_commands() { return kFamily; }

}  // namespace larder
