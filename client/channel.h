// Requests and replies over one transport: keeps pushes apart from replies and holds to time.
// Knows nothing of reconnecting; Client does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "client/error.h"
#include "client/reply.h"
#include "client/transport.h"
#include "protocol/reply_parser.h"

namespace larder {

// Called with each RESP3 push, on the thread that uses the client, while it waits for replies. It
// must not use that client.
using PushHandler = std::function<void(const Reply&)>;
// A steady clock in milliseconds.
using ClockMs = std::function<int64_t()>;

class Channel {
 public:
  // `transport` outlives the channel.
  Channel(Transport& transport, const ReplyLimits& limits, ClockMs now_ms)
      : transport_(transport), parser_(limits), now_ms_(std::move(now_ms)) {}

  void on_push(PushHandler handler) { push_handler_ = std::move(handler); }

  // Begins anew on a transport that was just opened.
  void reset();

  // Sends `requests` and appends their `count` replies. `silence_ms_max` is the longest wait
  // without a reply finished or a byte sent. Fails: timed_out, lost, protocol; the transport is
  // closed then, because what comes next would be taken for other requests' replies.
  ClientDone exchange(Bytes requests, size_t count, int64_t silence_ms_max,
                      std::vector<Reply>& replies);

  // Hands out pushes that have come or come until the deadline; returns after the first it had to
  // wait for, and in any case after 16 MB. A deadline in the past only looks. Returns how many.
  // Fails: lost, protocol (so is a reply nobody asked for).
  Result<size_t, ClientError> take_pushes(int64_t deadline_ms);

 private:
  // Parses what has come; `wanted` replies are taken at most. Returns how many pushes were met.
  Result<size_t, ClientError> parse(size_t wanted, std::vector<Reply>& replies);
  ClientError give_up(ClientError::Kind kind, std::string text);
  ClientError gone(const Transport::Progress& progress);

  Transport& transport_;
  ReplyParser parser_;
  ClockMs now_ms_;
  PushHandler push_handler_;
  std::string in_;       // received
  size_t consumed_ = 0;  // of it
};

}  // namespace larder
