// A variable that has another value as long as this lives: one that says in which circumstances
// code runs (a thread-local), or what it may do meanwhile.
#pragma once

#include <type_traits>
#include <utility>

namespace larder {

template <typename T>
class Scoped {
 public:
  Scoped(T& variable, std::type_identity_t<T> value)
      : variable_(variable), before_(std::exchange(variable, value)) {}
  ~Scoped() { variable_ = before_; }
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;

 private:
  T& variable_;
  const T before_;
};

}  // namespace larder
