#include "server/commands/effect_gatherer.h"

#include "base/numbers.h"
#include "server/commands/call.h"

namespace larder {

void EffectGatherer::append(Call& call) {
  if (replaying_) return batch_.clear();
  Session& session = call.session();
  if (!session.verbatim.empty()) [[unlikely]] {
    log_.append_raw(session.verbatim, session.db);
    session.verbatim = {};
    return batch_.clear();
  }
  if (!lives_.empty()) [[unlikely]] gather_lives(call);
  if (!call.changed_ && batch_.empty()) return;
  if (call.effect_ == Call::Effect::request && batch_.empty()) {
    session.effect_end = log_.append(session.db, canonical(call));
    return;
  }
  session.effect_end = log_.append(batch_);
  batch_.clear();
}

void EffectGatherer::gather(Call& call) {
  if (!lives_.empty()) [[unlikely]] gather_lives(call);
  if (!call.changed_ || call.effect_ != Call::Effect::request) return;
  batch_.add(call.session().db, canonical(call), call.effect_for_);
}

void EffectGatherer::gather_lives(Call& call) {
  if (call.changed_ && call.effect_ == Call::Effect::request) {
    batch_.add(call.session().db, canonical(call), call.effect_for_);
  }
  call.effect_ = Call::Effect::given;
  for (const Life& life : lives_) {
    char digits[kInt64TextMax];
    const Bytes time(digits, format_int64(life.expiry_ms, digits));
    const Bytes words[] = {"PEXPIREAT", life.key.key().name, time};
    batch_.add(life.key.db, words, call.effect_for_);
  }
  lives_.clear();
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

}  // namespace larder
