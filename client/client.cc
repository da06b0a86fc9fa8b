#include "client/client.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/random.h"

namespace larder {
namespace {

ClientSeams real_seams() {
  return {std::make_unique<SocketTransport>(), steady_ms,
          [](int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); },
          random_seed()};
}

bool worth_another_attempt(ClientError::Kind kind) {
  return kind != ClientError::Kind::refused && kind != ClientError::Kind::protocol;
}

}  // namespace

Client::Client(ClientOptions options) : Client(std::move(options), real_seams()) {}

Client::Client(ClientOptions options, ClientSeams seams)
    : options_(std::move(options)),
      transport_(std::move(seams.transport)),
      now_ms_(std::move(seams.now_ms)),
      sleep_ms_(std::move(seams.sleep_ms)),
      backoff_(options_.backoff, seams.seed),
      channel_(*transport_, options_.limits, now_ms_) {}

Client::~Client() = default;

void Client::on_push(PushHandler handler) { channel_.on_push(std::move(handler)); }

bool Client::connected() const { return transport_->is_open(); }

void Client::close() {
  transport_->close();
  channel_.reset();
}

// A server that was restarted has closed its end: seen here, before a request is lost to it.
ClientDone Client::connect() {
  if (connected() && channel_.take_pushes(0)) return Done{};
  for (int attempt = 1;; ++attempt) {
    const ClientDone done = connect_once();
    if (done) {
      backoff_.reset();
      return done;
    }
    const bool last = attempt >= options_.connect_attempts;
    if (last || !worth_another_attempt(done.error().kind)) return done;
    sleep_ms_(backoff_.next_ms());
  }
}

ClientDone Client::connect_once() {
  close();
  const int64_t deadline_ms = now_ms_() + options_.connect_ms_max;
  if (const auto done = transport_->open(options_.endpoint, deadline_ms); !done) return done;
  const int64_t left_ms = std::max<int64_t>(deadline_ms - now_ms_(), 1);
  const auto version = shake_hands(channel_, options_.identity, left_ms);
  if (!version) {
    close();
    return version.error();
  }
  version_ = *version;
  ++connections_;
  return Done{};
}

ClientDone Client::exchange(Bytes requests, size_t count, std::vector<Reply>& replies) {
  if (const auto done = connect(); !done) return done;
  return channel_.exchange(requests, count, options_.command_ms_max, replies);
}

Result<Reply, ClientError> Client::run(std::span<const Bytes> args) {
  Pipeline pipeline;
  pipeline.add(args);
  auto replies = run(pipeline);
  if (!replies) return replies.error();
  return std::move((*replies)[0]);
}

Result<std::vector<Reply>, ClientError> Client::run(const Pipeline& pipeline) {
  std::vector<Reply> replies;
  const auto done = exchange(pipeline.bytes(), pipeline.size(), replies);
  if (!done) return done.error();
  return replies;
}

ClientDone Client::post(std::initializer_list<Bytes> args) {
  Pipeline pipeline;
  pipeline.add(args);
  std::vector<Reply> none;
  return exchange(pipeline.bytes(), 0, none);
}

Result<size_t, ClientError> Client::wait_for_pushes(int64_t ms_max) {
  if (!connected()) return ClientError{ClientError::Kind::lost, "not connected"};
  return channel_.take_pushes(now_ms_() + ms_max);
}

}  // namespace larder
