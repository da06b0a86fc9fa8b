// CLIENT about the own connection, and MONITOR. What acts on other clients is in client_control.cc.
// Source: https://redis.io/commands/?group=connection
#include <string>

#include "server/commands/client_control.h"
#include "server/commands/client_tracking.h"
#include "server/commands/families.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/client_list.h"

namespace larder {
namespace {

Status id(Call& call) {
  call.reply().integer(static_cast<int64_t>(call.session().id));
  return Status::ok();
}

Status getname(Call& call) {
  const std::string& name = call.session().name;
  name.empty() ? call.reply().null() : call.reply().bulk(name);
  return Status::ok();
}

Status setname(Call& call) {
  if (!is_client_name(call.arg(2))) return Status::error(kBadClientName);
  call.session().name = call.arg(2);
  call.reply().ok();
  return Status::ok();
}

Status setinfo(Call& call) {
  const Bytes attribute = call.arg(2);
  const Bytes value = call.arg(3);
  const bool is_name = equals_upper(attribute, "LIB-NAME");
  if (!is_name && !equals_upper(attribute, "LIB-VER")) {
    return Status::error("ERR Unrecognized option '" + std::string(attribute) + "'");
  }
  if (!is_client_name(value)) {
    return Status::error("ERR " + std::string(attribute) +
                         " cannot contain spaces, newlines or special characters.");
  }
  (is_name ? call.session().lib_name : call.session().lib_version) = value;
  call.reply().ok();
  return Status::ok();
}

// ON answers, OFF and SKIP do not: the connection takes their reply back.
Status reply(Call& call) {
  const Bytes mode = call.arg(2);
  if (equals_upper(mode, "ON")) {
    call.session().reply_mode = ReplyMode::on;
  } else if (equals_upper(mode, "OFF")) {
    call.session().reply_mode = ReplyMode::off;
  } else if (equals_upper(mode, "SKIP")) {
    if (call.session().reply_mode != ReplyMode::off) {
      call.session().reply_mode = ReplyMode::skip_next;
    }
  } else {
    return Status::error(errors::kSyntax);
  }
  call.reply().ok();
  return Status::ok();
}

Status set_switch(Call& call, bool Session::* target) {
  if (equals_upper(call.arg(2), "ON")) {
    call.session().*target = true;
  } else if (equals_upper(call.arg(2), "OFF")) {
    call.session().*target = false;
  } else {
    return Status::error(errors::kSyntax);
  }
  call.reply().ok();
  return Status::ok();
}

Status no_evict(Call& call) { return set_switch(call, &Session::no_evict); }
Status no_touch(Call& call) { return set_switch(call, &Session::no_touch); }

Status help(Call& call) {
  return reply_help(
      call,
      {"CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
       "CACHING (YES|NO)", "    Tracks the keys of the next command, or does not (OPTIN, OPTOUT).",
       "GETNAME", "    The name of this connection.",
       "GETREDIR", "    The client that gets this one's invalidations; -1 without tracking.",
       "ID", "    The id of this connection.",
       "INFO", "    What is known of this connection, in one line.",
       "KILL <ip:port>", "    Closes the connection from that address.",
       "KILL <option> <value> [<option> <value> [...]]",
       "    Closes the connections that fit all options: ID, TYPE, ADDR, LADDR, USER, MAXAGE and",
       "    SKIPME (yes, no).",
       "LIST [TYPE <type> | ID <id> [<id> ...]]", "    A line for each connection.",
       "NO-EVICT (ON|OFF)", "    Exempts this connection from client eviction.",
       "NO-TOUCH (ON|OFF)", "    Lets commands of this connection not count as use of keys.",
       "PAUSE <timeout> [WRITE|ALL]", "    Holds all or only writing commands back for so many ms.",
       "REPLY (ON|OFF|SKIP)", "    Whether commands are answered.",
       "SETINFO <option> <value>", "    Tells LIB-NAME and LIB-VER of the client library.",
       "SETNAME <name>", "    Gives this connection a name.",
       "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] "
       "[NOLOOP]",
       "    Tells this connection when keys it has read change.",
       "TRACKINGINFO", "    The tracking state of this connection.",
       "UNBLOCK <id> [TIMEOUT|ERROR]", "    Ends the waiting of a blocked client.",
       "UNPAUSE", "    Ends a pause.",
       "HELP", "    This text."});
}

Status monitor(Call& call) {
  if (call.is_nested()) {
    return Status::error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  }
  if (!call.session().monitor) {
    call.session().monitor = true;
    call.services().monitors.fetch_add(1);
  }
  call.reply().ok();
  return Status::ok();
}

constexpr Flag kOpen = Flag::noscript | Flag::loading | Flag::stale;
constexpr Acl kOwn = Acl::slow | Acl::connection;
constexpr Acl kOthers = Acl::admin | Acl::slow | Acl::dangerous | Acl::connection;

constexpr CommandSpec sub(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                          Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since,
          .complexity = "O(1)", .group = "connection", .arity = arity, .flags = kOpen,
          .acl = kOwn, .run = run};
}

constexpr CommandSpec control(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                              Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since,
          .complexity = "O(N) where N is the number of clients", .group = "connection",
          .arity = arity, .flags = kOpen | Flag::admin, .acl = kOthers, .run = run};
}

constexpr auto kSubcommands = family({
    sub("ID", "", "Tells the id of the connection.", "5.0.0", exactly(2), id),
    sub("GETNAME", "", "Tells the name of the connection.", "2.6.9", exactly(2), getname),
    sub("SETNAME", "connection-name", "Gives the connection a name.", "2.6.9", exactly(3),
        setname),
    sub("SETINFO", "<LIB-NAME libname | LIB-VER libver>", "Names the client library.", "7.2.0",
        exactly(4), setinfo),
    sub("INFO", "", "Tells what is known of the connection.", "6.2.0", exactly(2), client_info),
    sub("REPLY", "<ON | OFF | SKIP>", "Turns replies on and off.", "3.2.0", exactly(3), reply),
    sub("GETREDIR", "", "Tells who gets the connection's invalidations.", "6.0.0", exactly(2),
        client_getredir),
    sub("TRACKINGINFO", "", "Tells the tracking state of the connection.", "6.2.0", exactly(2),
        client_trackinginfo),
    sub("TRACKING",
        "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] "
        "[OPTOUT] [NOLOOP]",
        "Tells the connection when keys it has read change.", "6.0.0", at_least(3),
        client_tracking),
    sub("CACHING", "<YES | NO>", "Whether the next command's keys are tracked.", "6.0.0",
        exactly(3), client_caching),
    sub("NO-TOUCH", "<ON | OFF>", "Lets commands not count as use of keys.", "7.2.0", exactly(3),
        no_touch),
    control("NO-EVICT", "<ON | OFF>", "Exempts the connection from client eviction.", "7.0.0",
            exactly(3), no_evict),
    control("LIST", "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
            "Lists the connections.", "2.4.0", at_least(2), client_list),
    control("KILL",
            "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | "
            "[USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | "
            "[MAXAGE maxage]>>",
            "Closes connections.", "2.4.0", at_least(3), client_kill),
    control("PAUSE", "timeout [WRITE | ALL]", "Holds commands back for a while.", "3.0.0",
            at_least(3), client_pause),
    control("UNPAUSE", "", "Ends a pause.", "6.2.0", exactly(2), client_unpause),
    control("UNBLOCK", "client-id [TIMEOUT | ERROR]", "Ends the waiting of a blocked client.",
            "5.0.0", at_least(3), client_unblock),
    help_card("connection", "5.0.0", kOwn, help),
});

constexpr auto kFamily = family({
    container_card("CLIENT", "A container for commands about connections.", "2.4.0", "connection",
                   kSubcommands),
    {.name = "MONITOR", .syntax = "", .summary = "Shows every command the server runs.",
     .since = "1.0.0", .complexity = "O(1) for each command", .group = "server",
     .arity = exactly(1), .flags = Flag::admin | Flag::noscript | Flag::loading | Flag::stale,
     .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = monitor},
});

}  // namespace

std::span<const CommandSpec> client_commands() { return kFamily; }

}  // namespace larder
