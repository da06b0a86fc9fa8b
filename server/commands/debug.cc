// DEBUG: for tests and for people who look inside. Only where `enable-debug-command` allows.
// Source: https://redis.io/commands/debug/
#include <ctime>
#include <string>

#include "base/clock.h"
#include "base/glob.h"
#include "base/hash.h"
#include "server/commands/answers.h"
#include "server/commands/args.h"
#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "storage/value.h"

namespace larder {
namespace {

Status refuse_reason(Call& call) {
  using Debug = LiveSettings::Debug;
  const Debug who = call.settings().debug.load();
  if (who == Debug::yes || (who == Debug::local && call.session().from_loopback)) {
    return Status::ok();
  }
  return Status::error(
      "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
      "can run it from a local connection, otherwise you need to set this option in the "
      "configuration file, and then restart the server.");
}

// Blocks the worker, as the name promises.
Status sleep(Call& call) {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  Args args(call);
  const double seconds = args.number();
  if (!args.ok()) return args.error();
  constexpr double kSecondsMax = 3600;
  const double bounded = std::min(std::max(seconds, 0.0), kSecondsMax);
  timespec time{};
  time.tv_sec = static_cast<time_t>(bounded);
  time.tv_nsec = static_cast<long>((bounded - static_cast<double>(time.tv_sec)) * 1e9);
  ::nanosleep(&time, nullptr);
  call.reply().ok();
  return Status::ok();
}

Status object(Call& call) {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  const Key key = call.key(2);
  const Item item = call.peek(key);
  if (!item) return Status::error(errors::kNoSuchKey);
  const Shard& shard = call.store().shard_of(key.hash);
  const int64_t idle_ms =
      call.store().idle_ms(shard, *item.entry(), call.now_ms()).value_or(0);
  char address[32];
  std::snprintf(address, sizeof address, "%p", static_cast<const void*>(item.entry()));
  call.reply().simple("Value at:" + std::string(address) + " refcount:1 encoding:" +
                      std::string(encoding_name(*item.entry())) + " serializedlength:" +
                      std::to_string(string_length(*item.entry())) + " lru:" +
                      std::to_string(((call.now_ms() - idle_ms) / 1000) & 0xffffff) +
                      " lru_seconds_idle:" + std::to_string(idle_ms / 1000));
  return Status::ok();
}

Status set_active_expire(Call& call) {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  call.store().set_active_expiry(call.arg(2) != "0");
  call.reply().ok();
  return Status::ok();
}

// A sum of hashes does not depend on the order of keys.
Status digest(Call& call) NO_THREAD_SAFETY_ANALYSIS {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  uint64_t sum = 0;
  for (unsigned i = 0; i < call.store().shard_count(); ++i) {
    Shard& shard = call.store().shard(i);
    for (const unsigned db : shard.used()) {
      uint64_t cursor = 0;
      do {
        cursor = shard.keyspace(db).table().scan_segment(cursor, [&](Entry* entry) {
          if (entry->expired(call.now_ms())) return;
          IntegerText scratch;
          std::string text = std::to_string(db) + ":" + std::to_string(entry->key().size()) + ":";
          text.append(entry->key()).append(string_bytes(*entry, scratch));
          text.append(std::to_string(entry->expiry_ms()));
          sum += digest_of(text);
        });
      } while (cursor != 0);
    }
  }
  char hex[48];
  std::snprintf(hex, sizeof hex, "%040llx", static_cast<unsigned long long>(sum));
  call.reply().simple(hex);
  return Status::ok();
}

Status digest_value(Call& call) {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  call.reply().array(call.arg_count() - 2);
  for (size_t i = 2; i < call.arg_count(); ++i) {
    const Item item = call.peek(call.key(i));
    IntegerText scratch;
    const uint64_t value = item ? digest_of(string_bytes(*item.entry(), scratch)) : 0;
    char hex[48];
    std::snprintf(hex, sizeof hex, "%040llx", static_cast<unsigned long long>(value));
    call.reply().simple(hex);
  }
  return Status::ok();
}

Status stringmatch_len(Call& call) {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  Args args(call);
  const int64_t length = args.integer_in(0, 1 << 30);
  const Bytes pattern = args.bytes();
  if (!args.ok()) return args.error();
  const std::string text(static_cast<size_t>(length), 'a');
  call.reply().integer(glob_match(pattern, text) ? 1 : 0);
  return Status::ok();
}

// Replies of each kind, for the tests of client libraries.
Status protocol(Call& call) {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  ReplyWriter& reply = call.reply();
  const std::string kind = lower_case(call.arg(2));
  if (kind == "push" && reply.version() < 3) {
    return Status::error("ERR RESP2 is not supported by this command");
  }
  const auto numbers = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) reply.integer(i);
  };
  if (kind == "string") {
    reply.bulk("Hello World");
  } else if (kind == "integer") {
    reply.integer(12345);
  } else if (kind == "double") {
    reply.number(3.141);
  } else if (kind == "null") {
    reply.null();
  } else if (kind == "array") {
    reply.array(3);
    numbers(3);
  } else if (kind == "set") {
    reply.set(3);
    numbers(3);
  } else if (kind == "map") {
    reply.map(3);
    for (int64_t i = 0; i < 3; ++i) {
      reply.integer(i);
      reply.boolean(i == 1);
    }
  } else if (kind == "bignum") {
    reply.big_number("1234567999999999999999999999999999999");
  } else if (kind == "true" || kind == "false") {
    reply.boolean(kind == "true");
  } else if (kind == "push") {
    reply.push(2);
    reply.bulk("server-cpu-usage");
    reply.integer(42);
    reply.bulk("Some real reply following the push reply");
  } else if (kind == "attrib") {
    if (reply.version() >= 3) {
      reply.attribute(1);
      reply.bulk("key-popularity");
      reply.array(2);
      reply.bulk("key:123");
      reply.integer(90);
    }
    reply.bulk("Some real reply following the attribute");
  } else if (kind == "verbatim") {
    reply.verbatim("txt", "This is a verbatim\nstring");
  } else {
    return Status::error(
        "ERR Wrong protocol type name. Please use one of the following: "
        "string|integer|double|null|array|set|map|attrib|push|verbatim|true|false");
  }
  return Status::ok();
}

// Works on data structures this server does not have.
Status jmap(Call& call) {
  if (Status no = refuse_reason(call); !no.is_ok()) return no;
  return Status::error("ERR there is no Java heap here");
}

Status help(Call& call) {
  return reply_help(call, {"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "DIGEST", "    A digest of all databases.",
                           "DIGEST-VALUE <key> [<key> ...]", "    Digests of values.",
                           "OBJECT <key>", "    How a value is kept.",
                           "PROTOCOL <type>", "    A reply of that type.",
                           "SET-ACTIVE-EXPIRE <0|1>", "    Whether expired keys are looked for.",
                           "SLEEP <seconds>", "    Blocks a worker.",
                           "STRINGMATCH-LEN <len> <pattern>", "    Matches a pattern to many a's.",
                           "HELP", "    This text."});
}

constexpr Flag kFlags = Flag::admin | Flag::noscript | Flag::loading | Flag::stale;
constexpr Acl kAcl = Acl::admin | Acl::slow | Acl::dangerous;

constexpr CommandSpec sub(Bytes name, Bytes syntax, Bytes summary, int arity, Handler run,
                          KeySpec keys = {}, Flag more = Flag::none) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = "1.0.0",
          .complexity = "Depends on subcommand.", .group = "server", .arity = arity,
          .flags = kFlags | more, .keys = keys, .acl = kAcl, .run = run};
}

constexpr auto kSubcommands = family({
    sub("SLEEP", "seconds", "Blocks a worker.", exactly(3), sleep),
    sub("OBJECT", "key", "Tells how a value is kept.", exactly(3), object,
        key_at(2, KeyUse::read_only)),
    sub("SET-ACTIVE-EXPIRE", "on", "Turns the search for expired keys on or off.", exactly(3),
        set_active_expire),
    sub("DIGEST", "", "Digests all databases.", exactly(2), digest, {}, Flag::whole_store),
    sub("DIGEST-VALUE", "key [key ...]", "Digests values.", at_least(3), digest_value,
        keys_from(2, -1, 1, KeyUse::read_only)),
    sub("STRINGMATCH-LEN", "length pattern", "Measures the pattern matcher.", exactly(4),
        stringmatch_len),
    sub("PROTOCOL", "type", "Answers with a reply of a type.", exactly(3), protocol),
    sub("JMAP", "", "Says no.", exactly(2), jmap),
    help_card("server", "1.0.0", kAcl, help),
});

constexpr auto kFamily = family({
    {.name = "DEBUG", .syntax = "", .summary = "A container for commands of tests.",
     .since = "1.0.0", .complexity = "Depends on subcommand.", .group = "server",
     .arity = at_least(2), .flags = kFlags, .acl = kAcl, .subcommands = kSubcommands},
});

}  // namespace

std::span<const CommandSpec> debug_commands() { return kFamily; }

}  // namespace larder
