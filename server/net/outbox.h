// What a client is to be sent, in order: replies, replies that wait for replicas, and what it is
// told without having asked, which neither cuts a reply through nor overtakes one.
#pragma once

#include <memory>
#include <string>

#include "protocol/output.h"
#include "server/net/held_replies.h"
#include "server/net/reply_peak.h"

namespace larder {

class Outbox {
 public:
  // What may be sent now.
  Output& output() { return output_; }
  const Output& output() const { return output_; }
  // Without the replies that wait for replicas.
  size_t pending_bytes() const { return output_.pending() + deferred_.size(); }
  size_t capacity() const { return output_.capacity() + deferred_.capacity(); }

  // A message that is no reply.
  void append(Bytes bytes) {
    const size_t mark = output_.mark();
    output_.append(bytes);
    put_behind_held(mark);
  }
  // The same of a push: '>' or '*', `head`, `tail`. A long tail is referred to and kept alive by
  // `owner`.
  void push(char kind, Bytes head, Bytes tail, const std::shared_ptr<const void>& owner) {
    const size_t mark = output_.mark();
    output_.append(kind);
    output_.append(head);
    if (tail.size() >= Output::kPieceBytesMin) {
      output_.append_shared(tail, owner);
    } else {
      output_.append(tail);
    }
    put_behind_held(mark);
  }
  // Both while a reply is being written: they come behind it.
  void defer(Bytes bytes) { deferred_.append(bytes); }
  void defer_push(char kind, Bytes head, Bytes tail) {
    deferred_.append(1, kind).append(head).append(tail);
  }
  // The reply is written.
  void append_deferred() {
    if (deferred_.empty()) [[likely]] return;
    append(deferred_);
    deferred_ = {};
  }

  // Some replies wait for replicas.
  bool holds() const { return held_ != nullptr; }
  size_t held_bytes() const { return held_ == nullptr ? 0 : held_->bytes(); }
  // So does the reply since `mark`: see HeldReplies.
  void hold(size_t mark, uint64_t offset, int64_t until_ms) {
    if (held_ == nullptr) held_ = std::make_unique<HeldReplies>();
    held_->add(output_, mark, offset, until_ms);
  }
  template <typename Error>
  void release(uint64_t acked, int64_t now_ms, Error error) {
    held_->release(acked, now_ms, output_, error);
    if (held_->empty()) held_.reset();
  }

  ReplyPeak& peak() { return peak_; }
  const ReplyPeak& peak() const { return peak_; }

 private:
  // An invalidation does not overtake the value that it is about.
  void put_behind_held(size_t mark) {
    if (held_ != nullptr) [[unlikely]] held_->add_behind(output_, mark);
  }

  Output output_;
  std::string deferred_;
  std::unique_ptr<HeldReplies> held_;  // null: none
  ReplyPeak peak_;
};

}  // namespace larder
