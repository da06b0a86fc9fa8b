#include "protocol/output.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace larder {

namespace {

// A larger one of up to this size has this size, and goes back to the thread's spare ones: malloc
// would give its pages to the kernel after each batch of long replies, and clear them for the next.
constexpr size_t kSpareBytes = 256 * 1024;
constexpr size_t kSpares = 4;  // a mebibyte for each thread

struct Spares {
  std::vector<std::unique_ptr<char[]>> texts;
  size_t unused = 0;  // the fewest there were since the last trim
};

Spares& spares() {
  thread_local Spares spares;
  return spares;
}

std::unique_ptr<char[]> make_text(size_t bytes) {
  auto& [texts, unused] = spares();
  if (bytes != kSpareBytes || texts.empty()) return std::unique_ptr<char[]>(new char[bytes]);
  std::unique_ptr<char[]> text = std::move(texts.back());
  texts.pop_back();
  unused = std::min(unused, texts.size());
  return text;
}

void drop_text(std::unique_ptr<char[]> text, size_t bytes) {
  std::vector<std::unique_ptr<char[]>>& texts = spares().texts;
  if (bytes == kSpareBytes && texts.size() < kSpares) texts.push_back(std::move(text));
}

}  // namespace

void Output::grow(size_t bytes) {
  constexpr size_t kFirstBytes = 512;
  size_t capacity = std::max({size_ + bytes, 2 * capacity_, kFirstBytes});
  const bool large = capacity > kKeepBytes || (was_large_ && capacity_ == 0);
  if (large) capacity = std::max(capacity, kSpareBytes);
  std::unique_ptr<char[]> text = make_text(capacity);
  if (size_ > 0) std::memcpy(text.get(), text_.get(), size_);
  text_.swap(text);
  drop_text(std::move(text), std::exchange(capacity_, capacity));
}

size_t Output::trim_spares() {
  auto& [texts, unused] = spares();
  texts.resize(texts.size() - unused);
  unused = texts.size();
  return texts.size() * kSpareBytes;
}

void Output::append_shared(Bytes bytes, std::shared_ptr<const void> owner) {
  if (bytes.empty()) return;
  pieces_.push_back({size_, bytes, std::move(owner)});
  pieces_bytes_ += bytes.size();
}

void Output::append_all(Output& from) {
  size_t at = from.sent_;
  for (Piece& piece : from.pieces_) {
    append(from.text().substr(at, piece.at - at));
    append_shared(piece.bytes, std::move(piece.owner));
    at = piece.at;
  }
  append(from.text().substr(at));
  from.clear();
}

size_t Output::gather(Bytes* views, size_t max) const {
  size_t count = 0;
  size_t at = sent_;
  const auto add = [&](Bytes bytes) {
    if (!bytes.empty()) views[count++] = bytes;
  };
  for (const Piece& piece : pieces_) {
    if (count + 2 > max) return count;
    add(text().substr(at, piece.at - at));
    add(piece.bytes);
    at = piece.at;
  }
  if (count < max) add(text().substr(at));
  return count;
}

void Output::consume(size_t bytes) {
  size_t done = 0;
  while (bytes > 0 && done < pieces_.size()) {
    Piece& piece = pieces_[done];
    const size_t text = std::min(bytes, piece.at - sent_);
    sent_ += text;
    bytes -= text;
    if (sent_ < piece.at || bytes == 0) break;
    const size_t shared = std::min(bytes, piece.bytes.size());
    piece.bytes.remove_prefix(shared);
    pieces_bytes_ -= shared;
    bytes -= shared;
    if (!piece.bytes.empty()) break;
    ++done;
  }
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(done));
  sent_ += bytes;
  DCHECK(sent_ <= size_);
  if (empty()) clear();
}

void Output::clear() {
  was_large_ = size_ > kKeepBytes;
  size_ = 0;
  if (capacity_ > kKeepBytes) drop_text(std::move(text_), std::exchange(capacity_, 0));
  pieces_.clear();
  sent_ = 0;
  pieces_bytes_ = 0;
}

void Output::insert(size_t at, Bytes header) {
  extend(header.size());
  char* const place = text_.get() + at;
  std::memmove(place + header.size(), place, size_ - header.size() - at);
  std::memcpy(place, header.data(), header.size());
  for (Piece& piece : pieces_) {
    if (piece.at >= at) piece.at += header.size();
  }
}

void Output::move_since(size_t mark, Output& to) {
  size_t at = mark;
  for (Piece& piece : pieces_) {
    if (piece.at <= mark) continue;
    to.append(text().substr(at, piece.at - at));
    to.append_shared(piece.bytes, std::move(piece.owner));
    at = piece.at;
  }
  to.append(text().substr(at));
  rewind(mark);
}

void Output::rewind(size_t mark) {
  DCHECK(mark >= sent_);
  while (!pieces_.empty() && pieces_.back().at > mark) {
    pieces_bytes_ -= pieces_.back().bytes.size();
    pieces_.pop_back();
  }
  size_ = mark;
}

}  // namespace larder
