// A connection to a Larder, Redis or Valkey server that repairs itself. Blocking, for one thread
// at a time: a program with many threads has one client each.
//
//   larder::Client client({.endpoint = {.host = "cache", .port = 6379}});
//   const auto reply = client.run({"GET", "k"});
//   if (!reply) return complain(reply.error().text);  // no reply
//   if (reply->is_error()) ...                        // the server said no
//
// Whatever fails closes the connection, and the next call connects anew: no reply is ever taken
// for another request's. A request is sent once: whether a lost one was run cannot be known, and
// only the caller knows whether it may be run twice.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/backoff.h"
#include "client/channel.h"
#include "client/error.h"
#include "client/handshake.h"
#include "client/reply.h"
#include "client/request.h"
#include "client/transport.h"
#include "protocol/reply_parser.h"

namespace larder {

struct ClientOptions {
  Endpoint endpoint;
  Identity identity;
  // For one attempt, handshake included.
  int64_t connect_ms_max = 2000;
  // Longest wait without a reply finished or a request's byte sent: a value that takes longer to
  // arrive needs more.
  int64_t command_ms_max = 5000;
  // Attempts to connect before a call fails, with waits as `backoff` says in between. At least 1.
  int connect_attempts = 5;
  BackoffOptions backoff;
  ReplyLimits limits;
};

// What tests replace.
struct ClientSeams {
  std::unique_ptr<Transport> transport;
  ClockMs now_ms;
  std::function<void(int64_t)> sleep_ms;
  uint64_t seed = 0;  // of the backoff
};

class Client {
 public:
  // Connects at the first call.
  explicit Client(ClientOptions options);
  Client(ClientOptions options, ClientSeams seams);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Connects unless connected. Fails: unreachable, timed_out or lost after all attempts; refused
  // or protocol at once, because trying again would not help.
  ClientDone connect();

  // Sends one command and waits for its reply. Fails as connect(), or timed_out, lost, protocol.
  Result<Reply, ClientError> run(std::initializer_list<Bytes> args) {
    return run(std::span<const Bytes>(args.begin(), args.size()));
  }
  Result<Reply, ClientError> run(std::span<const Bytes> args);
  // All or nothing: the replies, in order, or why there are not all of them.
  Result<std::vector<Reply>, ClientError> run(const Pipeline& pipeline);

  // Sends a command whose answer is a push: SUBSCRIBE and its like in RESP3.
  ClientDone post(std::initializer_list<Bytes> args);
  // RESP3 only: in RESP2 messages look like replies and are reported as a protocol error.
  void on_push(PushHandler handler);
  // Waits for pushes and hands them out; returns as soon as some came, or none in that time.
  // Returns how many. Fails: lost, protocol, or not connected (lost); it does not connect anew,
  // because the new connection would not be subscribed to anything.
  Result<size_t, ClientError> wait_for_pushes(int64_t ms_max);

  void close();
  bool connected() const;
  // 2 or 3; 0 before the first connection.
  int protocol_version() const { return version_; }
  // How many connections there have been. One more than before: subscriptions, CLIENT TRACKING
  // and the like have to be made again.
  uint64_t connections() const { return connections_; }

 private:
  ClientDone connect_once();
  ClientDone exchange(Bytes requests, size_t count, std::vector<Reply>& replies);

  ClientOptions options_;
  std::unique_ptr<Transport> transport_;
  ClockMs now_ms_;
  std::function<void(int64_t)> sleep_ms_;
  Backoff backoff_;
  Channel channel_;
  int version_ = 0;
  uint64_t connections_ = 0;
};

}  // namespace larder
