// Effects that several families give, and numbers as their words. All of them do nothing while
// nobody reads effects.
#pragma once

#include "base/numbers.h"
#include "server/engine/call.h"
#include "storage/lazy_free.h"

namespace larder {

// The text of a number, for as long as it lives.
class NumberWord {
 public:
  explicit NumberWord(int64_t value) : size_(format_int64(value, text_)) {}
  explicit NumberWord(size_t value) : NumberWord(static_cast<int64_t>(value)) {}
  operator Bytes() const { return {text_, size_}; }

 private:
  char text_[kInt64TextMax];
  size_t size_;
};

inline void effect_del(Call& call, const Key& key) {
  if (call.wants_effect()) call.effect({"DEL", key.name});
}

// A removal whose word lazyfree-lazy-* decides.
inline void effect_removal(Call& call, const Key& key, Removal reason) {
  if (call.wants_effect()) call.effect({removal_word(reason), key.name});
}

inline void effect_expiry(Call& call, const Key& key, int64_t expiry_ms) {
  if (call.wants_effect()) call.effect({"PEXPIREAT", key.name, NumberWord(expiry_ms)});
}

// A string is stored; kNoExpiry: without an end.
inline void effect_set(Call& call, const Key& key, Bytes value, int64_t expiry_ms) {
  if (!call.wants_effect()) return;
  if (expiry_ms == kNoExpiry) return call.effect({"SET", key.name, value});
  call.effect({"SET", key.name, value, "PXAT", NumberWord(expiry_ms)});
}

// Members taken from the end of an ordered value (LPOP, ZPOPMIN, ...).
inline void effect_pop(Call& call, Bytes command, const Key& key, size_t count) {
  if (call.wants_effect()) call.effect({command, key.name, NumberWord(count)});
}

}  // namespace larder
