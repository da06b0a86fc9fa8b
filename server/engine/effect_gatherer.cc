#include "server/engine/effect_gatherer.h"

#include "base/numbers.h"
#include "server/engine/call.h"
#include "server/engine/key_uses.h"
#include "server/engine/listeners.h"
#include "server/engine/replication.h"

namespace larder {

EffectGatherer::EffectGatherer(Services& services)
    : services_(services), log_(services.listeners.effects) {}

void EffectGatherer::append(Call& call) {
  if (replaying_) return batch_.clear();
  Session& session = call.session();
  if (!session.verbatim.empty()) [[unlikely]] {
    log_.append_raw(session.verbatim, session.db);
    session.verbatim = {};
    return batch_.clear();
  }
  if (!lives_.empty() || renewed_) [[unlikely]] gather_lives(call);
  if (!call.changed_ && batch_.empty()) return;
  if (log_.follows()) [[unlikely]] {
    note_own_keys(call);
    return batch_.clear();
  }
  if (call.effect_ == Call::Effect::request && batch_.empty()) {
    session.effect_end = log_.append(session.db, canonical(call));
    return;
  }
  session.effect_end = log_.append(batch_);
  batch_.clear();
}

void EffectGatherer::gather(Call& call) {
  if (!lives_.empty() || renewed_) [[unlikely]] gather_lives(call);
  if (log_.follows()) [[unlikely]] note_own_keys(call);
  add_request(call);
}

// Unless the handler gave other effects.
void EffectGatherer::add_request(Call& call) {
  if (!call.changed_ || call.effect_ != Call::Effect::request) return;
  batch_.add(call.session().db, canonical(call), call.effect_for_);
}

void EffectGatherer::note_renewal(const Call& call, const Key& key, unsigned db,
                                  int64_t expiry_ms) {
  add_life(call, key.name, db, expiry_ms);
  renewed_ = true;
}

void EffectGatherer::gather_lives(Call& call) {
  add_request(call);
  call.effect_ = Call::Effect::given;
  for (const Life& life : lives_) add_life(call, life.key.key().name, life.key.db, life.expiry_ms);
  lives_.clear();
  renewed_ = false;
}

void EffectGatherer::add_life(const Call& call, Bytes key, unsigned db, int64_t expiry_ms) {
  char digits[kInt64TextMax];
  const Bytes words[] = {"PEXPIREAT", key, Bytes(digits, format_int64(expiry_ms, digits))};
  batch_.add(db, words, call.effect_for_);
}

// The request with the command's name as the card has it, whatever the client wrote.
std::span<const Bytes> EffectGatherer::canonical(const Call& call) {
  const Command& command = call.command();
  const Bytes name = (command.parent != nullptr ? *command.parent : command).spec->name;
  if (call.arg(0) == name) return call.args();
  words_.assign(call.args().begin(), call.args().end());
  words_[0] = name;
  return words_;
}

// A replica's primary does not know how long the keys live that clients write here.
void EffectGatherer::note_own_keys(const Call& call) NO_THREAD_SAFETY_ANALYSIS {
  if (!call.changed_ || follows_primary(call.session_)) return;
  std::vector<size_t> keys;
  if (!find_keys(*call.command().spec, call.args(), keys)) return;
  for (const size_t index : keys) {
    const Key key = Key::of(call.arg(index));
    const unsigned db = call.session_.db;
    Keyspace* keyspace = services_.store.shard_of(key.hash).find_keyspace(db);
    const Item item = keyspace == nullptr ? Item() : keyspace->find(key);
    if (!item || !item->is(Entry::kHasExpiry)) continue;
    services_.replication->note_own_key(item->expiry_ms(), db, key.name);
  }
}

}  // namespace larder
