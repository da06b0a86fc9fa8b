// Bytes on their way to one client: a contiguous buffer plus big values that are referred to
// instead of copied. Written and sent by the connection's own thread only.
//
//   text_ : |+OK\r\n$70000\r\n|\r\n:1\r\n|
//                             ^ pieces_[0] stands here: 70,000 bytes, kept alive by its owner
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace larder {

class Output {
 public:
  // Values from this size on are worth an own piece of the gathered write.
  static constexpr size_t kPieceBytesMin = 16 * 1024;
  // A buffer this large stays with its output when all is sent.
  static constexpr size_t kKeepBytes = 64 * 1024;

  void append(Bytes bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void append(char byte) { *extend(1) = byte; }
  // Makes `bytes` more and returns where they start; the caller fills them.
  char* extend(size_t bytes) {
    if (capacity_ - size_ < bytes) [[unlikely]] grow(bytes);
    char* const start = text_.get() + size_;
    size_ += bytes;
    return start;
  }
  // Room for so many bytes in all.
  void reserve(size_t bytes) {
    if (capacity_ < bytes) grow(bytes - size_);
  }
  // Takes back what was made too much: `end` is behind the last byte filled.
  void end_at(const char* end) { size_ = static_cast<size_t>(end - text_.get()); }
  // Refers to `bytes`, which `owner` keeps alive until they are sent.
  void append_shared(Bytes bytes, std::shared_ptr<const void> owner);
  // Takes over all that `from` holds.
  void append_all(Output& from);

  // Bytes not sent yet.
  size_t pending() const { return size_ - sent_ + pieces_bytes_; }
  bool empty() const { return pending() == 0; }
  size_t capacity() const { return capacity_; }

  // Frees the thread's spare buffers that nobody took since the last call, and returns how many
  // bytes it keeps: they belong to no output.
  static size_t trim_spares();

  // Fills `views` with up to `max` runs of bytes in order; returns how many.
  size_t gather(Bytes* views, size_t max) const;
  // The first `bytes` were sent.
  void consume(size_t bytes);
  void clear();

  // For replies whose length is known only at the end: text written since `mark` may be moved to
  // make room for a header.
  size_t mark() const { return size_; }
  void insert(size_t at, Bytes header);
  // Takes back everything appended since `mark` (which must not lie before sent bytes).
  void rewind(size_t mark);
  // The same, but it goes to the end of `to`.
  void move_since(size_t mark, Output& to);
  Bytes text_since(size_t mark) const { return text().substr(mark); }

 private:
  struct Piece {
    size_t at;  // offset in text_ before which it stands
    Bytes bytes;
    std::shared_ptr<const void> owner;
  };

  Bytes text() const { return {text_.get(), size_}; }
  void grow(size_t bytes);

  std::unique_ptr<char[]> text_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool was_large_ = false;  // what was last sent; then the next is, mostly
  size_t sent_ = 0;  // of text_
  std::vector<Piece> pieces_;
  size_t pieces_bytes_ = 0;
};

}  // namespace larder
