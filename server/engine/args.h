// Reads a command's arguments in order. The first mistake is latched, so that a handler parses
// everything and checks once before it changes anything.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "base/bytes.h"
#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/status.h"

namespace larder {

template <typename T>
struct Word {
  Bytes text;  // upper case
  T value;
};

class Args {
 public:
  // Starts behind the command's name (behind both words of a sub-command).
  explicit Args(const Call& call)
      : call_(call), at_(call.command().parent != nullptr ? 2 : 1) {}

  bool more() const { return ok_ && at_ < call_.arg_count(); }
  size_t left() const { return call_.arg_count() - at_; }
  size_t position() const { return at_; }
  bool ok() const { return error_.is_ok(); }
  // The words make sense; a value among them may still be wrong.
  bool syntax_ok() const { return ok_; }
  Status error() { return std::move(error_); }

  // A missing argument is a syntax error.
  Bytes bytes();
  Key key();
  int64_t integer(const char* error = errors::kNotInteger);
  int64_t integer_in(int64_t low, int64_t high, const char* error = errors::kNotInteger);
  double number(const char* error = errors::kNotFloat);

  // Consumes the next argument if it is this word (in any case).
  bool take(Bytes word);
  // The next argument if it is this word and another one follows.
  bool take_with_value(Bytes word);
  // Consumes one of several words into `target`; a second, other one is a syntax error.
  template <typename T>
  bool take_one_of(std::optional<T>& target, std::initializer_list<Word<T>> words) {
    for (const Word<T>& word : words) {
      if (!take(word.text)) continue;
      if (target && *target != word.value) fail(errors::kSyntax);
      target = word.value;
      return true;
    }
    return false;
  }
  Bytes peek() const { return call_.arg(at_); }
  void skip() { ++at_; }

  // What is left makes no sense.
  void reject() { fail(errors::kSyntax); }
  void fail(const char* error);
  void fail(std::string error);
  // A bad value that Redis looks at behind the last word: any other mistake goes before it.
  void fail_late(std::string error);

 private:
  const Call& call_;
  size_t at_;
  bool ok_ = true;  // false: stop reading
  Status error_ = Status::ok();
};

// EX, PX, EXAT, PXAT, KEEPTTL, PERSIST: at most one of them, though it may be said again.
struct ExpiryOption {
  enum class Kind : uint8_t { none, at, keep, persist };
  Kind kind = Kind::none;
  Bytes word;
  int64_t at_ms = 0;  // absolute Unix ms
};

// Consumes an expiry option. `command` is the name that Redis prints in "invalid expire time".
// Fails: a bad time is a late mistake.
bool take_expiry(Args& args, ExpiryOption& option, const Call& call, Bytes command,
                 bool allow_persist);
// Turns a time given by a client into absolute ms; nothing when out of range or not positive.
std::optional<int64_t> absolute_expiry(int64_t value, bool seconds, bool relative, int64_t now_ms);

}  // namespace larder
