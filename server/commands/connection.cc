// Commands about the client's own connection. CLIENT and its sub-commands are in clients.cc.
// Source: https://redis.io/commands/?group=connection
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/engine/acl/gate.h"
#include "server/engine/args.h"
#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/listeners.h"
#include "server/engine/version.h"

namespace larder {
namespace {

Status ping(Call& call) {
  if (call.arg_count() > 2) {
    return Status::error("ERR wrong number of arguments for 'ping' command");
  }
  const bool listens = call.session().subscriptions != nullptr && !call.in_script();
  if (listens && call.session().protocol == 2) {
    call.reply().array(2);
    call.reply().bulk("pong");
    call.reply().bulk(call.arg_count() == 2 ? call.arg(1) : Bytes(""));
    return Status::ok();
  }
  call.arg_count() == 2 ? call.reply().bulk(call.arg(1)) : call.reply().simple("PONG");
  return Status::ok();
}

Status echo(Call& call) {
  call.reply().bulk(call.arg(1));
  return Status::ok();
}

Status quit(Call& call) {
  call.session().close_after_reply = true;
  call.reply().ok();
  return Status::ok();
}

Status select(Call& call) {
  const auto index = parse_int64(call.arg(1));
  if (!index) return Status::error(errors::kNotInteger);
  if (*index != static_cast<int32_t>(*index)) {
    return Status::error(
        "ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (*index < 0 || *index >= static_cast<int64_t>(call.store().databases())) {
    return Status::error(errors::kDbRange);
  }
  call.session().db = static_cast<unsigned>(*index);
  call.reply().ok();
  return Status::ok();
}

// A failure is logged.
bool log_in(Call& call, Bytes user, Bytes password) {
  Services& services = call.services();
  if (services.access.log_in(call.session(), user, password)) return true;
  log_wrong_password(services, call.session(), call.worker().clients, call.arg(0), user);
  return false;
}

Status auth(Call& call) {
  if (call.arg_count() > 3) return Status::error(errors::kSyntax);
  const bool with_user = call.arg_count() == 3;
  if (!with_user && call.services().access.is_without_password()) {
    return Status::error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  const Bytes user = with_user ? call.arg(1) : kDefaultUser;
  if (!log_in(call, user, call.arg(with_user ? 2 : 1))) return Status::error(errors::kWrongPass);
  call.reply().ok();
  return Status::ok();
}

void reply_hello(Call& call) {
  ReplyWriter& reply = call.reply();
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(call.session().protocol);
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(call.session().id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

struct HelloOptions {
  int protocol = 0;  // 0: as it is
  bool log_in = false;
  Bytes user, password;
  bool rename = false;
  Bytes name;
};

HelloOptions parse_hello(Args& args) {
  HelloOptions options;
  if (args.more()) {
    const auto version = parse_int64(args.bytes());
    if (!version) {
      args.fail("ERR Protocol version is not an integer or out of range");
    } else if (*version < 2 || *version > 3) {
      args.fail("NOPROTO unsupported protocol version");
    } else {
      options.protocol = static_cast<int>(*version);
    }
  }
  while (args.more()) {
    const Bytes word = args.peek();
    if (args.left() >= 3 && args.take("AUTH")) {
      options.log_in = true;
      options.user = args.bytes();
      options.password = args.bytes();
    } else if (args.take_with_value("SETNAME")) {
      options.rename = true;
      options.name = args.bytes();
      if (!is_client_name(options.name)) args.fail(kBadClientName);
    } else {
      args.fail("ERR Syntax error in HELLO option '" + std::string(word) + "'");
    }
  }
  return options;
}

Status hello(Call& call) {
  Args args(call);
  const HelloOptions options = parse_hello(args);
  if (!args.ok()) return args.error();
  if (options.log_in && !log_in(call, options.user, options.password)) {
    return Status::error(errors::kWrongPass);
  }
  Session& session = call.session();
  if (!session.authenticated) {
    return Status::error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
  }
  if (options.rename) session.name = options.name;
  if (options.protocol != 0) session.protocol = options.protocol;
  call.reply().set_version(session.protocol);
  reply_hello(call);
  return Status::ok();
}

Status reset(Call& call) {
  Session& session = call.session();
  if (session.monitor) {
    session.monitor = false;
    call.services().monitors.fetch_sub(1);
  }
  if (session.has_state()) call.services().listeners.forget(*call.client(), call.store());
  session.db = 0;
  session.protocol = 2;
  session.name.clear();
  session.reply_mode = ReplyMode::on;
  session.no_evict = session.no_touch = false;
  call.services().access.begin(session);
  call.reply().set_version(2);
  call.reply().simple("RESET");
  return Status::ok();
}

constexpr Flag kAlways = Flag::noscript | Flag::loading | Flag::stale | Flag::fast |
                         Flag::no_auth | Flag::allow_busy;

constexpr auto kFamily = family({
    {.name = "PING", .syntax = "[message]", .summary = "Answers PONG, or the message.",
     .since = "1.0.0", .complexity = "O(1)", .group = "connection", .arity = at_least(1),
     .flags = Flag::fast, .acl = Acl::fast | Acl::connection, .run = ping},
    {.name = "ECHO", .syntax = "message", .summary = "Answers the message.", .since = "1.0.0",
     .complexity = "O(1)", .group = "connection", .arity = exactly(2),
     .flags = Flag::loading | Flag::stale | Flag::fast, .acl = Acl::fast | Acl::connection,
     .run = echo},
    {.name = "QUIT", .syntax = "", .summary = "Closes the connection.", .since = "1.0.0",
     .complexity = "O(1)", .group = "connection", .arity = at_least(1),
     .flags = kAlways | Flag::never_queued, .acl = Acl::fast | Acl::connection, .run = quit,
     .deprecated_since = "7.2.0", .replaced_by = "just closing the connection"},
    {.name = "SELECT", .syntax = "index", .summary = "Changes the database of the connection.",
     .since = "1.0.0", .complexity = "O(1)", .group = "connection", .arity = exactly(2),
     .flags = Flag::loading | Flag::stale | Flag::fast, .acl = Acl::fast | Acl::connection,
     .run = select},
    {.name = "AUTH", .syntax = "[username] password", .summary = "Authenticates the connection.",
     .since = "1.0.0", .complexity = "O(1)", .group = "connection", .arity = at_least(2),
     .flags = kAlways, .acl = Acl::fast | Acl::connection, .run = auth},
    {.name = "HELLO", .syntax = "[protover [AUTH username password] [SETNAME clientname]]",
     .summary = "Shakes hands: protocol version, authentication, name.", .since = "6.0.0",
     .complexity = "O(1)", .group = "connection", .arity = at_least(1), .flags = kAlways,
     .acl = Acl::fast | Acl::connection, .run = hello},
    {.name = "RESET", .syntax = "", .summary = "Brings the connection back to its first state.",
     .since = "6.2.0", .complexity = "O(1)", .group = "connection", .arity = exactly(1),
     .flags = kAlways | Flag::never_queued, .acl = Acl::fast | Acl::connection, .run = reset},
});

}  // namespace

bool is_client_name(Bytes name) {
  for (const char c : name) {
    if (c < '!' || c > '~') return false;
  }
  return true;
}

std::span<const CommandSpec> connection_commands() { return kFamily; }

}  // namespace larder
