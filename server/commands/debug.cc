// DEBUG: for tests and for people who look inside. Only where `enable-debug-command` allows.
// Source: https://redis.io/commands/debug/
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "server/commands/debug_words.h"
#include "server/commands/families.h"
#include "server/commands/list_values.h"
#include "server/commands/string_values.h"
#include "server/commands/value_digest.h"
#include "server/engine/answers.h"
#include "server/engine/append_only.h"
#include "server/engine/args.h"
#include "server/engine/outcome_task.h"
#include "server/engine/persistence.h"
#include "server/engine/script_run.h"
#include "storage/rdb/dump.h"
#include "storage/value.h"

namespace larder {
namespace {

// Of the value in a snapshot; a payload has a type and what its end is checked by besides.
size_t serialized_bytes(const Entry& entry) {
  constexpr size_t kTypeAndEndBytes = 1 + 10;
  return dump_value(entry, true).size() - kTypeAndEndBytes;
}

// Redis's terms for strings. Here a key and its value lie together, and neither has room to grow.
Status string_sizes(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  const Item item = call.peek(call.key(2));
  if (!item) return Status::error(errors::kNoSuchKey);
  if (!is_string(item) || encoding_name(*item.entry()) == "int") {
    return Status::error("ERR Not an sds encoded string.");
  }
  const std::string key_bytes = std::to_string(call.arg(2).size());
  const std::string value_bytes = std::to_string(string_length(*item.entry()));
  call.reply().simple("key_sds_len:" + key_bytes + ", key_sds_avail:0, key_zmalloc: " + key_bytes +
                      ", val_sds_len:" + value_bytes + ", val_sds_avail:0, val_zmalloc: " +
                      value_bytes);
  return Status::ok();
}

// Of a list that clients know as a quicklist: its blocks, and their bytes before compression.
std::string list_blocks(Call& call, const List& list) {
  size_t blocks = 0;
  size_t bytes = 0;
  for (const ListBlock* block = list.first_block(); block != nullptr; block = block->next) {
    ++blocks;
    bytes += ListBlock::kHeaderBytes + block->used_bytes();
  }
  char average[32];
  std::snprintf(average, sizeof average, "%.2f",
                static_cast<double>(list.size()) / static_cast<double>(blocks));
  const LiveSettings& settings = call.settings();
  return " ql_nodes:" + std::to_string(blocks) + " ql_avg_node:" + average +
         " ql_listpack_max:" + std::to_string(settings.list_max_listpack_size.load()) +
         " ql_compressed:" + (settings.list_compress_depth.load() != 0 ? "1" : "0") +
         " ql_uncompressed_size:" + std::to_string(bytes);
}

Status object(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  const Key key = call.key(2);
  const Item item = call.keyspace(key).find(key);  // also one whose time has come
  if (!item) return Status::error(errors::kNoSuchKey);
  const int64_t idle_ms =
      call.store().group_of(key.hash).idle_ms(*item.entry(), call.now_ms()).value_or(0);
  char address[32];
  std::snprintf(address, sizeof address, "%p", static_cast<const void*>(item.entry()));
  call.reply().simple("Value at:" + std::string(address) + " refcount:1 encoding:" +
                      std::string(encoding_name(*item.entry())) + " serializedlength:" +
                      std::to_string(serialized_bytes(*item.entry())) + " lru:" +
                      std::to_string(((call.now_ms() - idle_ms) / 1000) & 0xffffff) +
                      " lru_seconds_idle:" + std::to_string(idle_ms / 1000) +
                      (encoding_name(*item.entry()) == "quicklist"
                           ? list_blocks(call, list_of(item))
                           : ""));
  return Status::ok();
}

// Marks a place in the log. Commands may not write there; a line is handed over as a script's is.
Status log(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  constexpr int kWarning = 3;
  call.services().script.note_line(kWarning, "DEBUG LOG: " + std::string(call.arg(2)));
  call.reply().ok();
  return Status::ok();
}

struct KeysDigest {
  Digest sum;
  size_t keys = 0;
};

void add_keys(Keyspace& keys, int64_t now_ms, KeysDigest& digest) {
  uint64_t cursor = 0;
  do {
    cursor = keys.table().scan_segment(cursor, [&](Entry* entry) {
      if (entry->expired(now_ms)) return;
      const Key key = Key::of(entry->key());
      Digest one;
      one.mix(key.name);
      mix_value(one, keys, key, keys.find_live(key, now_ms), now_ms);
      digest.sum.add(one);
      ++digest.keys;
    });
  } while (cursor != 0);
}

// Keys are added to the digest of their database, so their order does not count.
Status digest(Call& call) NO_THREAD_SAFETY_ANALYSIS {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  std::map<unsigned, KeysDigest> keys_of;  // by database
  for (unsigned i = 0; i < call.store().shard_count(); ++i) {
    Shard& shard = call.store().shard(i);
    for (const unsigned db : shard.used()) add_keys(shard.keyspace(db), call.now_ms(), keys_of[db]);
  }
  Digest all;
  for (const auto& [db, keys] : keys_of) {
    if (keys.keys == 0) continue;
    all.mix_number(db);
    all.join(keys.sum);
  }
  call.reply().simple(all.hex());
  return Status::ok();
}

Status digest_value(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  call.reply().array(call.arg_count() - 2);
  for (size_t i = 2; i < call.arg_count(); ++i) {
    const Key key = call.key(i);
    const Item item = call.peek(key);
    Digest value;
    if (item) mix_value(value, call.keyspace(key), key, item, call.now_ms());
    call.reply().simple(value.hex());
  }
  return Status::ok();
}

// Everything is saved, dropped and loaded again, while the world stands still.
Status reload(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  Persistence::Reload how;
  Args args(call);
  while (args.more()) {
    if (args.take("MERGE")) {
      how.merge = true;
    } else if (args.take("NOFLUSH")) {
      how.flush = false;
    } else if (args.take("NOSAVE")) {
      how.save = false;
    } else {
      return Status::error(
          "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
  }
  how.functions = !call.in_script();  // it may be one of them
  Persistence* persistence = call.services().persistence;
  const std::string error = persistence == nullptr ? "" : persistence->reload(how);
  if (!error.empty()) {
    return Status::error("ERR Error trying to load the RDB dump, check server logs.");
  }
  call.reply().ok();
  return Status::ok();
}

// Everything is dropped and loaded from the append-only file, by its thread.
Status load_file(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  constexpr const char* kRefusal = "ERR Error trying to load the AOF files, check logs.";
  AppendOnly* file = call.services().append_only;
  if (file == nullptr || call.is_nested()) return Status::error(kRefusal);
  auto task = std::make_unique<OutcomeTask>(kRefusal);
  file->reload(task->teller(call));
  call.start_task(std::move(task));
  return Status::ok();
}

Status rest_before_writes(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  Args args(call);
  const int64_t delay_us = args.integer_in(0, INT32_MAX);
  if (!args.ok()) return args.error();
  if (AppendOnly* file = call.services().append_only) file->set_write_delay(delay_us);
  call.reply().ok();
  return Status::ok();
}

// Makes keys `prefix`:0, :1, ... with values value:0, ..., cut or filled up to `size`. Keys that
// are there stay.
Status populate(Call& call) NO_THREAD_SAFETY_ANALYSIS {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  Args args(call);
  const int64_t count = args.integer_in(0, INT32_MAX);
  const Bytes prefix = args.more() ? args.bytes() : Bytes("key");
  const int64_t size = args.more() ? args.integer_in(0, INT32_MAX) : 0;
  if (!args.ok()) return args.error();
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = std::string(prefix) + ":" + std::to_string(i);
    const Key key = Key::of(name);
    if (call.keyspace(key).find_live(key, call.now_ms())) continue;
    std::string value = "value:" + std::to_string(i);
    if (size > 0) value.resize(static_cast<size_t>(size));
    put_string(call.keyspace(key), key, {}, value, kNoExpiry);
  }
  call.reply().ok();
  return Status::ok();
}

Status about_form(Call& call, Bytes form, const char* not_of_that_form, const char* answer) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  const Item item = call.peek(call.key(2));
  if (!item) return Status::error(errors::kNoSuchKey);
  if (encoding_name(*item.entry()) != form) return Status::error(not_of_that_form);
  call.reply().simple(answer);
  return Status::ok();
}

Status listpack(Call& call) {
  return about_form(call, "listpack", "ERR Not a listpack encoded object.",
                    "It is a pack: one run of elements with their lengths.");
}

Status help(Call& call) {
  if (Status no = debug::refusal(call); !no.is_ok()) return no;
  return reply_help(
      call,
      {"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
       "AOF-FLUSH-SLEEP <microseconds>", "    A rest before each write to the append-only file.",
       "CHANGE-REPL-ID", "    Gives the replication stream another id: no replica can go on in it.",
       "CLIENT-ENFORCE-REPLY-LIST <0|1>", "    Taken without effect: replies have one buffer.",
       "CONFIG-REWRITE-FORCE-ALL", "    Writes all options into the configuration file.",
       "DICT-RESIZING <0|1>", "    Taken without effect: tables grow piece by piece.",
       "DIGEST", "    A digest of all databases.",
       "DIGEST-VALUE <key> [<key> ...]", "    Digests of values.",
       "ERROR <string>", "    An error reply of that text.",
       "HTSTATS <db>", "    How many keys a database has.",
       "HTSTATS-KEY <key>", "    The same of a value.",
       "LISTPACK <key>", "    What a listpack holds.",
       "LOG <message>", "    A line in the server's log.",
       "LOADAOF", "    Drops the data and loads the append-only file.",
       "OBJECT <key>", "    How a value is kept.",
       "PAUSE-CRON <0|1>", "    Stops the work that is done from time to time.",
       "POPULATE <count> [<prefix>] [<size>]", "    Makes keys.",
       "PROTOCOL <type>", "    A reply of that type.",
       "QUICKLIST-PACKED-THRESHOLD <size>", "    Taken without effect.",
       "RELOAD [MERGE] [NOFLUSH] [NOSAVE]", "    Saves, empties and loads the data.",
       "REPLICATE <word> [<word> ...]", "    Tells replicas to run a command that nobody ran here.",
       "REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|ms>",
       "    How soon a client's reply buffer is fitted to its use.",
       "SDSLEN <key>", "    The sizes of a key and its string.",
       "SET-ACTIVE-EXPIRE <0|1>", "    Whether expired keys are looked for.",
       "SET-DISABLE-DENY-SCRIPTS <0|1>", "    Lets scripts run any command.",
       "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
       "    Takes RESTORE's payloads and RDB files with a wrong checksum.",
       "SLEEP <seconds>", "    Blocks the server.",
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
    sub("SLEEP", "seconds", "Blocks the server.", exactly(3), debug::sleep),
    sub("OBJECT", "key", "Tells how a value is kept.", at_least(3), object,
        key_at(2, KeyUse::read_only)),
    sub("SDSLEN", "key", "Tells the sizes of a key and its string.", exactly(3), string_sizes,
        key_at(2, KeyUse::read_only)),
    sub("SET-ACTIVE-EXPIRE", "on", "Turns the search for expired keys on or off.", exactly(3),
        debug::set_active_expire),
    sub("DIGEST", "", "Digests all databases.", exactly(2), digest, {}, Flag::whole_store),
    sub("DIGEST-VALUE", "[key ...]", "Digests values.", at_least(2), digest_value,
        keys_from(2, -1, 1, KeyUse::read_only)),
    sub("RELOAD", "[MERGE] [NOFLUSH] [NOSAVE]", "Loads the data again.", at_least(2), reload, {},
        Flag::write | Flag::whole_store | Flag::script_turn),
    sub("LOADAOF", "", "Loads the append-only file again.", exactly(2), load_file),
    sub("AOF-FLUSH-SLEEP", "microseconds", "Rests before each write to the append-only file.",
        exactly(3), rest_before_writes),
    sub("POPULATE", "count [prefix] [size]", "Makes keys.", at_least(3), populate, {},
        Flag::write | Flag::whole_store),
    sub("HTSTATS", "db [FULL]", "Tells how full the tables of a database are.", at_least(3),
        debug::table_stats, {}, Flag::whole_store),
    sub("HTSTATS-KEY", "key [FULL]", "Tells how full a value's table is.", at_least(3),
        debug::table_stats_of_key,
        key_at(2, KeyUse::read_only)),
    sub("LISTPACK", "key", "Shows a listpack.", exactly(3), listpack,
        key_at(2, KeyUse::read_only)),
    sub("LOG", "message", "Writes a line to the log.", exactly(3), log, {}, Flag::script_turn),
    sub("STRINGMATCH-LEN", "length pattern", "Measures the pattern matcher.", exactly(4),
        debug::stringmatch_len),
    sub("PROTOCOL", "type", "Answers with a reply of a type.", exactly(3), debug::protocol),
    sub("ERROR", "text", "Answers with an error.", exactly(3), debug::error),
    sub("SEGFAULT", "", "Ends the server as a fault in it would.", exactly(2), debug::segfault),
    sub("PAUSE-CRON", "on", "Stops periodic work.", exactly(3), debug::pause_cron),
    sub("REPLYBUFFER", "PEAK-RESET-TIME <NEVER | RESET | milliseconds>",
        "Fits reply buffers sooner or later.", exactly(4), debug::reply_buffer),
    sub("QUICKLIST-PACKED-THRESHOLD", "size", "Has no effect.", exactly(3),
        debug::packed_threshold),
    sub("CONFIG-REWRITE-FORCE-ALL", "", "Writes all options to the file.", exactly(2),
        debug::rewrite_all),
    sub("REPLICATE", "word [word ...]", "Sends replicas a command.", at_least(3),
        debug::replicate),
    sub("CHANGE-REPL-ID", "", "Gives the replication stream another id.", exactly(2),
        debug::change_repl_id),
    sub("SET-DISABLE-DENY-SCRIPTS", "on", "Lets scripts run any command.", exactly(3),
        debug::deny_scripts),
    sub("SET-SKIP-CHECKSUM-VALIDATION", "on", "Takes data with a wrong checksum.", exactly(3),
        debug::ignore_checksums),
    sub("CLIENT-ENFORCE-REPLY-LIST", "on", "Has no effect.", exactly(3), debug::accept_switch),
    sub("DICT-RESIZING", "on", "Has no effect.", exactly(3), debug::accept_switch),
    help_card("server", "1.0.0", kAcl, help),
});

constexpr auto kFamily = family({
    {.name = "DEBUG", .syntax = "", .summary = "A container for commands of tests.",
     .since = "1.0.0", .complexity = "Depends on subcommand.", .group = "server",
     .arity = at_least(2), .flags = kFlags, .acl = kAcl, .subcommands = kSubcommands,
     .veiled = true},
});

}  // namespace

std::span<const CommandSpec> debug_commands() { return kFamily; }

}  // namespace larder
