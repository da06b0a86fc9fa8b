// OBJECT: how a value is kept. For tools; none of it counts as a use of the key.
// Source: https://redis.io/commands/object/
#include <limits>

#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "server/engine/answers.h"
#include "storage/value.h"

namespace larder {
namespace {

Status encoding(Call& call) {
  const Item item = call.peek(call.key(2));
  item ? call.reply().bulk(encoding_name(*item.entry())) : call.reply().null();
  return Status::ok();
}

// Values are never shared between keys. Redis shares the small integers, as long as no policy has
// to know each key's use, and says so with the largest count there is; its clients' tests look at
// that.
Status refcount(Call& call) {
  constexpr int64_t kSharedBelow = 10000;
  const Item item = call.peek(call.key(2));
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  const bool integer = is_string(item) && item->encoding() == Encoding::integer;
  const auto value = integer ? string_integer(*item.entry()) : std::nullopt;
  const bool shared = value && *value >= 0 && *value < kSharedBelow &&
                      !call.settings().tracks_use.load(std::memory_order_relaxed);
  call.reply().integer(shared ? std::numeric_limits<int32_t>::max() : 1);
  return Status::ok();
}

Status idletime(Call& call) {
  const Key key = call.key(2);
  const Item item = call.peek(key);
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  const auto idle_ms = call.store().group_of(key.hash).idle_ms(*item.entry(), call.now_ms());
  if (!idle_ms) {
    return Status::error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
        "switching between policies at runtime LRU and LFU data will take some time to adjust.");
  }
  call.reply().integer(*idle_ms / 1000);
  return Status::ok();
}

Status freq(Call& call) {
  const Key key = call.key(2);
  const Item item = call.peek(key);
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  if (const auto uses = call.store().group_of(key.hash).frequency(*item.entry(), call.now_ms())) {
    call.reply().integer(*uses);
    return Status::ok();
  }
  return Status::error(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
      "that when switching between policies at runtime LRU and LFU data will take some time to "
      "adjust.");
}

Status help(Call& call) {
  return reply_help(call, {
          "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
          "ENCODING <key>",
          "    The name of the form in which the value is kept.",
          "FREQ <key>",
          "    How often the key was used, on a logarithmic scale, under an LFU policy.",
          "IDLETIME <key>",
          "    Seconds since the key was last used.",
          "REFCOUNT <key>",
          "    How many references the value has.",
          "HELP",
          "    This text."});
}

constexpr CommandSpec about_key(Bytes name, Bytes summary, Bytes since, Handler run) {
  return {.name = name, .syntax = "key", .summary = summary, .since = since, .complexity = "O(1)",
          .group = "generic", .arity = exactly(3), .flags = Flag::readonly,
          .keys = key_at(2, KeyUse::read_only), .acl = Acl::keyspace | Acl::read | Acl::slow,
          .run = run};
}

constexpr auto kSubcommands = family({
    about_key("ENCODING", "Tells how a value is kept.", "2.2.3", encoding),
    about_key("REFCOUNT", "Tells how many references a value has.", "2.2.3", refcount),
    about_key("IDLETIME", "Tells how many seconds ago a key was last used.", "2.2.3", idletime),
    about_key("FREQ", "Tells how often a key was used, under an LFU policy.", "4.0.0", freq),
    help_card("generic", "6.2.0", Acl::keyspace | Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("OBJECT", "A container for commands about values.", "2.2.3", "generic",
                   kSubcommands),
});

}  // namespace

std::span<const CommandSpec> object_commands() { return kFamily; }

}  // namespace larder
