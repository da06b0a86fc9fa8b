#include "storage/lazy_free.h"

#include "storage/keyspace.h"
#include "storage/list.h"
#include "storage/streams.h"

namespace larder {
namespace {

constexpr size_t kPiecesMax = 64;  // that Redis frees at once

size_t pieces_of_list(const List& list) {
  if (!list.is_quicklist()) return 1;
  size_t blocks = 0;
  for (const ListBlock* block = list.first_block(); block != nullptr; block = block->next) {
    if (++blocks > kPiecesMax) break;
  }
  return blocks;
}

size_t pieces_of_stream(const Stream& stream) {
  const auto& groups = stream.groups();
  size_t pieces = stream.block_count() + 1;
  if (groups.size() > 0) pieces += groups.size() * (1 + groups.front()->pending().size());
  return pieces;
}

size_t pieces_of(const Entry& entry) {
  const Object& object = *Keyspace::object_of(entry);
  if (entry.type() == Type::list) return pieces_of_list(static_cast<const List&>(object));
  if (entry.type() == Type::stream) return pieces_of_stream(static_cast<const Stream&>(object));
  return object.elements();
}

}  // namespace

void note_lazily_freed(const Entry& entry) {
  if (is_lazy(removal_reason) && pieces_of(entry) > kPiecesMax) {
    lazily_freed.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace larder
