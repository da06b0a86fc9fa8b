#include "client/channel.h"

#include <utility>

namespace larder {
namespace {

// A publisher faster than we read must not keep take_pushes() from returning.
constexpr size_t kPushBytesMax = 16 * 1024 * 1024;

}  // namespace

void Channel::reset() {
  parser_.reset();
  in_.clear();
  consumed_ = 0;
}

ClientError Channel::give_up(ClientError::Kind kind, std::string text) {
  transport_.close();
  reset();
  return {kind, std::move(text)};
}

ClientError Channel::gone(const Transport::Progress& progress) {
  const bool ended = progress.state == Transport::State::ended;
  return give_up(ClientError::Kind::lost,
                 ended ? "the server closed the connection" : "connection lost: " + progress.error);
}

ClientDone Channel::exchange(Bytes requests, size_t count, int64_t silence_ms_max,
                             std::vector<Reply>& replies) {
  const size_t end = replies.size() + count;
  replies.reserve(end);
  int64_t deadline_ms = now_ms_() + silence_ms_max;
  while (!requests.empty() || replies.size() < end) {
    const auto progress = transport_.transfer(requests, in_, deadline_ms);
    requests.remove_prefix(progress.sent);
    const size_t had = replies.size();
    // What came before the end of a connection counts.
    const auto pushes = parse(end - had, replies);
    if (!pushes) return pushes.error();
    if (requests.empty() && replies.size() == end) break;
    if (progress.state == Transport::State::timed_out) {
      return give_up(ClientError::Kind::timed_out,
                     "no reply within " + std::to_string(silence_ms_max) + " ms");
    }
    if (progress.state != Transport::State::ok) return gone(progress);
    if (progress.sent > 0 || replies.size() > had) deadline_ms = now_ms_() + silence_ms_max;
  }
  return Done{};
}

Result<size_t, ClientError> Channel::take_pushes(int64_t deadline_ms) {
  std::vector<Reply> none;
  size_t pushes = 0;
  size_t received = 0;
  while (received < kPushBytesMax) {
    const auto progress = transport_.transfer({}, in_, pushes == 0 ? deadline_ms : 0);
    received += progress.received;
    const auto more = parse(0, none);
    if (!more) return more.error();
    pushes += *more;
    if (progress.state == Transport::State::timed_out) break;
    if (progress.state != Transport::State::ok) return gone(progress);
  }
  return pushes;
}

Result<size_t, ClientError> Channel::parse(size_t wanted, std::vector<Reply>& replies) {
  size_t pushes = 0;
  while (consumed_ < in_.size()) {
    const Bytes left = Bytes(in_).substr(consumed_);
    const auto outcome = parser_.next(left);
    if (outcome == ReplyParser::Outcome::need_more) break;
    if (outcome == ReplyParser::Outcome::error) {
      return give_up(ClientError::Kind::protocol, "the server sent " + parser_.error());
    }
    Reply reply = make_reply(left.substr(0, parser_.size()));
    consumed_ += parser_.size();
    if (reply.type == Reply::Type::push) {
      ++pushes;
      if (push_handler_) push_handler_(reply);
    } else if (wanted == 0) {
      return give_up(ClientError::Kind::protocol, "the server sent a reply to no request");
    } else {
      --wanted;
      replies.push_back(std::move(reply));
    }
  }
  if (consumed_ == in_.size()) {
    in_.clear();
    consumed_ = 0;
  } else if (consumed_ > in_.size() / 2) {  // moved rarely: each byte at most about once
    in_.erase(0, consumed_);
    consumed_ = 0;
  }
  return pushes;
}

}  // namespace larder
