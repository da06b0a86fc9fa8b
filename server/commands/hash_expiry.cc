// Fields of hashes with an expiry of their own. A field that is given a time that has passed is
// removed at once.
// Source: https://redis.io/commands/hexpire/ (Redis 7.4), https://redis.io/commands/hgetex/,
// hsetex and hgetdel (Redis 8)
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/hash_values.h"
#include "server/engine/args.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

// What the commands answer for each field.
enum Answer : int64_t { kNoField = -2, kNoTime = -1, kNotMet = 0, kDone = 1, kRemoved = 2 };

// Latest time that Redis takes, 46 bits of milliseconds: the year 4199.
constexpr int64_t kFieldExpiryMax = (int64_t{1} << 46) - 1;
constexpr const char* kBadCount = "ERR Number of fields must be a positive integer";

struct TimeForm {
  bool seconds;
  bool relative;
  const char* name;  // of the command
};

int64_t take_time(Args& args, const TimeForm& form, int64_t now_ms) {
  int64_t value = args.integer();
  if (!args.ok()) return 0;
  if (value < 0) {
    args.fail("ERR invalid expire time, must be >= 0");
    return 0;
  }
  const int64_t base_ms = form.relative ? now_ms : 0;
  const int64_t unit = form.seconds ? 1000 : 1;
  if (value > kFieldExpiryMax / unit || value * unit > kFieldExpiryMax - base_ms) {
    args.fail("ERR invalid expire time in '" + std::string(form.name) + "' command");
    return 0;
  }
  return value * unit + base_ms;
}

// Consumes FIELDS and the count; what is left are the fields.
void take_fields(Args& args, const char* bad_count) {
  if (!args.ok()) return;
  if (!args.take("FIELDS")) {
    return args.fail("ERR Mandatory argument FIELDS is missing or not at the right position");
  }
  const int64_t count = args.integer_in(1, std::numeric_limits<int64_t>::max(), bad_count);
  if (args.ok() && static_cast<uint64_t>(count) != args.left()) {
    args.fail("ERR The `numfields` parameter must match the number of arguments");
  }
}

bool has_passed(const Call& call, int64_t expiry_ms) {
  return expiry_ms != kNoExpiry && expiry_ms <= call.now_ms();
}

// Times of fields that one command changes, and the events that tell of them.
class FieldTimes {
 public:
  FieldTimes(Call& call, Hash& hash) : call_(call), hash_(hash) {}

  // Gives a field that is there a time, or removes it when that has passed.
  Answer set(Bytes name, int64_t expiry_ms) {
    if (has_passed(call_, expiry_ms)) return remove(name);
    hash_.set_expiry(name, expiry_ms);
    note_expiring(name, expiry_ms);
    return kDone;
  }
  Answer persist(Bytes name) {
    hash_.set_expiry(name, kNoExpiry);
    persisted_.push_back(name);
    return kDone;
  }
  // Named in the effects, there or not: who replays HSETEX itself may think its time not over.
  Answer remove(Bytes name) {
    if (hash_.remove(name)) loses_ = true;
    removed_.push_back(name);
    return kRemoved;
  }
  // A command gives all its fields the same time.
  void note_expiring(Bytes name, int64_t expiry_ms) {
    expiring_.push_back(name);
    expiry_ms_ = expiry_ms;
  }
  void tell() {
    const Key key = call_.key(1);
    if (!expiring_.empty()) call_.changed("hexpire", key);
    if (!persisted_.empty()) call_.changed("hpersist", key);
    if (loses_) hash_changed(call_, "hdel", hash_);
    if (call_.wants_effect()) give_effects();
  }

 private:
  void give_effects() {
    const Bytes key = call_.arg(1);
    if (!expiring_.empty()) {
      give({"HPEXPIREAT", key, NumberWord(expiry_ms_), "FIELDS", NumberWord(expiring_.size())},
           expiring_);
    }
    if (!persisted_.empty()) {
      give({"HPERSIST", key, "FIELDS", NumberWord(persisted_.size())}, persisted_);
    }
    if (!removed_.empty()) give({"HDEL", key}, removed_);
  }
  void give(std::initializer_list<Bytes> head, const std::vector<Bytes>& names) {
    std::vector<Bytes> words(head);
    words.insert(words.end(), names.begin(), names.end());
    call_.effect(words);
  }

  Call& call_;
  Hash& hash_;
  // Names are arguments of the command.
  std::vector<Bytes> expiring_;
  std::vector<Bytes> persisted_;
  std::vector<Bytes> removed_;
  bool loses_ = false;  // one of these was there
  int64_t expiry_ms_ = kNoExpiry;
};

enum class Condition { none_yet, has_one, later, earlier };

// A field without an expiry counts as one that ends infinitely late.
bool holds(std::optional<Condition> condition, int64_t current_ms, int64_t next_ms) {
  if (!condition) return true;
  const bool none = current_ms == kNoExpiry;
  switch (*condition) {
    case Condition::none_yet: return none;
    case Condition::has_one: return !none;
    case Condition::later: return !none && next_ms > current_ms;
    case Condition::earlier: return none || next_ms < current_ms;
  }
  return false;
}

Status set_times(Call& call, const TimeForm& form) {
  return change_hash(call, [&](Hash& hash) {
    Args args(call);
    args.key();
    const int64_t expiry_ms = take_time(args, form, call.clock_ms());
    std::optional<Condition> condition;
    args.take_one_of(condition, {{"NX", Condition::none_yet}, {"XX", Condition::has_one},
                                 {"GT", Condition::later}, {"LT", Condition::earlier}});
    take_fields(args, "ERR Parameter `numFields` should be greater than 0");
    if (!args.ok()) return args.error();
    hash.drop_due(call.args().subspan(args.position()));
    FieldTimes times(call, hash);
    call.reply().array(args.left());
    while (args.more()) {
      const Bytes name = args.bytes();
      const auto field = hash.find(name);
      Answer answer = kNoField;
      if (field) {
        const bool sets = holds(condition, field->expiry_ms, expiry_ms);
        answer = sets ? times.set(name, expiry_ms) : kNotMet;
      }
      call.reply().integer(answer);
    }
    times.tell();
    return Status::ok();
  });
}

Status hexpire(Call& call) { return set_times(call, {true, true, "hexpire"}); }
Status hpexpire(Call& call) { return set_times(call, {false, true, "hpexpire"}); }
Status hexpireat(Call& call) { return set_times(call, {true, false, "hexpireat"}); }
Status hpexpireat(Call& call) { return set_times(call, {false, false, "hpexpireat"}); }

// Answers the expiries minus `from_ms`. Seconds are rounded up.
Status reply_times(Call& call, bool seconds, int64_t from_ms) {
  return read_hash(call, [&](const Hash& hash) {
    Args args(call);
    args.key();
    take_fields(args, kBadCount);
    if (!args.ok()) return args.error();
    call.reply().array(args.left());
    while (args.more()) {
      const auto field = hash.find(args.bytes());
      int64_t answer = field ? kNoTime : kNoField;
      if (field && field->expiry_ms != kNoExpiry) {
        answer = field->expiry_ms - from_ms;
        if (seconds) answer = (answer + 999) / 1000;
      }
      call.reply().integer(answer);
    }
    return Status::ok();
  });
}

Status httl(Call& call) { return reply_times(call, true, call.now_ms()); }
Status hpttl(Call& call) { return reply_times(call, false, call.now_ms()); }
Status hexpiretime(Call& call) { return reply_times(call, true, 0); }
Status hpexpiretime(Call& call) { return reply_times(call, false, 0); }

// Calls change(times, name, field) for each field that a command of nothing but fields names; it
// writes that field's part of the reply.
template <typename Change>
Status change_fields(Call& call, Change change) {
  return change_hash(call, [&](Hash& hash) {
    Args args(call);
    args.key();
    take_fields(args, kBadCount);
    if (!args.ok()) return args.error();
    hash.drop_due(call.args().subspan(args.position()));
    FieldTimes times(call, hash);
    call.reply().array(args.left());
    while (args.more()) {
      const Bytes name = args.bytes();
      change(times, name, hash.find(name));
    }
    times.tell();
    return Status::ok();
  });
}

Status hpersist(Call& call) {
  return change_fields(call, [&](FieldTimes& times, Bytes name, const auto& field) {
    Answer answer = field ? kNoTime : kNoField;
    if (field && field->expiry_ms != kNoExpiry) answer = times.persist(name);
    call.reply().integer(answer);
  });
}

Status hgetdel(Call& call) {
  return change_fields(call, [&](FieldTimes& times, Bytes name, const auto& field) {
    reply_field_value(call, field);
    if (field) times.remove(name);
  });
}

// EX, PX, EXAT, PXAT and a word that stands for no time.
struct TimeOption {
  bool given = false;
  bool by_word = false;
  int64_t expiry_ms = kNoExpiry;
};

bool take_time_option(Args& args, TimeOption& option, Bytes word, const Call& call,
                      const char* command) {
  const struct { Bytes word; bool seconds, relative; } forms[] = {
      {"EX", true, true}, {"PX", false, true}, {"EXAT", true, false}, {"PXAT", false, false}};
  const auto claim = [&] {
    if (option.given) {
      args.fail("ERR Only one of EX, PX, EXAT, PXAT or " + std::string(word) +
                " arguments can be specified");
    }
    option.given = true;
    return true;
  };
  if (args.take(word)) {
    option.by_word = true;
    return claim();
  }
  for (const auto& form : forms) {
    if (!args.take(form.word)) continue;
    claim();
    if (args.ok() && args.left() == 0) args.fail("ERR missing expire time");
    const TimeForm time{form.seconds, form.relative, command};
    option.expiry_ms = take_time(args, time, call.clock_ms());
    return true;
  }
  return false;
}

Status hgetex(Call& call) {
  return change_hash(call, [&](Hash& hash) {
    Args args(call);
    args.key();
    TimeOption option;
    while (take_time_option(args, option, "PERSIST", call, "hgetex")) {
    }
    if (args.ok() && args.left() < 2) {
      args.fail("ERR wrong number of arguments for 'hgetex' command");
    }
    take_fields(args, kBadCount);
    if (!args.ok()) return args.error();
    hash.drop_due(call.args().subspan(args.position()));
    FieldTimes times(call, hash);
    call.reply().array(args.left());
    while (args.more()) {
      const Bytes name = args.bytes();
      const auto field = hash.find(name);
      reply_field_value(call, field);
      if (!field) continue;
      if (option.by_word && field->expiry_ms != kNoExpiry) times.persist(name);
      if (option.expiry_ms != kNoExpiry) times.set(name, option.expiry_ms);
    }
    times.tell();
    return Status::ok();
  });
}

enum class If { all_missing, all_there };

struct SetOptions {
  std::optional<If> condition;
  TimeOption time;
  size_t first = 0;  // argument of the first field
};

SetOptions parse_hsetex(Args& args, const Call& call) {
  const std::string bad_arity = "ERR wrong number of arguments for 'hsetex' command";
  SetOptions options;
  while (args.more() && options.first == 0) {
    if (take_time_option(args, options.time, "KEEPTTL", call, "hsetex")) continue;
    std::optional<If> condition;
    if (args.take_one_of(condition, {{"FNX", If::all_missing}, {"FXX", If::all_there}})) {
      if (options.condition) {
        args.fail("ERR Only one of FXX or FNX arguments can be specified");
      }
      options.condition = condition;
    } else if (args.take("FIELDS")) {
      if (args.left() < 3) args.fail(bad_arity);
      const int64_t count = args.integer_in(1, INT32_MAX, "ERR invalid number of fields");
      if (args.ok() && static_cast<uint64_t>(count) * 2 != args.left()) args.fail(bad_arity);
      options.first = args.position();
    } else {
      args.fail("ERR unknown argument: " + std::string(args.peek()));
    }
  }
  if (args.ok() && options.first == 0) args.fail(bad_arity);
  return options;
}

bool condition_holds(const Call& call, const SetOptions& options, Hash& hash) {
  if (!options.condition) return true;
  for (size_t i = options.first; i < call.arg_count(); i += 2) {
    const Bytes name = call.arg(i);
    hash.drop_due({&name, 1});
    if (hash.find(name).has_value() != (*options.condition == If::all_there)) return false;
  }
  return true;
}

// Without the condition, which held. HSET takes expiries off, so only our kind of server can keep
// them.
void give_pairs(Call& call, const SetOptions& options) {
  if (!call.wants_effect()) return;
  const auto pairs = call.args().subspan(options.first);
  const NumberWord count(pairs.size() / 2);
  std::vector<Bytes> words{"HSET", call.arg(1)};
  if (options.time.by_word) words = {"HSETEX", call.arg(1), "KEEPTTL", "FIELDS", count};
  words.insert(words.end(), pairs.begin(), pairs.end());
  call.effect(words);
}

// Unlike its siblings it is read to the end before the key is looked at.
Status hsetex(Call& call) {
  Args args(call);
  args.key();
  const SetOptions options = parse_hsetex(args, call);
  if (!args.ok()) return args.error();
  return change_hash(call, [&](Hash& hash) {
    const bool sets = condition_holds(call, options, hash);
    call.reply().integer(sets ? 1 : 0);
    if (!sets) return Status::ok();
    const int64_t expiry_ms = options.time.expiry_ms;
    const bool passed = has_passed(call, expiry_ms);
    FieldTimes times(call, hash);
    for (size_t i = options.first; i < call.arg_count(); i += 2) {
      const Bytes name = call.arg(i);
      if (passed) {
        times.remove(name);
        continue;
      }
      const auto old = options.time.by_word ? hash.find(name) : std::nullopt;
      hash.put(name, call.arg(i + 1), hash_limits(call), old ? old->expiry_ms : expiry_ms);
      if (expiry_ms != kNoExpiry) times.note_expiring(name, expiry_ms);
    }
    call.changed("hset", call.key(1));
    if (!passed) give_pairs(call, options);
    times.tell();
    return Status::ok();
  });
}

constexpr Bytes kPerField = "O(N) where N is the number of fields";

constexpr CommandSpec setter(Bytes name, Bytes syntax, Bytes summary, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = "7.4.0",
          .complexity = kPerField, .group = "hash", .arity = at_least(6),
          .flags = Flag::write | Flag::deny_oom | Flag::fast,
          .keys = key_at(1, KeyUse::read_write_update),
          .acl = Acl::write | Acl::hash | Acl::fast, .run = run};
}

constexpr CommandSpec getter(Bytes name, Bytes summary, Handler run) {
  return {.name = name, .syntax = "key FIELDS numfields field [field ...]", .summary = summary,
          .since = "7.4.0", .complexity = kPerField, .group = "hash", .arity = at_least(5),
          .flags = Flag::readonly | Flag::fast, .keys = key_at(1, KeyUse::read_only_access),
          .acl = Acl::read | Acl::hash | Acl::fast, .run = run};
}

constexpr CommandSpec changer(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                              Flag flags, KeyUse use, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since,
          .complexity = kPerField, .group = "hash", .arity = arity, .flags = flags,
          .keys = key_at(1, use), .acl = Acl::write | Acl::hash | Acl::fast, .run = run};
}

constexpr auto kFamily = family({
    setter("HEXPIRE", "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
           "Lets fields of a hash end in so many seconds.", hexpire),
    setter("HPEXPIRE", "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
           "Lets fields of a hash end in so many milliseconds.", hpexpire),
    setter("HEXPIREAT",
           "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
           "Lets fields of a hash end at a Unix time.", hexpireat),
    setter("HPEXPIREAT",
           "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
           "Lets fields of a hash end at a Unix time in milliseconds.", hpexpireat),
    getter("HTTL", "Tells how many seconds fields have left.", httl),
    getter("HPTTL", "Tells how many milliseconds fields have left.", hpttl),
    getter("HEXPIRETIME", "Tells the Unix times at which fields end.", hexpiretime),
    getter("HPEXPIRETIME", "Tells the Unix times in milliseconds at which fields end.",
           hpexpiretime),
    changer("HPERSIST", "key FIELDS numfields field [field ...]",
            "Takes the expiry off fields of a hash.", "7.4.0", at_least(5),
            Flag::write | Flag::fast, KeyUse::read_write_update, hpersist),
    changer("HGETDEL", "key FIELDS numfields field [field ...]",
            "Returns the values of fields and removes them.", "8.0.0", at_least(5),
            Flag::write | Flag::fast, KeyUse::read_write_access_delete, hgetdel),
    changer("HGETEX",
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
            "unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]",
            "Returns the values of fields and changes their expiry.", "8.0.0", at_least(5),
            Flag::write | Flag::fast, KeyUse::read_write_access_update, hgetex),
    changer("HSETEX",
            "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
            "unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
            "Sets fields of a hash with an expiry, if the condition holds.", "8.0.0",
            at_least(6), Flag::write | Flag::deny_oom | Flag::fast, KeyUse::read_write_update,
            hsetex),
});

}  // namespace

std::span<const CommandSpec> hash_expiry_commands() { return kFamily; }

}  // namespace larder
