// Bulk strings gathered over a long walk, whose number is known only at its end. They are kept in
// pieces, because doubling one buffer would copy megabytes at once, and the reply refers to large
// pieces instead of copying them.
#pragma once

#include <memory>
#include <vector>

#include "protocol/reply_writer.h"

namespace larder {

class ReplyPieces {
 public:
  void add(Bytes bytes) {
    if (pieces_.empty() || pieces_.back()->pending() >= kPieceBytes) {
      pieces_.push_back(std::make_shared<Output>());
    }
    ReplyWriter(*pieces_.back(), 2).bulk(bytes);
    ++count_;
  }
  size_t count() const { return count_; }
  // Writes all strings; the header is the caller's.
  void write(ReplyWriter& reply) const {
    for (const auto& piece : pieces_) {
      const Bytes text = piece->text_since(0);
      const bool worth_sharing = text.size() >= Output::kPieceBytesMin;
      worth_sharing ? reply.output().append_shared(text, piece) : reply.output().append(text);
    }
  }

 private:
  static constexpr size_t kPieceBytes = 128 * 1024;

  std::vector<std::shared_ptr<Output>> pieces_;
  size_t count_ = 0;
};

}  // namespace larder
