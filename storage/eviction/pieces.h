// A vector cut into pieces for a file, and put together again.
//
//   piece: | elements in all 8 B | number of the first one here 8 B | elements |
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"

namespace larder {

inline constexpr size_t kPieceHeadBytes = 2 * sizeof(uint64_t);

// Empty: that was all.
template <typename Element>
std::string piece_of(std::span<const Element> all, size_t number, size_t bytes_max) {
  static_assert(std::is_trivially_copyable_v<Element>);
  const size_t most = (bytes_max - kPieceHeadBytes) / sizeof(Element);
  const uint64_t head[] = {all.size(), number * most};
  if (head[1] >= head[0]) return {};
  const size_t count = std::min(most, all.size() - number * most);
  std::string piece(sizeof head + count * sizeof(Element), '\0');
  std::memcpy(piece.data(), head, sizeof head);
  std::memcpy(piece.data() + sizeof head, &all[number * most], count * sizeof(Element));
  return piece;
}

// True when the last one has come. Memory is taken as bytes come, not as they are promised; a piece
// that does not fit to those before is passed over.
template <typename Element>
bool add_piece_to(std::vector<Element>& arriving, Bytes piece) {
  uint64_t head[2];
  if (piece.size() < sizeof head) return false;
  std::memcpy(head, piece.data(), sizeof head);
  piece.remove_prefix(sizeof head);
  const size_t count = piece.size() / sizeof(Element);
  if (count == 0 || head[0] < head[1] || head[0] - head[1] < count) return false;
  if (head[1] == 0) arriving.clear();
  if (head[1] != arriving.size()) return false;
  arriving.resize(arriving.size() + count);
  std::memcpy(&arriving[head[1]], piece.data(), count * sizeof(Element));
  return arriving.size() == head[0];
}

}  // namespace larder
