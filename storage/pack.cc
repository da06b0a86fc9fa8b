#include "storage/pack.h"

#include <limits>

#include "base/check.h"
#include "base/numbers.h"
#include "storage/field_names.h"

namespace larder {
namespace {

constexpr uint8_t kStringMax = 0x7f;
constexpr uint8_t kTiny = 0x80;
constexpr int64_t kTinyMax = 111;
constexpr uint8_t kInteger = 0xf0;
constexpr uint8_t kString16 = 0xf8;
constexpr uint8_t kString32 = 0xf9;
constexpr uint8_t kName8 = 0xfa;
constexpr uint8_t kName16 = 0xfb;

// The bytes of an item as they are to stand in a pack: a short beginning, and a string's own.
class ItemBytes {
 public:
  static ItemBytes of(Bytes value) {
    const PackedValue form = Pack::form_of(value);
    return form.is_integer ? of_integer(form.integer) : of_string(value);
  }
  static ItemBytes of_string(Bytes value) {
    ItemBytes item;
    item.string_ = value;
    item.is_string_ = true;
    if (value.size() <= kStringMax) {
      item.begin(static_cast<uint8_t>(value.size()), nullptr, 0);
    } else if (const size_t size = value.size(); size <= std::numeric_limits<uint16_t>::max()) {
      item.begin(kString16, &size, 2);
    } else {
      item.begin(kString32, &size, 4);
    }
    return item;
  }
  static ItemBytes of_integer(int64_t value) {
    ItemBytes item;
    if (value >= 0 && value <= kTinyMax) {
      item.begin(static_cast<uint8_t>(kTiny + value), nullptr, 0);
    } else {
      const unsigned form = packed_width_index(value);
      item.begin(static_cast<uint8_t>(kInteger + form), &value, kPackedWidths[form]);
    }
    return item;
  }
  static ItemBytes of_number(unsigned name) {
    ItemBytes item;
    const bool is_small = name <= std::numeric_limits<uint8_t>::max();
    item.begin(is_small ? kName8 : kName16, &name, is_small ? 1 : 2);
    return item;
  }

  bool is_string() const { return is_string_; }
  bool equals(const char* at, size_t size) const {
    return *at == begin_[0] && size == begin_bytes_ + string_.size() &&
           std::memcmp(at, begin_, begin_bytes_) == 0 &&
           std::memcmp(at + begin_bytes_, string_.data(), string_.size()) == 0;
  }
  void append_to(std::string& out) const {
    out.append(begin_, begin_bytes_);
    out.append(string_);
  }

 private:
  // Numbers are little endian, as this machine has them.
  void begin(uint8_t head, const void* number, size_t bytes) {
    begin_[0] = static_cast<char>(head);
    if (bytes > 0) std::memcpy(begin_ + 1, number, bytes);
    begin_bytes_ = 1 + bytes;
  }

  char begin_[9] = {};
  size_t begin_bytes_ = 0;
  Bytes string_ = "";
  bool is_string_ = false;
};

// Bytes of the item whose head this is.
inline size_t size_at(const char* at) {
  const auto head = static_cast<uint8_t>(*at);
  if (head <= kStringMax) return size_t{1} + head;
  if (head < kInteger) return 1;
  switch (head) {
    case kString16:
      return size_t{3} + load<uint16_t>(at + 1);
    case kString32:
      return size_t{5} + load<uint32_t>(at + 1);
    case kName8:
      return 2;
    case kName16:
      return 3;
    default:
      return size_t{1} + kPackedWidths[head - kInteger];
  }
}

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
  if (head == kString32) {
    const size_t length = load<uint32_t>(from + 1);
    return {{false, 0, Bytes(from + 5, length)}, offset, 5 + length};
  }
  const FieldNames& names = FieldNames::of_process();
  if (head == kName8) return {{false, 0, names.name(static_cast<uint8_t>(from[1]))}, offset, 2};
  return {{false, 0, names.name(load<uint16_t>(from + 1))}, offset, 3};
}

size_t Pack::count() const {
  return search(1, [](const char*, size_t) { return false; }).passed;
}

std::optional<Pack::Item> Pack::item(size_t index) const {
  for (size_t offset = 0; !is_end(offset);) {
    const Item item = at(offset);
    if (index-- == 0) return item;
    offset = item.end();
  }
  return {};
}

// Calls equals(item, its bytes) for every step-th item until it says yes.
template <typename Equals>
Pack::Search Pack::search(size_t step, Equals equals) const {
  const char* at = bytes_.data();
  const char* const end = at + bytes_.size();
  Search result;
  for (size_t until_next = 0; at != end; ++result.passed) {
    const size_t size = size_at(at);
    if (until_next == 0) {
      if (equals(at, size)) {
        result.item = this->at(static_cast<size_t>(at - bytes_.data()));
        return result;
      }
      until_next = step;
    }
    --until_next;
    at += size;
  }
  return result;
}

std::optional<Pack::Item> Pack::find(Bytes wanted, size_t step) const {
  const ItemBytes form = ItemBytes::of(wanted);
  return search(step, [&](const char* at, size_t size) { return form.equals(at, size); }).item;
}

Pack::Search Pack::search_name(Bytes wanted, size_t step) const {
  const ItemBytes form = ItemBytes::of(wanted);
  const auto number = FieldNames::of_process().find(wanted);
  if (!number) {
    return search(step, [&](const char* at, size_t size) { return form.equals(at, size); });
  }
  const ItemBytes shared = ItemBytes::of_number(*number);
  return search(step, [&](const char* at, size_t size) {
    return shared.equals(at, size) || form.equals(at, size);
  });
}

void Pack::append(std::string& out, Bytes value) { ItemBytes::of(value).append_to(out); }

void Pack::append_name(std::string& out, Bytes name) {
  const ItemBytes form = ItemBytes::of(name);
  const auto number = form.is_string() ? FieldNames::of_process().number_for(name) : std::nullopt;
  number ? ItemBytes::of_number(*number).append_to(out) : form.append_to(out);
}

void Pack::append_raw(std::string& out, Bytes value) { ItemBytes::of_string(value).append_to(out); }

void Pack::append_integer(std::string& out, int64_t value) {
  ItemBytes::of_integer(value).append_to(out);
}

}  // namespace larder
