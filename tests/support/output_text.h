// What an Output holds, as one text.
#pragma once

#include <array>
#include <string>

#include "protocol/output.h"

namespace larder {

// Of up to 16 pieces.
inline std::string text_of(const Output& output) {
  std::array<Bytes, 16> views;
  const size_t count = output.gather(views.data(), views.size());
  std::string text;
  for (size_t i = 0; i < count; ++i) text += views[i];
  return text;
}

}  // namespace larder
