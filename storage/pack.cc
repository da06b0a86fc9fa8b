#include "storage/pack.h"

#include <limits>

#include "base/check.h"
#include "base/numbers.h"

namespace larder {
namespace {

constexpr uint8_t kStringMax = 0x7f;
constexpr uint8_t kTiny = 0x80;
constexpr int64_t kTinyMax = 111;
constexpr uint8_t kInteger = 0xf0;
constexpr uint8_t kString16 = 0xf8;
constexpr uint8_t kString32 = 0xf9;
}  // namespace

Pack::Item Pack::at(size_t offset) const {
  DCHECK(offset < bytes_.size());
  const char* from = bytes_.data() + offset;
  const auto head = static_cast<uint8_t>(*from);
  if (head <= kStringMax) return {{false, 0, Bytes(from + 1, head)}, offset, size_t{1} + head};
  if (head < kInteger) return {{true, head - kTiny, {}}, offset, 1};
  if (head < kInteger + kPackedWidths.size()) {
    const unsigned width = kPackedWidths[head - kInteger];
    return {{true, load_packed(from + 1, width), {}}, offset, size_t{1} + width};
  }
  if (head == kString16) {
    const size_t length = load<uint16_t>(from + 1);
    return {{false, 0, Bytes(from + 3, length)}, offset, 3 + length};
  }
  const size_t length = load<uint32_t>(from + 1);
  return {{false, 0, Bytes(from + 5, length)}, offset, 5 + length};
}

size_t Pack::count() const {
  size_t items = 0;
  for (size_t offset = 0; !is_end(offset); offset = at(offset).end()) ++items;
  return items;
}

std::optional<Pack::Item> Pack::item(size_t index) const {
  for (size_t offset = 0; !is_end(offset);) {
    const Item item = at(offset);
    if (index-- == 0) return item;
    offset = item.end();
  }
  return {};
}

std::optional<Pack::Item> Pack::find(Bytes wanted, size_t first, size_t step) const {
  const PackedValue form = form_of(wanted);
  size_t index = 0;
  for (size_t offset = 0; !is_end(offset); ++index) {
    const Item item = at(offset);
    if (index >= first && (index - first) % step == 0 && item.equals(form)) return item;
    offset = item.end();
  }
  return {};
}

void Pack::append(std::string& out, Bytes value) {
  const PackedValue form = form_of(value);
  form.is_integer ? append_integer(out, form.integer) : append_raw(out, value);
}

void Pack::append_raw(std::string& out, Bytes value) {
  if (value.size() <= kStringMax) {
    out.push_back(static_cast<char>(value.size()));
  } else if (value.size() <= std::numeric_limits<uint16_t>::max()) {
    out.append(3, static_cast<char>(kString16));
    store(out.data() + out.size() - 2, static_cast<uint16_t>(value.size()));
  } else {
    out.append(5, static_cast<char>(kString32));
    store(out.data() + out.size() - 4, static_cast<uint32_t>(value.size()));
  }
  out.append(value);
}

void Pack::append_integer(std::string& out, int64_t value) {
  if (value >= 0 && value <= kTinyMax) {
    out.push_back(static_cast<char>(kTiny + value));
    return;
  }
  const unsigned form = packed_width_index(value);
  out.push_back(static_cast<char>(kInteger + form));
  out.append(reinterpret_cast<const char*>(&value), kPackedWidths[form]);
}

}  // namespace larder
