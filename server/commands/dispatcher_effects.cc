// What the commands that a dispatcher runs add to the effect log.
#include <utility>

#include "base/numbers.h"
#include "server/commands/dispatcher.h"
#include "server/commands/listeners.h"

namespace larder {

// The request with the command's name as the card has it, whatever the client wrote.
std::span<const Bytes> Dispatcher::canonical(const Call& call) {
  const Command& command = call.command();
  const Bytes name = (command.parent != nullptr ? *command.parent : command).spec->name;
  if (call.arg(0) == name) return call.args();
  words_.assign(call.args().begin(), call.args().end());
  words_[0] = name;
  return words_;
}

// Under the locks of what the command changed.
void Dispatcher::note_effects(Call& call) {
  if (replaying_) return effects_.clear();
  EffectLog& log = services_.listeners.effects;
  Session& session = call.session();
  if (!session.verbatim.empty()) [[unlikely]] {
    log.append_raw(session.verbatim, session.db);
    session.verbatim = {};
    effects_.clear();
    return;
  }
  if (!lives_.empty()) [[unlikely]] gather_lives(call);
  if (!call.changed_ && effects_.empty()) return;
  if (call.effect_ == Call::Effect::request && effects_.empty()) {
    session.effect_end = log.append(session.db, canonical(call));
    return;
  }
  session.effect_end = log.append(effects_);
  effects_.clear();
}

// Of one command of a transaction or script.
void Dispatcher::gather_effects(Call& call) {
  if (!lives_.empty()) [[unlikely]] gather_lives(call);
  if (!call.changed_ || call.effect_ != Call::Effect::request) return;
  effects_.add(call.session().db, canonical(call), call.effect_for_);
}

void Dispatcher::gather_lives(Call& call) {
  if (call.changed_ && call.effect_ == Call::Effect::request) {
    effects_.add(call.session().db, canonical(call), call.effect_for_);
  }
  call.effect_ = Call::Effect::given;
  for (const Life& life : lives_) {
    char digits[kInt64TextMax];
    const Bytes time(digits, format_int64(life.expiry_ms, digits));
    const Bytes words[] = {"PEXPIREAT", life.key.key().name, time};
    effects_.add(life.key.db, words, call.effect_for_);
  }
  lives_.clear();
}

}  // namespace larder
