// The options of the server: one row of a table each, and their current values.
//
// A row knows name, kind, default, limits and what to do when the value changes. CONFIG, the
// command line, the environment, larder.conf, --print-config and docs/config.md are read from the
// rows. Names, defaults and value forms are those of Redis 7.2 where Redis has the option.
// Source: https://redis.io/docs/management/config-file/
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace larder {

class AccessControl;
class Listeners;
class Log;
class LiveSettings;
class Options;
class ProcessTitle;
class ReplicationSettings;
class SlowLog;
class Store;
class TlsSettings;

enum class OptionKind : uint8_t {
  boolean,        // yes, no
  integer,        // low .. high
  octal,          // file permissions
  memory,         // bytes with an optional unit: 1k = 1000, 1kb = 1024, ... ; printed as bytes
  memory_share,   // the same or a percentage of maxmemory
  machine_share,  // the same or a percentage of the container's or machine's memory, kept as bytes
  choice,         // one of `choices`
  choices_list,   // several of them
  text,           // one word, may be empty
  words,          // any number of words, kept with one space in between
  percentiles,    // numbers from 0 to 100
  oom_scores,     // three numbers from -2000 to 2000
  save_points,    // seconds changes [seconds changes ...]
  event_classes,  // letters of notify-keyspace-events
  buffer_limits,  // class hard soft seconds [...], classes not named stay
  duration,       // seconds, or with a unit: 90s, 1500ms, 15m, 2h, 1d; printed as seconds
  sliding,        // yes, no or a duration
  ttl_rules,      // pattern name=value ... [pattern name=value ...], lines add up
  peer,           // host and port; nothing, or "no one", which is kept as that
};

// Whether a value has several words, which are kept with one space in between.
bool is_list(OptionKind kind);

enum class Standing : uint8_t {
  works,
  planned,  // belongs to work that is not built yet: known, kept, without effect
  moot,     // has no meaning here: known, kept, without effect
};

enum class OptionSection : uint8_t {
  network, tls, clients, memory, persistence, replication, security, general, logging, monitoring,
  redis
};

// What options act on while the server runs.
struct OptionTargets {
  Store& store;
  LiveSettings& settings;
  SlowLog& slow_log;
  Log& log;
  Listeners& listeners;
  ReplicationSettings& replication;
  AccessControl& access;
  TlsSettings& tls;
  ProcessTitle& title;
  // Listens on the TCP ports and addresses that the options name now, instead of the old ones.
  // Empty before the server listens at all. Returns why it can't be, and then nothing has changed.
  std::function<std::string(const Options& options)> listen_again{};
  // Puts the options of the append-only file into force. Empty before there is one.
  std::function<void(const Options& options)> append_only{};
};

struct OptionSpec {
  Bytes name;
  Bytes alias{};     // an older name, or Valkey's
  OptionKind kind = OptionKind::text;
  Bytes standard{};  // the default, as CONFIG GET prints it
  OptionSection section = OptionSection::redis;
  Bytes summary{};
  int64_t low = 0;
  int64_t high = std::numeric_limits<int64_t>::max();
  // A value within low .. high is drawn to these, as Redis does without a word.
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t most = std::numeric_limits<int64_t>::max();
  Bytes choices{};   // with one space in between
  Standing standing = Standing::works;
  bool fixed = false;           // only at start
  bool hidden = false;          // patterns do not find it, only its whole name does
  bool guarded = false;         // CONFIG SET only with enable-protected-configs
  bool loaded_from = false;     // says where the data comes from: CONFIG SET not while it is loaded
  bool file_name = false;       // a text that names a file in the working directory: no path
  // Puts the current value into force; returns why that can't be, or nothing. Null: it is read
  // once at start.
  std::string (*apply)(const Options& options, OptionTargets& targets) = nullptr;
};

std::span<const OptionSpec> option_table();

// Where a value came from; a later one wins.
enum class OptionSource : uint8_t { standard, machine, file, environment, command_line, runtime };

class Options {
 public:
  Options();

  static const OptionSpec* find(Bytes name);

  // Gives an option its value from words as they stand in a line of larder.conf. Returns what is
  // wrong with them, or nothing. A later line of save, buffer limits or ttl-rule adds to earlier
  // ones.
  std::string assign(const OptionSpec& option, const std::vector<std::string>& words,
                     OptionSource source);
  // The same from one string, as CONFIG SET has it.
  std::string assign_text(const OptionSpec& option, Bytes text, OptionSource source);
  // The value `text` would become, or what is wrong with it (second).
  std::pair<std::string, std::string> checked(const OptionSpec& option, Bytes text) const;

  const std::string& text(Bytes name) const;
  int64_t integer(Bytes name) const;
  // Of memory, at most what fits.
  int64_t bytes(Bytes name) const;
  bool is_on(Bytes name) const { return text(name) == "yes"; }
  std::vector<std::string> words(Bytes name) const;
  OptionSource source(Bytes name) const;
  bool is_standard(const OptionSpec& option) const;

 private:
  struct Value {
    std::string text;
    OptionSource source = OptionSource::standard;
  };
  Value& value(const OptionSpec& option);
  const Value& value(Bytes name) const;

  std::vector<Value> values_;  // by row
};

// Words of a line or value separated by spaces.
std::vector<std::string> split_words(Bytes text);

}  // namespace larder
