#include "server/engine/client_list.h"

#include <algorithm>

#include "base/clock.h"
#include "server/engine/pubsub.h"
#include "server/engine/registry.h"
#include "server/engine/replication.h"
#include "server/engine/spec.h"
#include "server/engine/tracking.h"
#include "server/engine/transactions.h"

namespace larder {
namespace {

bool has_queue(const Transaction* transaction) {
  return transaction != nullptr && (transaction->open || transaction->runs);
}

StreamEnd::Kind stream_kind(const Session& session) {
  return session.stream == nullptr ? StreamEnd::Kind::stranger : session.stream->kind();
}

std::string flags_of(const Session& session) {
  std::string flags;
  const StreamEnd::Kind kind = stream_kind(session);
  if (kind == StreamEnd::Kind::replica) flags += 'S';
  if (kind == StreamEnd::Kind::primary) flags += 'M';
  if (session.monitor) flags += 'O';
  if (session.subscriptions != nullptr) flags += 'P';
  if (has_queue(session.transaction.get())) flags += 'x';
  if (session.blocked) flags += 'b';
  if (const TrackingState* tracking = session.tracking.get()) {
    flags += 't';
    if (tracking->broken_redirect) flags += 'R';
    if (tracking->broadcast) flags += 'B';
  }
  if (session.close_after_reply) flags += 'c';
  if (session.unix_socket) flags += 'U';
  if (session.no_evict) flags += 'e';
  if (session.no_touch) flags += 'T';
  return flags.empty() ? "N" : flags;
}

std::string last_command(const Session& session) {
  if (session.last_command == nullptr) return "NULL";
  const std::string name = lower_case(session.last_command->name);
  return session.last_parent == nullptr ? name
                                        : lower_case(session.last_parent->name) + "|" + name;
}

}  // namespace

std::string client_line(ClientView& client) {
  const Session& session = client.session();
  const int64_t now_ms = steady_ms();
  std::string line;
  const auto text = [&](const char* name, Bytes value) {
    if (!line.empty()) line += ' ';
    line.append(name).append("=").append(value);
  };
  const auto number = [&](const char* name, auto value) { text(name, std::to_string(value)); };
  number("id", session.id);
  text("addr", session.address);
  text("laddr", session.local_address);
  number("fd", session.fd);
  text("name", session.name);
  number("age", (now_ms - session.created_ms) / 1000);
  number("idle", (now_ms - session.last_active_ms) / 1000);
  text("flags", flags_of(session));
  number("db", session.db);
  const Subscriptions* listens = session.subscriptions.get();
  const Transaction* transaction = session.transaction.get();
  number("sub", listens == nullptr ? 0 : listens->channels.size());
  number("psub", listens == nullptr ? 0 : listens->patterns.size());
  number("ssub", listens == nullptr ? 0 : listens->shard_channels.size());
  number("multi",
         has_queue(transaction) ? static_cast<int64_t>(transaction->queue.size()) : int64_t{-1});
  number("qbuf", client.query_bytes());
  number("qbuf-free", client.query_capacity() - client.query_bytes());
  number("argv-mem", client.argument_bytes());
  number("multi-mem", transaction == nullptr ? 0 : transaction->queued_bytes);
  number("rbs", client.reply_buffer_bytes());
  number("rbp", client.reply_peak_bytes());
  // Redis keeps the first 16 KiB of unsent replies in a buffer, the rest in a list of as many each.
  constexpr size_t kReplyBlock = 16 * 1024;
  const size_t behind = session.stream == nullptr ? 0 : session.stream->bytes_behind();
  const size_t unsent = client.output_bytes() + behind;
  const size_t listed = unsent - std::min(unsent, kReplyBlock);
  number("obl", unsent - listed);
  number("oll", (listed + kReplyBlock - 1) / kReplyBlock);
  number("omem", listed);
  number("tot-mem", client.memory_bytes());
  text("events", client.output_bytes() > 0 ? "rw" : "r");
  text("cmd", last_command(session));
  text("user", session.user);
  const TrackingState* tracking = session.tracking.get();
  number("redir", tracking == nullptr ? -1 : static_cast<int64_t>(tracking->redirect));
  number("resp", session.protocol);
  text("lib-name", session.lib_name);
  text("lib-ver", session.lib_version);
  return line;
}

size_t state_bytes(const Session& session) {
  constexpr size_t kNodeBytes = 64;  // a place in a hash table, with the memory block's own cost
  size_t bytes = 0;
  if (const Transaction* transaction = session.transaction.get()) {
    bytes += transaction->queued_bytes;
    for (const auto& watch : transaction->watches) {
      bytes += sizeof(Watch) + kNodeBytes + watch->key.name.size();
    }
  }
  if (const Subscriptions* listens = session.subscriptions.get()) {
    bytes += listens->count() * kNodeBytes + listens->name_bytes;
  }
  if (const TrackingState* tracking = session.tracking.get()) {
    bytes += sizeof(TrackingState) + tracking->prefixes.size() * kNodeBytes;
  }
  return bytes;
}

const ClientType* find_client_type(Bytes name) {
  struct Name {
    Bytes text;
    ClientType type;
  };
  static constexpr Name kNames[] = {{"NORMAL", ClientType::normal},
                                    {"MASTER", ClientType::master},
                                    {"SLAVE", ClientType::replica},
                                    {"REPLICA", ClientType::replica},
                                    {"PUBSUB", ClientType::pubsub}};
  for (const Name& each : kNames) {
    if (equals_upper(name, each.text)) return &each.type;
  }
  return nullptr;
}

// Redis handles MONITOR's clients as replicas, but shows them as normal ones.
ClientType type_of(const Session& session) {
  const StreamEnd::Kind kind = stream_kind(session);
  if (kind == StreamEnd::Kind::primary) return ClientType::master;
  if (kind == StreamEnd::Kind::replica) return ClientType::replica;
  return session.subscriptions != nullptr ? ClientType::pubsub : ClientType::normal;
}

}  // namespace larder
