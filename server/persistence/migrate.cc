// MIGRATE: keys move to another server. What they hold is dumped under the locks, sent by a thread
// of its own, and removed by a transaction that watches the keys: a key that was changed meanwhile
// stays, and is sent again by whoever asks again. In EXEC or a script, where nothing may come
// between, the keys stay locked instead; who wants them waits as for a script that runs for long.
// Source: https://redis.io/commands/migrate/
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/scoped.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/args.h"
#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"
#include "server/engine/persistence.h"
#include "server/engine/script_run.h"
#include "server/engine/transactions.h"
#include "server/persistence/families.h"
#include "server/persistence/peer.h"
#include "storage/rdb/dump.h"

namespace larder {
namespace {

constexpr int64_t kTimeoutMs = 1000;  // when 0 is given
constexpr const char* kNoAnswer = "IOERR error or timeout reading from target instance";

struct Parcel {
  std::string key;
  int64_t expiry_ms = kNoExpiry;
  std::string payload;
  bool taken = false;  // the target has it
};

// All that the thread needs, and what comes of it.
struct Errand {
  std::string host;
  uint16_t port = 0;
  int64_t db = 0;
  int64_t timeout_ms = kTimeoutMs;
  std::vector<std::string> credentials;  // the words behind AUTH
  bool replace = false;
  bool copy = false;
  std::vector<Parcel> parcels;

  std::atomic<bool> done{false};
  std::promise<void> over;  // the same, for who stands and waits
  std::string error;

  void run() {
    error = send_all();
    done.store(true, std::memory_order_release);
    over.set_value();
  }

 private:
  std::string send_all() {
    Peer peer(host, port, timeout_ms);
    // Redis notices a refusal when it writes, and says so.
    if (!peer.is_connected() && !peer.was_refused()) {
      return "IOERR error or timeout connecting to the client";
    }
    if (peer.was_refused() || !send_requests(peer)) {
      return "IOERR error or timeout writing to target instance";
    }
    return read_replies(peer);
  }

  // What the target refuses stays here; the rest goes. Without its database it has taken nothing.
  std::string read_replies(Peer& peer) {
    std::string line;
    std::string refusal;
    const size_t before = credentials.empty() ? 1 : 2;
    for (size_t i = 0; i < before + parcels.size(); ++i) {
      // Who says neither yes nor no is no Redis.
      if (!peer.read_line(line) || (line[0] != '+' && line[0] != '-')) {
        return kNoAnswer;
      }
      if (line[0] == '-' && refusal.empty()) {
        refusal = "ERR Target instance replied with error: " + line.substr(1);
        if (i < before) return refusal;
      }
      if (i >= before) parcels[i - before].taken = line[0] == '+';
    }
    return refusal;
  }

  bool send_requests(Peer& peer) {
    std::vector<Bytes> words{"AUTH"};
    words.insert(words.end(), credentials.begin(), credentials.end());
    if (!credentials.empty() && !peer.send(words)) return false;
    const std::string number = std::to_string(db);
    words = {"SELECT", number};
    if (!peer.send(words)) return false;
    for (const Parcel& parcel : parcels) {
      int64_t ttl_ms = 0;
      if (parcel.expiry_ms != kNoExpiry) {
        ttl_ms = std::max<int64_t>(parcel.expiry_ms - unix_ms(), 1);
      }
      const std::string ttl = std::to_string(ttl_ms);
      words = {"RESTORE", parcel.key, ttl, parcel.payload};
      if (replace) words.emplace_back("REPLACE");
      if (!peer.send(words)) return false;
    }
    return true;
  }
};

// Waits for the thread, then takes the keys away.
class MigrateTask : public Task {
 public:
  MigrateTask(Call& call, std::shared_ptr<Errand> errand,
              std::vector<std::shared_ptr<Watch>> watches)
      : dispatcher_(call.dispatcher()),
        services_(call.services()),
        session_(call.session()),
        waker_(call.waker()),
        errand_(std::move(errand)),
        watches_(std::move(watches)) {}
  ~MigrateTask() override {
    const auto before = std::move(session_.transaction);
    watch();
    end_transaction(services_.listeners.watches, services_.store, session_);
    session_.transaction = before;
  }

  Progress step(ReplyWriter& reply, int64_t now_ms) override {
    if (!errand_->done.load(std::memory_order_acquire)) return Progress::wait;
    const auto taken = [](const Parcel& parcel) { return parcel.taken; };
    const auto& parcels = errand_->parcels;
    if (!errand_->copy && std::any_of(parcels.begin(), parcels.end(), taken)) {
      return remove(reply, now_ms);
    }
    answer(reply);
    return Progress::done;
  }

 private:
  void watch() {
    session_.transaction = std::make_shared<Transaction>();
    session_.transaction->watches = std::move(watches_);
    watches_.clear();
  }

  void answer(ReplyWriter& reply) {
    errand_->error.empty() ? reply.ok() : reply.error(errand_->error);
  }

  // As WATCH, MULTI, DEL, EXEC by the client.
  Progress remove(ReplyWriter& reply, int64_t now_ms) {
    const auto before = std::move(session_.transaction);
    watch();
    const std::shared_ptr<Transaction> transaction = session_.transaction;
    std::vector<Bytes> words{"DEL"};
    for (const Parcel& parcel : errand_->parcels) {
      if (parcel.taken) words.emplace_back(parcel.key);
    }
    transaction->open = true;
    transaction->queue.emplace_back(services_.registry.find("DEL"), words, transaction->memory);
    const std::vector<Bytes> exec{"EXEC"};
    Request request{exec};
    Output outcome_bytes;
    ReplyWriter answers(outcome_bytes, 2);
    dispatcher_.prepare(request);
    // Who may run MIGRATE need not have the right to DEL.
    const Scoped everything(session_.acl_pass, services_.access.generation());
    dispatcher_.start_clock();
    const auto outcome = dispatcher_.run(request, session_, answers, now_ms, waker_);
    session_.transaction = before;
    if (outcome == Dispatcher::Outcome::postponed) {
      watches_ = std::move(transaction->watches);
      return Progress::again;
    }
    if (outcome_bytes.text_since(0).starts_with("*1")) {
      answer(reply);
    } else {
      reply.error("ERR A key was changed while it was sent; it is here and there");
    }
    return Progress::done;
  }

  Dispatcher& dispatcher_;
  Services& services_;
  Session& session_;
  const std::shared_ptr<Waker> waker_;
  const std::shared_ptr<Errand> errand_;
  std::vector<std::shared_ptr<Watch>> watches_;
};

// With the turn of scripts. False: the server ends before the answer is there.
bool wait_in_turn(Call& call, Errand& errand) {
  ScriptRun& script = call.services().script;
  std::future<void> over = errand.over.get_future();
  const int64_t long_at_ms = steady_ms() + ScriptRun::kLongMs;
  if (!call.in_script()) script.start(false, "", call.args(), steady_ms());
  (void)script.note_write();  // so that nobody kills it half done
  constexpr auto kLook = std::chrono::milliseconds(1);
  while (over.wait_for(kLook) != std::future_status::ready && !script.stopping()) {
    if (steady_ms() < long_at_ms) continue;
    if (!script.is_long()) call.dispatcher().become_long();
    call.worker().clients->serve_others();
  }
  if (!call.in_script()) script.finish();
  return errand.done.load(std::memory_order_acquire);
}

void remove_taken(Call& call, const Errand& errand) {
  std::vector<Bytes> words{"DEL"};
  for (const Parcel& parcel : errand.parcels) {
    const Key key = Key::of(parcel.key);
    const Item item = parcel.taken ? call.find_to_write(key) : Item();
    if (!item) continue;
    call.keyspace(key).remove(item);
    call.changed("del", key);
    words.emplace_back(parcel.key);
  }
  if (words.size() > 1) call.effect(words);
}

Status migrate_in_turn(Call& call, const std::shared_ptr<Errand>& errand) {
  call.services().persistence->run_aside([errand] { errand->run(); });
  if (!wait_in_turn(call, *errand)) return Status::error(kNoAnswer);
  if (!errand->copy) remove_taken(call, *errand);
  if (!errand->error.empty()) return Status::error(errand->error);
  call.reply().ok();
  return Status::ok();
}

// Arguments.
constexpr size_t kOneKey = 3;
constexpr size_t kFirstOption = 6;

// Either the one key, or an empty one and those behind KEYS, which the values of other options may
// be called, too.
bool find_migrated_keys(std::span<const Bytes> args, std::vector<size_t>& keys) {
  for (size_t i = kFirstOption; i < args.size(); ++i) {
    if (equals_upper(args[i], "AUTH")) {
      i += 1;
    } else if (equals_upper(args[i], "AUTH2")) {
      i += 2;
    } else if (equals_upper(args[i], "KEYS")) {
      for (size_t key = i + 1; key < args.size(); ++key) keys.push_back(key);
      return args[kOneKey].empty();
    }
  }
  if (kOneKey < args.size()) keys.push_back(kOneKey);
  return true;
}

void take_option(Args& args, Call& call, Errand& errand) {
  if (args.take("COPY")) {
    errand.copy = true;
  } else if (args.take("REPLACE")) {
    errand.replace = true;
  } else if (args.take_with_value("AUTH")) {
    errand.credentials = {std::string(args.bytes())};
  } else if (args.take_with_value("AUTH2")) {
    const std::string user(args.bytes());
    errand.credentials = {user, std::string(args.bytes())};
  } else if (args.take("KEYS")) {
    if (!call.arg(kOneKey).empty()) {
      args.fail(
          "ERR When using MIGRATE KEYS option, the key argument must be set to the empty "
          "string");
    }
    while (args.more()) args.skip();
  } else {
    args.reject();
  }
}

Status migrate(Call& call) {
  Args args(call);
  const auto sent = std::make_shared<Errand>();
  Errand& errand = *sent;
  errand.host = std::string(args.bytes());
  const Bytes port = args.bytes();
  args.skip();  // the key
  const Bytes db = args.bytes();
  const Bytes timeout = args.bytes();
  while (args.more()) take_option(args, call, errand);
  if (!args.ok()) return args.error();
  const auto port_number = parse_int64(port);
  const auto db_number = parse_int64(db);
  const auto timeout_ms = parse_int64(timeout);
  if (!db_number || !timeout_ms || !port_number || *port_number < 0 || *port_number > 65535) {
    return Status::error(errors::kNotInteger);
  }
  if (call.services().persistence == nullptr || call.dispatcher().effects().is_replaying()) {
    return Status::error("ERR MIGRATE is not possible here");
  }
  errand.port = static_cast<uint16_t>(*port_number);
  errand.db = *db_number;
  if (*timeout_ms > 0) errand.timeout_ms = *timeout_ms;

  std::vector<std::shared_ptr<Watch>> watches;
  std::vector<size_t> keys;
  (void)find_migrated_keys(call.args(), keys);
  for (const size_t i : keys) {
    const Key key = call.key(i);
    const Item item = call.find_to_read(key);
    if (!item) continue;
    errand.parcels.push_back(
        {std::string(key.name), item->expiry_ms(), dump_value(*item.entry(), true)});
    if (call.is_nested()) continue;
    watches.push_back(std::make_shared<Watch>(KeyPlace(key, call.session().db)));
    call.services().listeners.watches.add(watches.back()->key, watches.back());
  }
  if (errand.parcels.empty()) {
    call.reply().simple("NOKEY");
    return Status::ok();
  }
  if (call.is_nested()) return migrate_in_turn(call, sent);
  call.start_task(std::make_unique<MigrateTask>(call, sent, std::move(watches)));
  call.services().persistence->run_aside([errand = sent, &workers = call.services().workers,
                                          worker = call.worker().index, waker = call.waker()] {
    errand->run();
    workers.visit(worker, [waker](ClientsOfWorker&) { waker->wake(); });
  });
  return Status::ok();
}

constexpr KeySpec kBehindKeys = told_behind("KEYS", -2, KeyUse::read_write_access_delete);

constexpr KeySpec migrated_keys() {
  KeySpec keys = and_also(key_at(kOneKey, KeyUse::read_write_access_delete), kBehindKeys);
  keys.find = find_migrated_keys;
  return keys;
}

constexpr auto kFamily = family({
    {.name = "MIGRATE",
     .syntax = "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] [AUTH password | "
               "AUTH2 username password] [KEYS key [key ...]]",
     .summary = "Moves keys to another server.",
     .since = "2.6.0",
     .complexity = "DUMP and DEL here, RESTORE there",
     .group = "generic",
     .arity = at_least(6),
     .flags = Flag::write | Flag::movable_keys | Flag::whole_store | Flag::waits_in_turn,
     .keys = migrated_keys(),
     .acl = Acl::keyspace | Acl::write | Acl::slow | Acl::dangerous,
     .run = migrate},
});

}  // namespace

std::span<const CommandSpec> migrate_commands() { return kFamily; }

}  // namespace larder
