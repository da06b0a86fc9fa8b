// What the commands that one dispatcher runs add to the effect log: each command by itself, or all
// of a transaction or a script together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "server/engine/by_key.h"
#include "server/engine/effects.h"

namespace larder {

class Call;
struct Services;

class EffectGatherer {
 public:
  explicit EffectGatherer(Services& services);

  // The command is over, or the whole transaction: under the locks of what it changed.
  void append(Call& call);
  // One command of a transaction or script is over.
  void gather(Call& call);
  // A rule gave a key another life than the command did: told behind the command's own effect.
  void note_life(const Key& key, unsigned db, int64_t expiry_ms) {
    lives_.push_back({{key, db}, expiry_ms});
  }
  // What a command read had its life renewed: told before its own effect, which may be built on it
  // (COPY) or end it (GETSET).
  void note_renewal(const Call& call, const Key& key, unsigned db, int64_t expiry_ms);
  // What will be appended together.
  EffectBatch& batch() { return batch_; }
  // What runs comes out of the append-only file: it is there already.
  void set_replaying(bool on) { replaying_ = on; }
  bool is_replaying() const { return replaying_; }

 private:
  struct Life {
    KeyPlace key;
    int64_t expiry_ms;
  };
  std::span<const Bytes> canonical(const Call& call);
  void add_request(Call& call);
  void gather_lives(Call& call);
  void add_life(const Call& call, Bytes key, unsigned db, int64_t expiry_ms);
  void note_own_keys(const Call& call);

  Services& services_;
  EffectLog& log_;
  EffectBatch batch_;
  std::vector<Life> lives_;
  std::vector<Bytes> words_;  // of canonical()
  bool renewed_ = false;      // batch_ begins with what the command itself says nothing of
  bool replaying_ = false;
};

}  // namespace larder
