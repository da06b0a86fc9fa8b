// Replies that wait until enough replicas have the write they are about (replication-ack), and the
// replies of later requests behind them: a client gets its replies in order.
#pragma once

#include <cstdint>
#include <deque>

#include "protocol/output.h"

namespace larder {

class HeldReplies {
 public:
  bool empty() const { return replies_.empty(); }
  // Takes what was appended to `from` since `mark`. `offset`: end of the client's last write. A
  // reply that is not the first behind that write waits for those before it only.
  void add(Output& from, size_t mark, uint64_t offset, int64_t until_ms) {
    Reply& reply = replies_.emplace_back();
    from.move_since(mark, reply.bytes);
    reply.offset = offset == last_offset_ ? 0 : offset;
    last_offset_ = offset;
    reply.until_ms = until_ms;
    bytes_ += reply.bytes.pending();
  }
  // The same for what is no reply: it waits for those before it only.
  void add_behind(Output& from, size_t mark) {
    Reply& push = replies_.emplace_back();
    from.move_since(mark, push.bytes);
    bytes_ += push.bytes.pending();
  }
  // Hands out those that wait for nothing beyond `acked`; one whose time is over is replaced by
  // what `error(offset)` writes.
  template <typename Error>
  void release(uint64_t acked, int64_t now_ms, Output& out, Error error) {
    while (!replies_.empty()) {
      Reply& first = replies_.front();
      const bool waits = first.offset > acked;
      if (waits && now_ms < first.until_ms) return;
      bytes_ -= first.bytes.pending();
      waits ? error(first.offset) : out.append_all(first.bytes);
      replies_.pop_front();
    }
  }
  size_t bytes() const { return bytes_; }

 private:
  struct Reply {
    Output bytes;
    uint64_t offset = 0;  // end of the write in the effect log
    int64_t until_ms = 0;
  };

  std::deque<Reply> replies_;
  size_t bytes_ = 0;
  uint64_t last_offset_ = 0;
};

}  // namespace larder
