// How a handler ends: it wrote exactly one reply and returns ok, or it wrote nothing and returns
// the error that the client gets.
//
// One word, because every handler and every gate returns one:
//
//   0                  ok
//   address of text    an error whose text is a literal
//   address | 2^63     an error with a text of its own, a std::string that it owns
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace larder {

class [[nodiscard]] Status {
 public:
  static Status ok() { return Status(0); }
  // `text` is a literal that starts with the error's prefix word.
  static Status error(const char* text) { return Status(address_of(text)); }
  static Status error(std::string text) {
    return Status(address_of(new std::string(std::move(text))) | kOwned);
  }

  Status(Status&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  Status& operator=(Status&& other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  [[gnu::always_inline]] ~Status() {
    if ((word_ & kOwned) != 0) [[unlikely]] delete owned();
  }

  bool is_ok() const { return word_ == 0; }
  // Empty when ok.
  Bytes text() const {
    if ((word_ & kOwned) != 0) return *owned();
    return word_ == 0 ? Bytes() : Bytes(reinterpret_cast<const char*>(word_));
  }

 private:
  static constexpr uintptr_t kOwned = uintptr_t{1} << 63;  // no user's address has it

  explicit Status(uintptr_t word) : word_(word) {}
  static uintptr_t address_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
  std::string* owned() const { return reinterpret_cast<std::string*>(word_ & ~kOwned); }

  uintptr_t word_;
};

}  // namespace larder
