// Switches and canned replies of DEBUG, which tests of servers and of client libraries rely on.
// Source: https://redis.io/commands/debug/
#include "server/commands/debug_words.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <string>
#include <thread>

#include "base/glob.h"
#include "base/numbers.h"
#include "server/engine/args.h"
#include "server/engine/errors.h"
#include "server/engine/replication.h"

namespace larder::debug {

Status refusal(Call& call) {
  using Debug = LiveSettings::Debug;
  const Debug who = call.settings().debug.load();
  if (who == Debug::yes || (who == Debug::local && call.session().from_loopback)) {
    return Status::ok();
  }
  return Status::error(errors::not_allowed("DEBUG", "enable-debug-command"));
}

namespace {

// Of the words that take a number: 0 is off.
Status set_switch(Call& call, std::atomic<bool>& setting) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  Args args(call);
  const int64_t on = args.integer();
  if (!args.ok()) return args.error();
  setting.store(on != 0);
  call.reply().ok();
  return Status::ok();
}

}  // namespace

// The whole server sleeps, as Redis does: tests of failovers and of clients' time-outs have it so.
Status sleep(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  Args args(call);
  // What is no number is none at all, as Redis has it.
  const double asked = parse_double(args.bytes()).value_or(0);
  constexpr double kSecondsMax = 3600;
  const double seconds = asked > 0 ? std::min(asked, kSecondsMax) : 0;  // "nan" is 0, too
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  Workers& workers = call.services().workers;
  for (size_t i = 0; i < workers.count(); ++i) {
    if (i == call.worker().index) continue;
    workers.visit(i, [until](ClientsOfWorker&) { std::this_thread::sleep_until(until); });
  }
  std::this_thread::sleep_until(until);
  call.reply().ok();
  return Status::ok();
}

Status set_active_expire(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  call.store().set_active_expiry(call.arg(2) != "0");
  call.reply().ok();
  return Status::ok();
}

Status pause_cron(Call& call) { return set_switch(call, call.settings().cron_paused); }

Status deny_scripts(Call& call) { return set_switch(call, call.settings().noscript_ignored); }

Status ignore_checksums(Call& call) { return set_switch(call, call.settings().checksums_ignored); }

// How soon a client's reply buffer is fitted to what it used of late.
Status reply_buffer(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  Args args(call);
  std::atomic<int64_t>& period_ms = call.settings().reply_peak_ms;
  if (args.take("PEAK-RESET-TIME")) {
    if (args.take("NEVER")) {
      period_ms.store(LiveSettings::kNever);
    } else if (args.take("RESET")) {
      period_ms.store(LiveSettings::kReplyPeakMs);
    } else {
      const int64_t ms = args.integer();
      if (args.ok()) period_ms.store(ms);
    }
  } else if (!args.take("RESIZING")) {
    args.reject();
  }
  if (!args.ok()) return args.error();
  call.reply().ok();
  return Status::ok();
}

// Values of lists are kept by their size alone, so there is no threshold to move.
Status packed_threshold(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  constexpr int64_t kMost = (int64_t{4} << 30) - (1 << 20);
  static const std::map<std::string, int64_t> kUnits{
      {"", 1},            {"b", 1},        {"k", 1000},               {"kb", 1 << 10},
      {"m", 1000 * 1000}, {"mb", 1 << 20}, {"g", 1000 * 1000 * 1000}, {"gb", 1 << 30}};
  const Bytes text = call.arg(2);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto unit = kUnits.find(lower_case(text.substr(digits)));
  const auto count = digits == 0 ? 0 : parse_int64(text.substr(0, digits));
  if (!count || unit == kUnits.end() || *count > kMost / unit->second) {
    return Status::error("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  call.reply().ok();
  return Status::ok();
}

Status rewrite_all(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  Configuration& configuration = call.services().configuration;
  configuration.rewrite_all();
  std::string error = configuration.rewrite();
  if (!error.empty()) return Status::error("ERR CONFIG-REWRITE-FORCE-ALL failed: " + error);
  call.reply().ok();
  return Status::ok();
}

// Switches of machinery that works otherwise here: taken, without effect.
Status accept_switch(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  call.reply().ok();
  return Status::ok();
}

// Replicas are told what nobody did here. Only for tests of what they make of it.
Status replicate(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  call.effect(call.args().subspan(2), EffectFor::replicas);
  call.reply().ok();
  return Status::ok();
}

Status change_repl_id(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  if (call.services().replication != nullptr) call.services().replication->change_id();
  call.reply().ok();
  return Status::ok();
}

Status segfault(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  std::raise(SIGSEGV);
  return Status::ok();
}

Status error(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
  std::string text(call.arg(2));
  for (char& c : text) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return Status::error(std::move(text));
}

Status stringmatch_len(Call& call) {
  if (Status no = refusal(call); !no.is_ok()) return no;
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
  if (Status no = refusal(call); !no.is_ok()) return no;
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
        "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
  }
  return Status::ok();
}

}  // namespace larder::debug
