// Byte strings. Keys and values are binary, so a view of chars is all we ever assume of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace larder {

using Bytes = std::string_view;

// Reads a T at any address; compiles to one load.
template <typename T>
inline T load(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Writes a T at any address; compiles to one store.
template <typename T>
inline void store(void* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace larder
