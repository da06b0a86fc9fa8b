#include "server/engine/command_docs.h"

#include <array>
#include <vector>

#include "server/engine/syntax.h"

namespace larder {
namespace {

template <typename Bit>
struct Named {
  Bit bit;
  Bytes name;
};

constexpr std::array<Named<Flag>, 18> kFlags{{{Flag::write, "write"},
                                              {Flag::readonly, "readonly"},
                                              {Flag::deny_oom, "denyoom"},
                                              {Flag::admin, "admin"},
                                              {Flag::pubsub, "pubsub"},
                                              {Flag::noscript, "noscript"},
                                              {Flag::blocking, "blocking"},
                                              {Flag::loading, "loading"},
                                              {Flag::stale, "stale"},
                                              {Flag::skip_monitor, "skip_monitor"},
                                              {Flag::skip_slowlog, "skip_slowlog"},
                                              {Flag::fast, "fast"},
                                              {Flag::no_auth, "no_auth"},
                                              {Flag::no_multi, "no_multi"},
                                              {Flag::allow_busy, "allow_busy"},
                                              {Flag::movable_keys, "movablekeys"},
                                              {Flag::no_mandatory_keys, "no_mandatory_keys"},
                                              {Flag::no_async_loading, "no_async_loading"}}};

template <typename Bit, size_t n>
void write_names(ReplyWriter& reply, const std::array<Named<Bit>, n>& names, Bit set,
                 const char* prefix) {
  std::vector<std::string> found;
  for (const auto& each : names) {
    if (has(set, each.bit)) found.push_back(prefix + std::string(each.name));
  }
  reply.set(found.size());
  for (const std::string& name : found) reply.simple(name);
}

// Where keys stand that follow a word: the first half of what is there, or one.
void write_keyword_spec(ReplyWriter& reply, const KeySpec& keys) {
  const auto part = [&reply](Bytes name, Bytes type, size_t facts) {
    reply.bulk(name);
    reply.map(2);
    reply.bulk("type");
    reply.bulk(type);
    reply.bulk("spec");
    reply.map(facts);
  };
  const auto number = [&reply](Bytes name, int value) {
    reply.bulk(name);
    reply.integer(value);
  };
  part("begin_search", "keyword", 2);
  reply.bulk("keyword");
  reply.bulk(keys.keyword);
  number("startfrom", keys.keyword_from);
  part("find_keys", "range", 3);
  number("lastkey", keys.one_behind ? 0 : -1);
  number("keystep", 1);
  number("limit", keys.one_behind || keys.told_only ? 0 : 2);
}

void write_key_spec(ReplyWriter& reply, const KeySpec& keys) {
  reply.map(3);
  reply.bulk("flags");
  write_key_flags(reply, keys.use,
                  keys.use_of != nullptr ? "variable_flags"
                  : keys.told_only       ? "incomplete"
                                         : "");
  if (!keys.keyword.empty()) return write_keyword_spec(reply, keys);
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("index");
  reply.bulk("spec");
  reply.map(1);
  reply.bulk("index");
  reply.integer(keys.count_at != 0 ? keys.count_at : keys.first);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  const bool counted = keys.count_at != 0;
  reply.bulk(counted ? "keynum" : "range");
  reply.bulk("spec");
  reply.map(3);
  reply.bulk(counted ? "keynumidx" : "lastkey");
  reply.integer(counted ? 0 : keys.last < 0 ? keys.last : keys.last - keys.first);
  reply.bulk(counted ? "firstkey" : "keystep");
  reply.integer(counted ? keys.first - keys.count_at : keys.step);
  reply.bulk(counted ? "keystep" : "limit");
  reply.integer(counted ? keys.step : 0);
}

void write_unknown_spec(ReplyWriter& reply, KeyUse use) {
  reply.map(3);
  reply.bulk("flags");
  write_key_flags(reply, use);
  for (const Bytes part : {"begin_search", "find_keys"}) {
    reply.bulk(part);
    reply.map(2);
    reply.bulk("type");
    reply.bulk("unknown");
    reply.bulk("spec");
    reply.map(0);
  }
}

size_t count_key_specs(const KeySpec& keys) {
  const bool none = keys.first == 0 && keys.keyword.empty();
  return (none ? 0 : keys.others_differ ? 2 : 1) + static_cast<size_t>(keys.unknown) +
         (keys.also == nullptr ? 0 : count_key_specs(*keys.also));
}

// Keys used in different ways are two specs to Redis.
void write_key_specs(ReplyWriter& reply, const KeySpec& keys) {
  KeySpec first = keys;
  if (keys.others_differ) first.last = keys.first;
  write_key_spec(reply, first);
  if (keys.unknown >= 1) write_unknown_spec(reply, keys.use);
  if (keys.unknown >= 2) write_unknown_spec(reply, keys.other_use);
  if (keys.others_differ) {
    KeySpec others = keys;
    others.first = keys.first + keys.step;
    others.use = keys.other_use;
    write_key_spec(reply, others);
  }
  if (keys.also != nullptr) write_key_specs(reply, *keys.also);
}

void write_argument(ReplyWriter& reply, const Argument& argument) {
  std::vector<Bytes> flags;
  if (argument.optional) flags.push_back("optional");
  if (argument.multiple) flags.push_back("multiple");
  if (argument.multiple_token) flags.push_back("multiple_token");
  const bool key = argument.type == "key";
  reply.map(2 + (key ? 1 : 0) + (argument.token.empty() ? 0 : 1) + (flags.empty() ? 0 : 1) +
            (argument.parts.empty() ? 0 : 1));
  reply.bulk("name");
  reply.bulk(argument.name);
  reply.bulk("type");
  reply.bulk(argument.type);
  if (key) {
    reply.bulk("key_spec_index");
    reply.integer(0);
  }
  if (!argument.token.empty()) {
    reply.bulk("token");
    reply.bulk(argument.token);
  }
  if (!flags.empty()) {
    reply.bulk("flags");
    reply.set(flags.size());
    for (const Bytes flag : flags) reply.simple(flag);
  }
  if (argument.parts.empty()) return;
  reply.bulk("arguments");
  reply.array(argument.parts.size());
  for (const Argument& part : argument.parts) write_argument(reply, part);
}

void write_text(ReplyWriter& reply, Bytes name, Bytes value) {
  reply.bulk(name);
  reply.bulk(value);
}

}  // namespace

std::span<const AclName> acl_names() {
  static constexpr std::array<AclName, 21> kNames{{{Acl::keyspace, "keyspace"},
                                                   {Acl::read, "read"},
                                                   {Acl::write, "write"},
                                                   {Acl::set, "set"},
                                                   {Acl::sortedset, "sortedset"},
                                                   {Acl::list, "list"},
                                                   {Acl::hash, "hash"},
                                                   {Acl::string, "string"},
                                                   {Acl::bitmap, "bitmap"},
                                                   {Acl::hyperloglog, "hyperloglog"},
                                                   {Acl::geo, "geo"},
                                                   {Acl::stream, "stream"},
                                                   {Acl::pubsub, "pubsub"},
                                                   {Acl::admin, "admin"},
                                                   {Acl::fast, "fast"},
                                                   {Acl::slow, "slow"},
                                                   {Acl::blocking, "blocking"},
                                                   {Acl::dangerous, "dangerous"},
                                                   {Acl::connection, "connection"},
                                                   {Acl::transaction, "transaction"},
                                                   {Acl::scripting, "scripting"}}};
  return kNames;
}

void write_key_flags(ReplyWriter& reply, KeyUse use, Bytes more) {
  struct Words {
    KeyUse use;
    Bytes access, effect;
  };
  static constexpr std::array<Words, 13> kWords{
      {{KeyUse::read_only_access, "RO", "access"},
       {KeyUse::read_write_access_update, "RW", "access update"},
       {KeyUse::overwrite_update, "OW", "update"},
       {KeyUse::overwrite_insert, "OW", "insert"},
       {KeyUse::remove_delete, "RM", "delete"},
       {KeyUse::read_only, "RO", ""},
       {KeyUse::read_write_delete, "RW", "delete"},
       {KeyUse::read_write_access_delete, "RW", "access delete"},
       {KeyUse::read_write_insert, "RW", "insert"},
       {KeyUse::read_write_update, "RW", "update"},
       {KeyUse::overwrite, "OW", ""},
       {KeyUse::read_write_access, "RW", "access"},
       {KeyUse::read_write_access_insert, "RW", "access insert"}}};
  if (use == KeyUse::none) {
    reply.set(1);
    return reply.simple("not_key");
  }
  const Words& words = kWords[static_cast<size_t>(use)];
  std::vector<Bytes> flags{words.access};
  const size_t space = words.effect.find(' ');
  if (!words.effect.empty()) flags.push_back(words.effect.substr(0, space));
  if (space != Bytes::npos) flags.push_back(words.effect.substr(space + 1));
  if (!more.empty()) flags.push_back(more);
  reply.set(flags.size());
  for (const Bytes flag : flags) reply.simple(flag);
}

void write_command(ReplyWriter& reply, const Command& command) {
  const CommandSpec& spec = *command.spec;
  const bool ranged = spec.keys.first != 0 && spec.keys.count_at == 0;
  reply.array(10);
  reply.bulk(command.name);
  reply.integer(spec.arity);
  write_names(reply, kFlags, spec.flags, "");
  reply.integer(ranged ? spec.keys.first : 0);
  reply.integer(ranged ? spec.keys.last : 0);
  reply.integer(ranged ? spec.keys.step : 0);
  std::vector<std::string> categories;
  for (const AclName& each : acl_names()) {
    if (has(spec.acl, each.bit)) categories.push_back("@" + std::string(each.name));
  }
  reply.set(categories.size());
  for (const std::string& category : categories) reply.simple(category);
  reply.set(0);  // tips are for cluster proxies
  reply.set(count_key_specs(spec.keys));
  if (count_key_specs(spec.keys) > 0) write_key_specs(reply, spec.keys);
  reply.set(command.listed().size());
  for (const Command* sub : command.listed()) write_command(reply, *sub);
}

void write_docs(ReplyWriter& reply, const Command& command) {
  const CommandSpec& spec = *command.spec;
  const std::vector<Argument> arguments = parse_syntax(spec.syntax);
  const bool deprecated = !spec.deprecated_since.empty();
  reply.bulk(command.name);
  reply.map(4 + (deprecated ? 3 : 0) + (arguments.empty() ? 0 : 1) +
            (command.listed().empty() ? 0 : 1));
  write_text(reply, "summary", spec.summary);
  write_text(reply, "since", spec.since);
  write_text(reply, "group", spec.group);
  write_text(reply, "complexity", spec.complexity);
  if (deprecated) {
    reply.bulk("doc_flags");
    reply.set(1);
    reply.simple("deprecated");
    write_text(reply, "deprecated_since", spec.deprecated_since);
    write_text(reply, "replaced_by", spec.replaced_by);
  }
  if (!arguments.empty()) {
    reply.bulk("arguments");
    reply.array(arguments.size());
    for (const Argument& argument : arguments) write_argument(reply, argument);
  }
  if (command.listed().empty()) return;
  reply.bulk("subcommands");
  reply.map(command.listed().size());
  for (const Command* sub : command.listed()) write_docs(reply, *sub);
}

}  // namespace larder
