// Publish and subscribe. A message is put into words once, whoever gets it: RESP2 and RESP3 differ
// in the first byte only, and a pattern's subscribers get another beginning before the same end.
//
//   * or >  3 $7 message            $4 news $5 hello
//   * or >  4 $8 pmessage $2 n*     $4 news $5 hello
//           `-------- head -------' `---- tail -----'
// Source: https://redis.io/docs/interact/pubsub/
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "server/engine/channels.h"
#include "server/engine/pushes.h"

namespace larder {

class ClientView;

// What one client listens to. Keys point into the audiences' names.
struct Subscriptions {
  using Names = std::unordered_map<Bytes, std::shared_ptr<Audience>>;
  Names channels, patterns, shard_channels;
  size_t name_bytes = 0;  // of all of them: a client may have hundreds of thousands

  size_t count() const { return channels.size() + patterns.size() + shard_channels.size(); }
};

class PubSub {
 public:
  explicit PubSub(PushQueues& pushes);

  // Each of these returns the number of clients it is sent to, a client counted as often as it gets
  // the message. From any thread; only leaf locks are taken.
  size_t publish(Bytes channel, Bytes payload);
  size_t publish_to_shard(Bytes channel, Bytes payload);
  // Somebody listens: cheap, for those who publish what mostly nobody hears.
  bool has_listeners() const { return channels.size() + patterns.size() > 0; }

  ChannelTable channels, patterns, shard_channels;
  std::atomic<int64_t> clients{0};  // that have subscriptions

 private:
  PushQueues& pushes_;
};

// Ends all subscriptions of a client; on its worker.
void unsubscribe_all(PubSub& pubsub, ClientView& client);

// The beginning of a push after its first byte: "3\r\n$7\r\nmessage\r\n".
std::string push_head(size_t count, Bytes kind);
void append_bulk(std::string& text, Bytes bytes);

}  // namespace larder
