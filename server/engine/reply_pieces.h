// A reply gathered over a long walk: strings whose number is known only at its end. They are kept
// in pieces, because doubling one buffer would copy megabytes at once, and the reply refers to
// large pieces instead of copying them.
#pragma once

#include <memory>
#include <vector>

#include "protocol/reply_writer.h"

namespace larder {

class ReplyPieces {
 public:
  // Of the client's protocol version.
  explicit ReplyPieces(int version = 2) : version_(version) {}

  // Writes what comes next; good for one element.
  ReplyWriter next() {
    if (pieces_.empty()) {
      pieces_.push_back(std::make_shared<Output>());
    } else if (pieces_.back()->pending() >= kPieceBytes) {
      bytes_ += pieces_.back()->pending();
      pieces_.push_back(std::make_shared<Output>());
      pieces_.back()->reserve(Output::kKeepBytes);
    }
    return {*pieces_.back(), version_};
  }
  void add(Bytes bytes) {
    next().bulk(bytes);
    ++count_;
  }
  // Strings added by add().
  size_t count() const { return count_; }
  size_t bytes() const { return bytes_ + (pieces_.empty() ? 0 : pieces_.back()->pending()); }
  void clear() {
    pieces_.clear();
    bytes_ = count_ = 0;
  }
  // Writes all of it; the header is the caller's.
  void write(ReplyWriter& reply) const {
    for (const auto& piece : pieces_) {
      const Bytes text = piece->text_since(0);
      const bool worth_sharing = text.size() >= Output::kPieceBytesMin;
      worth_sharing ? reply.output().append_shared(text, piece) : reply.output().append(text);
    }
  }

 private:
  // Small enough for malloc's heap: a mapping for each piece costs the kernel more than the reply,
  // and others wait while it takes them back.
  static constexpr size_t kPieceBytes = Output::kKeepBytes - 8 * 1024;

  const int version_;
  std::vector<std::shared_ptr<Output>> pieces_;
  size_t bytes_ = 0;  // of all but the last
  size_t count_ = 0;
};

}  // namespace larder
