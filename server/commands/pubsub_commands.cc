// Commands of channels, patterns and shard channels. Source:
// https://redis.io/commands/?group=pubsub
#include <string>
#include <vector>

#include "base/glob.h"
#include "server/commands/families.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/listeners.h"
#include "server/engine/wrong_words.h"

namespace larder {
namespace {

// What SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE differ in.
struct Kind {
  Bytes join, leave;  // the words in the replies
  ChannelTable PubSub::*table;
  Subscriptions::Names Subscriptions::*names;
};
constexpr Kind kChannels{"subscribe", "unsubscribe", &PubSub::channels, &Subscriptions::channels};
constexpr Kind kPatterns{"psubscribe", "punsubscribe", &PubSub::patterns, &Subscriptions::patterns};
constexpr Kind kShards{"ssubscribe", "sunsubscribe", &PubSub::shard_channels,
                       &Subscriptions::shard_channels};

// Channels and patterns are counted together.
size_t count_of(const Session& session, const Kind& kind) {
  if (session.subscriptions == nullptr) return 0;
  const Subscriptions& mine = *session.subscriptions;
  return kind.names == kShards.names ? mine.shard_channels.size()
                                     : mine.channels.size() + mine.patterns.size();
}

void confirm(Call& call, const Kind& kind, Bytes word, const Bytes* name) {
  ReplyWriter& reply = call.reply();
  reply.push(3);
  reply.bulk(word);
  name == nullptr ? reply.null() : reply.bulk(*name);
  reply.integer(static_cast<int64_t>(count_of(call.session(), kind)));
  call.session().reply_is_push = true;
}

Status subscribe(Call& call, const Kind& kind) {
  Session& session = call.session();
  Listeners& listeners = call.services().listeners;
  // What is under way was published before.
  listeners.pushes.deliver(*call.worker().clients);
  ClientView* const client = call.client();
  if (client == nullptr) return Status::ok();  // it was closed, now or amid its transaction
  if (session.subscriptions == nullptr) {
    session.subscriptions = std::make_shared<Subscriptions>();
    listeners.pubsub.clients.fetch_add(1, std::memory_order_relaxed);
  }
  Subscriptions::Names& names = (*session.subscriptions).*kind.names;
  ChannelTable& table = listeners.pubsub.*kind.table;
  for (const Bytes name : call.args().subspan(1)) {
    if (!names.contains(name)) {
      auto audience = table.join(name, call.worker().index, *client);
      names.emplace(audience->name, std::move(audience));
      session.subscriptions->name_bytes += name.size();
    }
    confirm(call, kind, kind.join, &name);
  }
  return Status::ok();
}

void leave(Call& call, const Kind& kind, Bytes name) {
  Session& session = call.session();
  if (session.subscriptions == nullptr) return;
  Subscriptions::Names& names = (*session.subscriptions).*kind.names;
  const auto found = names.find(name);
  if (found == names.end()) return;
  const auto audience = found->second;  // keeps the name alive
  names.erase(found);
  session.subscriptions->name_bytes -= name.size();
  (call.services().listeners.pubsub.*kind.table).leave(*audience, *call.client());
}

// With no names: all of them, or one reply that there were none.
Status unsubscribe(Call& call, const Kind& kind) {
  Session& session = call.session();
  std::vector<std::string> all;
  if (call.arg_count() == 1 && session.subscriptions != nullptr) {
    for (const auto& [name, audience] : (*session.subscriptions).*kind.names) {
      all.emplace_back(name);
    }
  }
  std::vector<Bytes> names(all.begin(), all.end());
  if (call.arg_count() > 1) names.assign(call.args().begin() + 1, call.args().end());
  for (const Bytes& name : names) {
    leave(call, kind, name);
    confirm(call, kind, kind.leave, &name);
  }
  if (names.empty()) confirm(call, kind, kind.leave, nullptr);
  if (session.subscriptions != nullptr && session.subscriptions->count() == 0) {
    session.subscriptions.reset();
    call.services().listeners.pubsub.clients.fetch_sub(1, std::memory_order_relaxed);
  }
  return Status::ok();
}

Status subscribe_channels(Call& call) { return subscribe(call, kChannels); }
Status subscribe_patterns(Call& call) { return subscribe(call, kPatterns); }
// Unlike the others it has no place in a transaction.
Status subscribe_shards(Call& call) {
  if (!call.is_nested()) return subscribe(call, kShards);
  return Status::error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
}
Status unsubscribe_channels(Call& call) { return unsubscribe(call, kChannels); }
Status unsubscribe_patterns(Call& call) { return unsubscribe(call, kPatterns); }
Status unsubscribe_shards(Call& call) { return unsubscribe(call, kShards); }

Status publish(Call& call) {
  const size_t heard = call.services().listeners.pubsub.publish(call.arg(1), call.arg(2));
  call.effect({"PUBLISH", call.arg(1), call.arg(2)}, EffectFor::replicas);
  call.reply().integer(static_cast<int64_t>(heard));
  return Status::ok();
}

Status publish_to_shard(Call& call) {
  const size_t heard = call.services().listeners.pubsub.publish_to_shard(call.arg(1), call.arg(2));
  call.effect({"SPUBLISH", call.arg(1), call.arg(2)}, EffectFor::replicas);
  call.reply().integer(static_cast<int64_t>(heard));
  return Status::ok();
}

Status list_channels(Call& call, ChannelTable& table) {
  if (call.arg_count() > 3) return wrong_words(call);
  size_t count = 0;
  const size_t mark = call.reply().open();
  for (const std::string& name : table.names()) {
    if (call.arg_count() == 3 && !glob_match(call.arg(2), name)) continue;
    call.reply().bulk(name);
    ++count;
  }
  call.reply().close_array(mark, count);
  return Status::ok();
}

Status count_members(Call& call, ChannelTable& table) {
  call.reply().array(2 * (call.arg_count() - 2));
  for (const Bytes name : call.args().subspan(2)) {
    call.reply().bulk(name);
    call.reply().integer(static_cast<int64_t>(table.members(name)));
  }
  return Status::ok();
}

PubSub& pubsub_of(Call& call) { return call.services().listeners.pubsub; }

Status channels(Call& call) { return list_channels(call, pubsub_of(call).channels); }
Status shardchannels(Call& call) { return list_channels(call, pubsub_of(call).shard_channels); }
Status numsub(Call& call) { return count_members(call, pubsub_of(call).channels); }
Status shardnumsub(Call& call) { return count_members(call, pubsub_of(call).shard_channels); }

Status numpat(Call& call) {
  call.reply().integer(static_cast<int64_t>(pubsub_of(call).patterns.size()));
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(
      call,
      {"PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "CHANNELS [<pattern>]",
       "    The channels that somebody is subscribed to.", "NUMPAT",
       "    How many patterns somebody is subscribed to.", "NUMSUB [<channel> ...]",
       "    How many clients are subscribed to each channel.", "SHARDCHANNELS [<pattern>]",
       "    The shard channels that somebody is subscribed to.", "SHARDNUMSUB [<shardchannel> ...]",
       "    How many clients are subscribed to each shard channel.", "HELP", "    This text."});
}

constexpr Flag kListen = Flag::pubsub | Flag::noscript | Flag::loading | Flag::stale;
constexpr Flag kAsk = Flag::pubsub | Flag::loading | Flag::stale;
constexpr Acl kAcl = Acl::pubsub | Acl::slow;

constexpr CommandSpec card(Bytes name, Bytes syntax, Bytes summary, Bytes since, Bytes complexity,
                           int arity, Flag flags, Acl acl, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .group = "pubsub",
          .arity = arity,
          .flags = flags,
          .acl = acl,
          .run = run};
}

constexpr CommandSpec with_channels(ChannelUse use, CommandSpec spec) {
  spec.channels = use;
  return spec;
}

constexpr CommandSpec sharded(CommandSpec spec) {
  spec.keys = keys_from(1, spec.arity < 0 ? -1 : 1, 1, KeyUse::none);
  spec.keys.channels = true;
  return spec;
}

constexpr auto kSubcommands = family({
    card("CHANNELS", "[pattern]", "Lists the channels with subscribers.", "2.8.0",
         "O(N) where N is the number of channels", at_least(2), kAsk, kAcl, channels),
    card("NUMPAT", "", "Counts the patterns with subscribers.", "2.8.0", "O(1)", exactly(2), kAsk,
         kAcl, numpat),
    card("NUMSUB", "[channel [channel ...]]", "Counts the subscribers of channels.", "2.8.0",
         "O(N) where N is the number of channels asked for", at_least(2), kAsk, kAcl, numsub),
    card("SHARDCHANNELS", "[pattern]", "Lists the shard channels with subscribers.", "7.0.0",
         "O(N) where N is the number of shard channels", at_least(2), kAsk, kAcl, shardchannels),
    card("SHARDNUMSUB", "[shardchannel [shardchannel ...]]",
         "Counts the subscribers of shard channels.", "7.0.0",
         "O(N) where N is the number of shard channels asked for", at_least(2), kAsk, kAcl,
         shardnumsub),
    help_card("pubsub", "6.2.0", Acl::slow, help),
});

constexpr auto kFamily = family({
    with_channels(ChannelUse::listen,
                  card("SUBSCRIBE", "channel [channel ...]", "Listens to channels.", "2.0.0",
                       "O(N) where N is the number of channels", at_least(2), kListen, kAcl,
                       subscribe_channels)),
    card("UNSUBSCRIBE", "[channel [channel ...]]", "Stops listening to channels.", "2.0.0",
         "O(N) where N is the number of channels", at_least(1), kListen, kAcl,
         unsubscribe_channels),
    with_channels(
        ChannelUse::listen_to_patterns,
        card("PSUBSCRIBE", "pattern [pattern ...]", "Listens to all channels that match patterns.",
             "2.0.0", "O(N) where N is the number of patterns", at_least(2), kListen, kAcl,
             subscribe_patterns)),
    card("PUNSUBSCRIBE", "[pattern [pattern ...]]", "Stops listening to patterns.", "2.0.0",
         "O(N) where N is the number of patterns", at_least(1), kListen, kAcl,
         unsubscribe_patterns),
    with_channels(ChannelUse::listen, sharded(card("SSUBSCRIBE", "shardchannel [shardchannel ...]",
                                                   "Listens to shard channels.", "7.0.0",
                                                   "O(N) where N is the number of channels",
                                                   at_least(2), kListen, kAcl, subscribe_shards))),
    sharded(card("SUNSUBSCRIBE", "[shardchannel [shardchannel ...]]",
                 "Stops listening to shard channels.", "7.0.0",
                 "O(N) where N is the number of channels", at_least(1), kListen, kAcl,
                 unsubscribe_shards)),
    with_channels(
        ChannelUse::publish,
        card("PUBLISH", "channel message", "Sends a message to all who listen.", "2.0.0",
             "O(N+M) where N is the number of subscribers and M the number of patterns", exactly(3),
             Flag::pubsub | Flag::loading | Flag::stale | Flag::fast | Flag::may_replicate,
             Acl::pubsub | Acl::fast, publish)),
    with_channels(
        ChannelUse::publish,
        sharded(card("SPUBLISH", "shardchannel message", "Sends a message to all who listen.",
                     "7.0.0", "O(N) where N is the number of subscribers", exactly(3),
                     Flag::pubsub | Flag::loading | Flag::stale | Flag::fast | Flag::may_replicate,
                     Acl::pubsub | Acl::fast, publish_to_shard))),
    container_card("PUBSUB", "Tells who listens to what.", "2.8.0", "pubsub", kSubcommands),
});

}  // namespace

std::span<const CommandSpec> pubsub_commands() { return kFamily; }

}  // namespace larder
