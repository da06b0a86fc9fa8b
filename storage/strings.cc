#include "storage/strings.h"

#include <algorithm>

#include "base/check.h"
#include "base/numbers.h"

namespace larder {
namespace {

// A blob grows to twice what is needed, as long as the surplus is below this.
constexpr size_t kSurplusMax = 1024 * 1024;

size_t grown(size_t bytes) { return bytes + std::min(bytes, kSurplusMax); }

Blob* blob_of(const Entry& entry) { return load<Blob*>(entry.payload()); }

Item lay_out(Keyspace& keyspace, const Key& key, Item item, const EntryShape& shape) {
  if (!item) return keyspace.add(key, shape);
  // The common overwrite: same shape, nothing to allocate.
  Entry* entry = item.entry();
  const bool same = entry->encoding() == shape.encoding && entry->type() == shape.type &&
                    entry->payload_bytes() == shape.payload_bytes &&
                    shape.encoding != Encoding::blob && entry->expiry_ms() == kNoExpiry &&
                    shape.expiry_ms == kNoExpiry;
  return same ? item : keyspace.reshape(item, shape);
}

Item put_payload(Keyspace& keyspace, const Key& key, Item item, Encoding encoding, Bytes payload,
                 int64_t expiry_ms, size_t outside_bytes = 0) {
  const Item placed = lay_out(keyspace, key, item,
                              {.type = Type::string,
                               .encoding = encoding,
                               .key_bytes = key.name.size(),
                               .payload_bytes = payload.size(),
                               .expiry_ms = expiry_ms,
                               .outside_bytes = outside_bytes});
  std::memcpy(placed->payload(), payload.data(), payload.size());
  return placed;
}

// Lays a value out outside its entry.
Item put_blob(Keyspace& keyspace, Item item, Blob* blob) {
  EntryShape shape = item->shape();
  shape.encoding = Encoding::blob;
  shape.payload_bytes = sizeof(Blob*);
  item = keyspace.reshape(item, shape);
  store(item->payload(), blob);
  return item;
}

MutableString edit_blob(Keyspace& keyspace, Item item, size_t size) {
  Blob* blob = blob_of(*item.entry());
  const size_t before = blob->size();
  if (blob->refs() > 1 || blob->capacity() < size) {
    Blob* copy = keyspace.make_blob(size, size > before ? grown(size) : size);
    std::memcpy(copy->data(), blob->data(), std::min(before, size));
    store(item->payload(), copy);
    keyspace.drop_blob(blob);
    blob = copy;
  }
  blob->set_size(size);
  if (size > before) std::memset(blob->data() + before, 0, size - before);
  return {item, blob->data(), size};
}

}  // namespace

Bytes string_bytes(const Entry& entry, IntegerText& scratch) {
  switch (entry.encoding()) {
    case Encoding::integer:
      return {scratch.text, format_int64(load<int64_t>(entry.payload()), scratch.text)};
    case Encoding::blob: return blob_of(entry)->bytes();
    default: return entry.payload_view();
  }
}

size_t string_length(const Entry& entry) {
  IntegerText scratch;
  return string_bytes(entry, scratch).size();
}

std::optional<int64_t> string_integer(const Entry& entry) {
  if (entry.encoding() == Encoding::integer) return load<int64_t>(entry.payload());
  if (entry.encoding() == Encoding::blob) return {};
  return parse_int64(entry.payload_view());
}

std::shared_ptr<const void> string_share(const Entry& entry) {
  return entry.encoding() == Encoding::blob ? blob_of(entry)->share() : nullptr;
}

Bytes string_encoding_name(const Entry& entry) {
  if (entry.encoding() == Encoding::integer) return "int";
  const bool embedded =
      entry.encoding() == Encoding::embedded && entry.payload_bytes() <= kEmbeddedMax;
  return embedded ? "embstr" : "raw";
}

Item put_string(Keyspace& keyspace, const Key& key, Item item, Bytes value, int64_t expiry_ms) {
  constexpr size_t kIntegerTextMax = 20;
  if (value.size() <= kIntegerTextMax) {
    if (const auto integer = parse_int64(value)) {
      return put_integer(keyspace, key, item, *integer, expiry_ms);
    }
  }
  return put_text(keyspace, key, item, value, expiry_ms, Encoding::embedded);
}

Item put_text(Keyspace& keyspace, const Key& key, Item item, Bytes value, int64_t expiry_ms,
              Encoding encoding) {
  if (value.size() < kBlobBytesMin) {
    return put_payload(keyspace, key, item, encoding, value, expiry_ms);
  }
  Blob* blob = keyspace.make_blob(value.size(), value.size());
  std::memcpy(blob->data(), value.data(), value.size());
  char pointer[sizeof blob];
  store(pointer, blob);
  return put_payload(keyspace, key, item, Encoding::blob, {pointer, sizeof pointer}, expiry_ms,
                     blob->memory_bytes());
}

Item put_integer(Keyspace& keyspace, const Key& key, Item item, int64_t value,
                 int64_t expiry_ms) {
  char bytes[sizeof value];
  store(bytes, value);
  return put_payload(keyspace, key, item, Encoding::integer, {bytes, sizeof bytes}, expiry_ms);
}

MutableString edit_string(Keyspace& keyspace, Item item, size_t size) {
  if (item->encoding() == Encoding::blob) return edit_blob(keyspace, item, size);
  IntegerText scratch;
  const Bytes old = string_bytes(*item.entry(), scratch);
  if (size >= kBlobBytesMin) {
    // A new string hardly grows further; one that was there, APPEND by APPEND.
    Blob* blob = keyspace.make_blob(size, old.empty() ? size : grown(size));
    const size_t keep = std::min(old.size(), size);
    std::memcpy(blob->data(), old.data(), keep);
    std::memset(blob->data() + keep, 0, size - keep);
    return {put_blob(keyspace, item, blob), blob->data(), size};
  }
  const size_t before = old.size();
  if (item->encoding() == Encoding::integer) {
    item = keyspace.resize_payload(item, size, Encoding::raw);
    std::memcpy(item->payload(), scratch.text, std::min(before, size));
  } else {
    item = keyspace.resize_payload(item, size, Encoding::raw);
  }
  if (size > before) std::memset(item->payload() + before, 0, size - before);
  return {item, item->payload(), size};
}

}  // namespace larder
