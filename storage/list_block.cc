#include "storage/list_block.h"

#include <lzf.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <vector>

namespace larder {

static_assert(sizeof(ListBlock) == ListBlock::kHeaderBytes);

ListBlock* ListBlock::make(Slab& slab, size_t capacity, ListEnd grows_at) {
  const size_t bytes = Slab::usable(kHeaderBytes + capacity);
  DCHECK(bytes - kHeaderBytes <= std::numeric_limits<uint32_t>::max());
  return new (slab.allocate(bytes))
      ListBlock(static_cast<uint32_t>(bytes - kHeaderBytes), grows_at);
}

namespace {

// Smaller blocks are not worth it.
constexpr size_t kFrozenFromBytes = 1024;
constexpr size_t kNumberBytes = sizeof(uint64_t);

// What does not get smaller in a part of the bodies will not as a whole; finding that out costs a
// tenth.
bool looks_compressible(const char* bodies, size_t bytes, size_t heads) {
  constexpr size_t kPart = 768;
  if (heads * 4 >= bytes || bytes < 2 * kPart) return true;
  char out[kPart];
  return lzf_compress(bodies + bytes / 2, kPart, out, kPart * 7 / 8) != 0;
}

// The frozen block that a thread read last, in plain form.
struct LastRead {
  uint64_t number = 0;
  std::vector<uint64_t> memory;  // aligned for a header
};
thread_local LastRead last_read;

}  // namespace

ListBlock* ListBlock::frozen(Slab& slab) const {
  const size_t bodies = bodies_end_ - bodies_begin_;
  const size_t bytes = count() + bodies;
  constexpr size_t kBytesMax = std::numeric_limits<uint16_t>::max();
  if (bytes < kFrozenFromBytes || bytes > kBytesMax) return nullptr;
  if (!looks_compressible(data() + bodies_begin_, bodies, count())) return nullptr;
  static std::atomic<uint64_t> last_number{0};
  std::vector<char> together(bytes);
  std::memcpy(together.data(), data() + heads_begin_, count());
  std::memcpy(together.data() + count(), data() + bodies_begin_, bodies);
  const size_t most = bytes / 8 * 7 - kNumberBytes;
  std::vector<char> packed(most);
  const size_t packed_bytes = lzf_compress(together.data(), static_cast<unsigned>(bytes),
                                           packed.data(), static_cast<unsigned>(most));
  if (packed_bytes == 0) return nullptr;
  auto* block = new (slab.allocate(kHeaderBytes + kNumberBytes + packed_bytes))
      ListBlock(static_cast<uint32_t>(bytes), grows_at_);
  block->heads_end_ = static_cast<uint32_t>(count());
  block->bodies_begin_ = block->heads_end_;
  block->frozen_bytes_ = static_cast<uint16_t>(kNumberBytes + packed_bytes);
  store(block->data(), last_number.fetch_add(1, std::memory_order_relaxed) + 1);
  std::memcpy(block->data() + kNumberBytes, packed.data(), packed_bytes);
  return block;
}

void ListBlock::thaw_to(char* data) const {
  const unsigned bytes =
      lzf_decompress(this->data() + kNumberBytes,
                     static_cast<unsigned>(frozen_bytes_ - kNumberBytes), data, capacity_);
  CHECK(bytes == capacity_);
}

ListBlock* ListBlock::thawed(Slab& slab) const { return plain()->copy(slab, capacity_); }

const ListBlock* ListBlock::thawed_for_reading() const {
  LastRead& last = last_read;
  const auto number = load<uint64_t>(data());
  if (last.number != number) {
    last.memory.resize((kHeaderBytes + capacity_ + 7) / 8);
    auto* block = new (last.memory.data()) ListBlock(capacity_, grows_at_);
    block->heads_end_ = heads_end_;
    block->bodies_begin_ = bodies_begin_;
    thaw_to(block->data());
    last.number = number;
  }
  return reinterpret_cast<const ListBlock*>(last.memory.data());
}

ListBlock* ListBlock::copy(Slab& slab, size_t capacity) const {
  if (is_frozen()) {
    auto* twin = static_cast<ListBlock*>(slab.allocate(bytes()));
    std::memcpy(static_cast<void*>(twin), this, bytes());
    twin->prev = twin->next = nullptr;
    return twin;
  }
  ListBlock* to = make(slab, capacity, grows_at_);
  const size_t bodies = bodies_end_ - bodies_begin_;
  to->heads_end_ = static_cast<uint32_t>(count());
  to->bodies_begin_ = to->bodies_end_ - static_cast<uint32_t>(bodies);
  std::memcpy(to->data(), data() + heads_begin_, count());
  std::memcpy(to->data() + to->bodies_begin_, data() + bodies_begin_, bodies);
  return to;
}

uint8_t ListBlock::head_of(const PackedValue& value) {
  if (value.is_integer) {
    if (value.integer >= 0 && value.integer <= kTinyMax) {
      return static_cast<uint8_t>(kTiny + value.integer);
    }
    return static_cast<uint8_t>(kInteger + packed_width_index(value.integer));
  }
  const size_t length = value.string.size();
  if (length <= kStringMax) return static_cast<uint8_t>(length);
  return length <= std::numeric_limits<uint16_t>::max() ? kString16 : kString32;
}

size_t ListBlock::body_bytes(const PackedValue& value) {
  const uint8_t head = head_of(value);
  if (head <= kStringMax) return head;
  if (head < kInteger) return 0;
  if (head < kString16) return kPackedWidths[head - kInteger];
  return value.string.size() + (head == kString16 ? 4 : 8);
}

void ListBlock::write_body(char* to, const PackedValue& value) {
  const uint8_t head = head_of(value);
  const Bytes string = value.string;
  if (head <= kStringMax) {
    std::copy(string.begin(), string.end(), to);  // may be empty and nowhere
  } else if (head == kString16) {
    const auto length = static_cast<uint16_t>(string.size());
    store(to, length);
    std::memcpy(to + 2, string.data(), string.size());
    store(to + 2 + string.size(), length);
  } else if (head == kString32) {
    const auto length = static_cast<uint32_t>(string.size());
    store(to, length);
    std::memcpy(to + 4, string.data(), string.size());
    store(to + 4 + string.size(), length);
  } else if (head >= kInteger) {
    std::memcpy(to, &value.integer, kPackedWidths[head - kInteger]);
  }
}

uint32_t ListBlock::other_bytes(uint8_t head, const char* at, unsigned lengths_back) {
  if (head < kInteger) return 0;
  if (head < kString16) return kPackedWidths[head - kInteger];
  if (head == kString16) return load<uint16_t>(at - 2 * lengths_back) + uint32_t{4};
  return load<uint32_t>(at - 4 * lengths_back) + 8;
}

PackedValue ListBlock::value(Place place) const {
  const uint8_t head = this->head(place.index);
  const char* body = data() + place.body;
  if (head <= kStringMax) return {false, 0, Bytes(body, head)};
  if (head < kInteger) return {true, head - kTiny, {}};
  if (head < kString16) return {true, load_packed(body, kPackedWidths[head - kInteger]), {}};
  if (head == kString16) return {false, 0, Bytes(body + 2, load<uint16_t>(body))};
  return {false, 0, Bytes(body + 4, load<uint32_t>(body))};
}

ListBlock::Place ListBlock::place(size_t index) const {
  DCHECK(index < count());
  const bool from_head = index < count() / 2;
  const ListEnd start = from_head ? ListEnd::head : ListEnd::tail;
  size_t steps = from_head ? index : count() - 1 - index;
  Place place = outermost(start);
  while (steps-- > 0) place = step(place, opposite(start));
  return place;
}

bool ListBlock::try_append(const PackedValue& value) {
  const size_t bytes = body_bytes(value);
  if (free_bytes() < bytes + 1) return false;
  bodies_begin_ -= static_cast<uint32_t>(bytes);
  write_body(data() + bodies_begin_, value);
  data()[heads_end_++] = static_cast<char>(head_of(value));
  return true;
}

bool ListBlock::try_prepend(const PackedValue& value) {
  const size_t bytes = body_bytes(value);
  if (heads_begin_ == 0 || capacity_ - bodies_end_ < bytes) return false;
  write_body(data() + bodies_end_, value);
  bodies_end_ += static_cast<uint32_t>(bytes);
  data()[--heads_begin_] = static_cast<char>(head_of(value));
  return true;
}

// The item becomes number `index`; its body ends at `body_end`.
void ListBlock::insert_at(uint32_t index, uint32_t body_end, const PackedValue& value) {
  const auto bytes = static_cast<uint32_t>(body_bytes(value));
  DCHECK(free_bytes() >= bytes + 1);
  std::memmove(data() + bodies_begin_ - bytes, data() + bodies_begin_, body_end - bodies_begin_);
  bodies_begin_ -= bytes;
  write_body(data() + body_end - bytes, value);
  char* head = data() + heads_begin_ + index;
  std::memmove(head + 1, head, count() - index);
  *head = static_cast<char>(head_of(value));
  ++heads_end_;
}

bool ListBlock::try_insert(Place& place, ListEnd side, const PackedValue& value) {
  const size_t bytes = bytes_of(value);
  if (free_bytes() < bytes) {
    if (capacity_ - used_bytes() < bytes) return false;
    const uint32_t from_end = bodies_end_ - place.body;
    compact();
    place.body = bodies_end_ - from_end;
  }
  const bool newer = side == grows_at_;
  const uint32_t index = place.index + (newer ? 1 : 0);
  const uint32_t end = newer ? place.body : place.body + bytes_from(head(place.index), place.body);
  insert_at(index, end, value);
  place = {index, end - static_cast<uint32_t>(bytes - 1)};
  return true;
}

bool ListBlock::try_replace(Place place, const PackedValue& value) {
  const uint32_t old_bytes = bytes_from(head(place.index), place.body);
  const size_t bytes = body_bytes(value);
  if (bytes == old_bytes) {
    write_body(data() + place.body, value);
    data()[heads_begin_ + place.index] = static_cast<char>(head_of(value));
    return true;
  }
  if (free_bytes() + old_bytes < bytes) return false;
  const uint32_t end = place.body + old_bytes;
  erase(place);
  insert_at(place.index, end, value);
  return true;
}

void ListBlock::erase(Place place) {
  const uint32_t bytes = bytes_from(head(place.index), place.body);
  std::memmove(data() + bodies_begin_ + bytes, data() + bodies_begin_, place.body - bodies_begin_);
  bodies_begin_ += bytes;
  char* head = data() + heads_begin_ + place.index;
  std::memmove(head, head + 1, count() - place.index - 1);
  --heads_end_;
}

// The older ones stay where they are, the newer ones move up.
ListBlock::Place ListBlock::erase_and_step(Place place, ListEnd towards) {
  const Place neighbour = step(place, towards);
  const uint32_t end = place.body + bytes_from(head(place.index), place.body);
  erase(place);
  if (towards != grows_at_) return neighbour;
  return {place.index, neighbour.body + (end - place.body)};
}

void ListBlock::compact() {
  const size_t bodies = bodies_end_ - bodies_begin_;
  std::memmove(data(), data() + heads_begin_, count());
  heads_end_ = static_cast<uint32_t>(count());
  heads_begin_ = 0;
  std::memmove(data() + capacity_ - bodies, data() + bodies_begin_, bodies);
  bodies_end_ = capacity_;
  bodies_begin_ = capacity_ - static_cast<uint32_t>(bodies);
}

void ListBlock::validate() const {
  if (is_frozen()) {
    CHECK(plain()->count() == count() && plain()->used_bytes() == used_bytes());
    return plain()->validate();
  }
  CHECK(heads_begin_ < heads_end_ && heads_end_ <= bodies_begin_);
  CHECK(bodies_begin_ <= bodies_end_ && bodies_end_ <= capacity_);
  Place place = oldest();
  while (place.index + 1 < count()) {
    const Place after = newer(place);
    CHECK(older(after).body == place.body);
    place = after;
  }
  CHECK(place.body == bodies_begin_);
}

}  // namespace larder
