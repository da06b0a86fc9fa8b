#include "server/engine/pubsub.h"

#include <array>
#include <cstring>

#include "base/glob.h"
#include "protocol/output.h"
#include "server/engine/services.h"
#include "storage/blob.h"

namespace larder {
namespace {

// A power of two well above the number of workers that publish at the same time.
constexpr size_t kBuckets = 64;

// The end that all forms of a message share.
struct Tail {
  Bytes bytes;
  std::shared_ptr<const void> owner;

  // Referred to by the outputs: not to be copied.
  bool is_long() const { return bytes.size() >= Output::kPieceBytesMin; }
};

// A long one counts as memory until the last output has sent it: who doesn't read fills that.
Tail counted(Bytes text) {
  Blob* blob = Blob::make(text.size(), text.size());
  std::memcpy(blob->data(), text.data(), text.size());
  Tail tail{blob->bytes(), blob->share()};
  blob->leave_store();
  Blob::drop(blob);
  return tail;
}

Tail tail_of(Bytes channel, Bytes payload) {
  const auto text = std::make_shared<std::string>();
  text->reserve(channel.size() + payload.size() + 48);
  append_bulk(*text, channel);
  append_bulk(*text, payload);
  const Tail tail{*text, text};
  return tail.is_long() ? counted(*text) : tail;
}

// A message for the clients of one audience, and those that were published right behind it.
class MessagePush : public Push {
 public:
  MessagePush(std::string head, Tail tail, std::shared_ptr<Audience> audience)
      : head_(std::move(head)), tail_(std::move(tail)), audience_(std::move(audience)) {}

  bool join(const Push& next) override {
    const auto* other = dynamic_cast<const MessagePush*>(&next);
    if (other == nullptr || other->audience_ != audience_) return false;
    if (tail_.is_long() || other->tail_.is_long()) return false;
    for (size_t version : {0, 1}) {
      std::string& text = more_[version];
      text.append(1, "*>"[version]).append(other->head_).append(other->tail_.bytes);
    }
    return true;
  }
  void deliver(ClientsOfWorker&) override {
    if (more_[0].empty()) {
      for (ClientView* client : audience_->members) client->push(head_, tail_.bytes, tail_.owner);
      return;
    }
    for (std::string& text : more_) text.insert(0, head_).insert(head_.size(), tail_.bytes);
    for (ClientView* client : audience_->members) {
      client->push(more_[client->session().protocol >= 3 ? 1 : 0], "", nullptr);
    }
  }
  size_t bytes() const override { return sizeof *this + head_.size() + tail_.bytes.size(); }

 private:
  std::string head_;
  Tail tail_;
  std::shared_ptr<Audience> audience_;
  std::array<std::string, 2> more_;  // messages behind the first, in RESP2 and in RESP3
};

// Puts a message that is made when the first audience is found.
class Publication {
 public:
  Publication(PushQueues& pushes, Bytes channel, Bytes payload)
      : pushes_(pushes), channel_(channel), payload_(payload) {}

  void put(std::string head, const std::shared_ptr<Audience>& audience) {
    if (tail_.owner == nullptr) tail_ = tail_of(channel_, payload_);
    pushes_.put(audience->worker, std::make_unique<MessagePush>(std::move(head), tail_, audience));
  }

 private:
  PushQueues& pushes_;
  Bytes channel_, payload_;
  Tail tail_;
};

std::string pattern_head(Bytes pattern) {
  std::string head = push_head(4, "pmessage");
  append_bulk(head, pattern);
  return head;
}

void leave_all(ChannelTable& table, Subscriptions::Names& names, ClientView& client) {
  for (auto& [name, audience] : names) table.leave(*audience, client);
  names.clear();
}

}  // namespace

std::string push_head(size_t count, Bytes kind) {
  std::string head = std::to_string(count) + "\r\n";
  append_bulk(head, kind);
  return head;
}

void append_bulk(std::string& text, Bytes bytes) {
  text.append(1, '$').append(std::to_string(bytes.size())).append("\r\n");
  text.append(bytes).append("\r\n");
}

PubSub::PubSub(PushQueues& pushes)
    : channels(kBuckets), patterns(1), shard_channels(kBuckets), pushes_(pushes) {}

size_t PubSub::publish(Bytes channel, Bytes payload) {
  Publication publication(pushes_, channel, payload);
  const size_t direct = channels.each_audience(
      channel, [&](const auto& audience) { publication.put(push_head(3, "message"), audience); });
  return direct +
         patterns.each_audience_of([&](Bytes pattern) { return glob_match(pattern, channel); },
                                   [&](const auto& audience) {
                                     publication.put(pattern_head(audience->name), audience);
                                   });
}

size_t PubSub::publish_to_shard(Bytes channel, Bytes payload) {
  Publication publication(pushes_, channel, payload);
  return shard_channels.each_audience(
      channel, [&](const auto& audience) { publication.put(push_head(3, "smessage"), audience); });
}

void unsubscribe_all(PubSub& pubsub, ClientView& client) {
  Subscriptions* subscriptions = client.session().subscriptions.get();
  if (subscriptions == nullptr) return;
  leave_all(pubsub.channels, subscriptions->channels, client);
  leave_all(pubsub.patterns, subscriptions->patterns, client);
  leave_all(pubsub.shard_channels, subscriptions->shard_channels, client);
  client.session().subscriptions.reset();
  pubsub.clients.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace larder
