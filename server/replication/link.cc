#include "server/replication/link.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/numbers.h"
#include "base/thread_name.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/append_only.h"
#include "server/engine/listeners.h"
#include "server/engine/pause.h"
#include "server/engine/persistence.h"
#include "server/engine/services.h"
#include "server/persistence/load.h"
#include "server/replication/stream_place.h"
#include "storage/all_shards.h"

namespace larder {
namespace {

// The first wait is short: a primary that restarts is back soon. Sentinel expects replicas within
// seconds.
constexpr int64_t kFirstWaitMs = 100;
constexpr int64_t kLongestWaitMs = 2000;
constexpr int64_t kAckMs = 1000;
constexpr int64_t kLookMs = 100;

// `change` makes other data of all there is.
template <typename Change>
void change_data(Services& services, Change change) {
  GarbageList garbage;
  {
    const AllShards lock(services.store);
    touch_all_watches(services.listeners.watches, services.store, Store::kAllDatabases);
    change(services.store);
    garbage = services.store.take_garbage_locked();
    if (auto cached = services.listeners.tracking.flushed()) garbage.push_back(std::move(cached));
  }
  services.store.dispose(std::move(garbage));
}

void empty_store(Services& services) {
  change_data(services, [](Store& store) { store.flush_locked(Store::kAllDatabases); });
  if (services.persistence != nullptr) services.persistence->drop_functions();
}

void drop_hidden(Store& store) {
  GarbageList garbage;
  {
    const AllShards lock(store);
    store.drop_hidden_locked();
    garbage = store.take_garbage_locked();
  }
  store.dispose(std::move(garbage));
}

}  // namespace

Link::Link(Services& services, const ReplicationSettings& settings, LinkOwner& owner,
           PrimaryAddress primary, Purpose purpose)
    : services_(services),
      settings_(settings),
      owner_(owner),
      primary_(std::move(primary)),
      catches_up_(purpose == Purpose::catch_up),
      failover_(purpose == Purpose::hand_over),
      heard_ms_(steady_ms()),
      down_since_ms_(steady_ms()),
      thread_([this] { run(); }) {}

Link::~Link() {
  interrupt_.raise();
  thread_.join();
}

void Link::set_state(State state) {
  state_.store(state, std::memory_order_release);
  owner_.link_changed();
}

std::shared_ptr<PrimaryStream> Link::stream() const {
  std::lock_guard lock(mutex_);
  return stream_;
}

void Link::run() {
  name_this_thread("primary-link");
  int64_t wait_ms = kFirstWaitMs;
  while (!interrupt_.raised()) {
    set_state(State::connecting);
    wait_ms = run_once() ? kFirstWaitMs : std::min(2 * wait_ms, kLongestWaitMs);
    wire_.close();
    set_state(State::waiting);
    if (!interrupt_.sleep_ms(wait_ms)) return;
  }
}

HandshakeInput Link::handshake_input() {
  const LinkOwner::Have have = owner_.have();
  const ReplicationSettings::Texts texts = settings_.texts();
  const int64_t announced = settings_.announce_port.load();
  return {.auth = texts.auth,
          .user = texts.user,
          .listening_port = announced != 0 ? announced : settings_.port.load(),
          .announced_ip = texts.announce_ip,
          .id = have.id.empty() ? "?" : have.id,
          .next = have.id.empty() ? -1 : have.next,
          .failover = failover_.load(),
          .heir = catches_up_};
}

bool Link::make_secure() {
  std::unique_ptr<SecureStream> stream = services_.workers.secure_link();
  return stream == nullptr ? wire_.refuse("TLS is not set up") : wire_.secure(std::move(stream));
}

bool Link::run_once() {
  wire_.set_patience_ms(settings_.timeout_seconds.load() * 1000);
  wire_.set_source(settings_.texts().source);
  const std::string where = primary_.host + ":" + std::to_string(primary_.port);
  if (!wire_.connect(primary_.host, primary_.port)) {
    if (!interrupt_.raised()) say(true, "Connecting to MASTER " + where + ": " + wire_.error());
    return false;
  }
  if (settings_.secure.load() && !make_secure()) {
    if (!interrupt_.raised()) say(true, "Connecting to MASTER " + where + ": " + wire_.error());
    return false;
  }
  set_state(State::shaking_hands);
  const Agreement agreement = shake_hands(wire_, handshake_input());
  if (agreement.kind == Agreement::Kind::failed || agreement.kind == Agreement::Kind::later) {
    if (failover_.load() || catches_up_) refused_.store(true);
    if (!interrupt_.raised()) say(true, "MASTER " + where + ": " + agreement.text);
    return false;
  }
  failover_.store(false);
  heard_ms_.store(steady_ms());
  if (agreement.kind == Agreement::Kind::partial) {
    owner_.resumed(agreement.id);
    say(false, "Successful partial resynchronization with MASTER " + where);
  } else if (!receive(agreement)) {
    return false;
  }
  return give_to_worker(owner_.have().db);
}

bool Link::receive(const Agreement& agreement) {
  Transfer transfer;
  const bool done = receive(agreement, transfer);
  owner_.file_came(transfer.bytes());
  return done;
}

// Takes the whole data set. What is here stays until the file has come, where there is room for it.
bool Link::receive(const Agreement& agreement, Transfer& transfer) {
  say(false, "Full resync from MASTER: " + agreement.id + ":" + std::to_string(agreement.offset));
  set_state(State::receiving);
  if (!transfer.begin(wire_)) {
    say(true, transfer.error());
    return false;
  }
  transfer_total_.store(transfer.total_bytes());
  Spool spool;
  spool.end_with(interrupt_);
  Loading loading;
  loading.beside = settings_.loads_beside.load();
  loading.serves = loading.beside && agreement.id == owner_.have().id;
  const bool empty = settings_.loads_as_it_comes.load() && services_.store.totals().keys == 0;
  const bool direct = loading.beside || empty;
  const bool spooled = !direct && spool.open(settings_.texts().folder);
  const auto progress = [&] {
    transfer_bytes_.store(transfer.bytes());
    heard_ms_.store(steady_ms());
  };
  if (spooled) {
    if (const std::string why = spool.take(transfer, progress); !why.empty()) {
      say(true, "Full sync with MASTER failed: " + why);
      return false;
    }
  }
  set_state(State::loading);
  say(false, "MASTER <-> REPLICA sync: Loading DB in memory");
  begin(loading);
  std::string why = load(spooled ? static_cast<Source&>(spool) : transfer, loading);
  if (why.empty() && !spooled && !transfer.finish()) why = transfer.error();
  if (why.empty() && loading.beside) why = reveal(loading);
  if (!why.empty()) {
    loading.beside ? drop_hidden(services_.store) : empty_store(services_);
    owner_.sync_failed();
    say(true, "Failed loading the full sync from MASTER: " + why);
    return false;
  }
  owner_.synced(agreement.id, static_cast<uint64_t>(agreement.offset), loading.db);
  say(false, "MASTER <-> REPLICA sync: Finished with success");
  return true;
}

void Link::begin(const Loading& loading) {
  owner_.load_begins(loading.serves);
  if (!loading.serves) owner_.stream_ends();
  if (!loading.beside) empty_store(services_);
}

// A newline to the primary now and then: it hears that we are alive.
std::string Link::load(Source& source, Loading& loading) {
  PlaceFinder facts;
  int64_t told_ms = steady_ms();
  LoadOptions options;
  options.replace = true;
  options.all_there_is = false;
  options.hidden = loading.beside;
  options.news = &facts;
  if (loading.beside) {
    options.load_function = [&](Bytes code) {
      loading.libraries.emplace_back(code);
      return std::string();
    };
  }
  options.stop = [this] { return interrupt_.raised(); };
  options.progress = [&](uint64_t offset) {
    transfer_bytes_.store(offset);
    if (steady_ms() - told_ms < kAckMs) return;
    told_ms = steady_ms();
    (void)wire_.send("\n");
  };
  const LoadOutcome outcome = load_rdb(source, services_, options);
  loading.db = facts.place().db;
  if (outcome.ok() && loading.db >= services_.store.databases()) {
    return "its stream is in database " + std::to_string(loading.db) + ", which is not here";
  }
  return outcome.error;
}

// What was loaded beside the old data takes its place.
std::string Link::reveal(const Loading& loading) {
  if (loading.serves) owner_.stream_ends();
  if (services_.persistence != nullptr) services_.persistence->drop_functions();
  for (const std::string& code : loading.libraries) {
    const std::string error = services_.persistence->load_function(code, true);
    if (!error.empty()) return error;
  }
  change_data(services_, [](Store& store) { store.reveal_locked(); });
  return "";
}

bool Link::give_to_worker(unsigned db) {
  auto stream = std::make_shared<PrimaryStream>(services_.listeners.effects);
  Session session;
  session.authenticated = true;
  AccessControl::trust(session);
  session.reply_mode = ReplyMode::off;
  session.db = db;
  session.stream = stream;
  {
    std::lock_guard lock(mutex_);
    stream_ = stream;
  }
  const std::string unread(wire_.unread());
  std::unique_ptr<SecureStream> tls = wire_.release_stream();
  const uint64_t client = services_.workers.adopt(kStreamWorker, wire_.release(),
                                                  std::move(session), unread, std::move(tls));
  set_state(State::connected);
  look_after(stream, client);
  down_since_ms_.store(steady_ms());
  std::lock_guard lock(mutex_);
  stream_.reset();
  return true;
}

// Acknowledges each second, and ends a connection that has been silent for too long.
void Link::look_after(const std::shared_ptr<PrimaryStream>& stream, uint64_t client) {
  const auto visit = [&](auto act) {
    services_.workers.visit(kStreamWorker, [client, act](ClientsOfWorker& clients) {
      if (ClientView* view = clients.find(client)) act(*view);
    });
  };
  const auto bytes_in = std::make_shared<std::atomic<uint64_t>>(0);
  uint64_t seen = 0;
  int64_t acked_ms = 0;
  bool ending = false;
  while (!stream->wait_closed(kLookMs)) {
    const int64_t now_ms = steady_ms();
    if (services_.append_only != nullptr) {
      stream->set_on_disk(services_.append_only->synced_offset());
    }
    if (std::exchange(seen, bytes_in->load()) != bytes_in->load()) heard_ms_.store(now_ms);
    // What comes while the stream has to wait is not read: it says nothing of the primary.
    if (services_.pause.stops_writes(unix_ms())) heard_ms_.store(now_ms);
    const bool silent = now_ms - heard_ms_.load() > settings_.timeout_seconds.load() * 1000;
    if ((interrupt_.raised() || silent) && !ending) {
      ending = true;
      if (!interrupt_.raised()) say(true, "MASTER timeout: no data nor PING received...");
      visit([](ClientView& view) { view.kill(false); });
    } else if (now_ms - acked_ms >= kAckMs) {
      acked_ms = now_ms;
      stream->owe_ack();
      visit([bytes_in](ClientView& view) {
        bytes_in->store(view.session().bytes_in);
        view.feed();
      });
    }
  }
  if (!interrupt_.raised()) say(true, "Connection with master lost.");
}

}  // namespace larder
