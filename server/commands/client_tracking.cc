#include "server/commands/client_tracking.h"

#include <string>
#include <vector>

#include "server/engine/args.h"
#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"

namespace larder {
namespace {

struct Wanted {
  bool on = false;
  TrackingState state;
  std::vector<Bytes> prefixes;
};

void take_redirect(Args& args, Call& call, TrackingState& state) {
  if (state.redirect != 0) {
    return args.fail("ERR A client can only redirect to a single other client");
  }
  const int64_t id = args.integer();
  if (!args.ok()) return;
  const auto worker = call.services().listeners.clients.worker_of(static_cast<uint64_t>(id));
  if (!worker) return args.fail("ERR The client ID you want redirect to does not exist");
  state.redirect = static_cast<uint64_t>(id);
  state.redirect_worker = *worker;
}

Wanted parse(Args& args, Call& call) {
  Wanted wanted;
  const Bytes mode = args.bytes();
  while (args.more()) {
    if (args.take_with_value("REDIRECT")) {
      take_redirect(args, call, wanted.state);
    } else if (args.take("BCAST")) {
      wanted.state.broadcast = true;
    } else if (args.take("OPTIN")) {
      wanted.state.opt_in = true;
    } else if (args.take("OPTOUT")) {
      wanted.state.opt_out = true;
    } else if (args.take("NOLOOP")) {
      wanted.state.no_loop = true;
    } else if (args.take_with_value("PREFIX")) {
      wanted.prefixes.push_back(args.bytes());
    } else {
      args.reject();
    }
  }
  wanted.on = equals_upper(mode, "ON");
  if (!wanted.on && !equals_upper(mode, "OFF") && args.ok()) args.reject();
  return wanted;
}

bool overlap(Bytes one, Bytes other) { return one.starts_with(other) || other.starts_with(one); }

Status overlaps(Bytes prefix, const char* whose, Bytes other) {
  return Status::error("ERR Prefix '" + std::string(prefix) + "' overlaps with " + whose +
                       " prefix '" + std::string(other) +
                       "'. Prefixes for a single client must not overlap.");
}

// A key must belong to one prefix of a client at most, or the client would be told twice.
Status check_prefixes(const std::vector<Bytes>& prefixes, const TrackingState* before) {
  for (size_t i = 0; i < prefixes.size(); ++i) {
    if (before != nullptr) {
      for (const auto& known : before->prefixes) {
        if (overlap(prefixes[i], known->name)) {
          return overlaps(prefixes[i], "an existing", known->name);
        }
      }
    }
    for (size_t k = i + 1; k < prefixes.size(); ++k) {
      if (overlap(prefixes[i], prefixes[k])) {
        return overlaps(prefixes[i], "another provided", prefixes[k]);
      }
    }
  }
  return Status::ok();
}

Status check(const Wanted& wanted, const TrackingState* before) {
  const TrackingState& state = wanted.state;
  if (!state.broadcast && !wanted.prefixes.empty()) {
    return Status::error("ERR PREFIX option requires BCAST mode to be enabled");
  }
  if (before != nullptr && before->broadcast != state.broadcast) {
    return Status::error(
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and "
        "then re-enabling it with a different mode.");
  }
  if (state.broadcast && (state.opt_in || state.opt_out)) {
    return Status::error("ERR OPTIN and OPTOUT are not compatible with BCAST");
  }
  if (state.opt_in && state.opt_out) {
    return Status::error("ERR You can't specify both OPTIN mode and OPTOUT mode");
  }
  if (before != nullptr &&
      ((state.opt_in && before->opt_out) || (state.opt_out && before->opt_in))) {
    return Status::error(
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and "
        "then re-enabling it with a different mode.");
  }
  return state.broadcast ? check_prefixes(wanted.prefixes, before) : Status::ok();
}

}  // namespace

Status client_tracking(Call& call) {
  Args args(call);
  Wanted wanted = parse(args, call);
  if (!args.ok()) return args.error();
  ClientView* const client = call.client();
  if (client == nullptr) return Status::ok();  // it was closed amid its transaction
  Tracking& tracking = call.services().listeners.tracking;
  if (wanted.on) {
    const TrackingState* before = call.session().tracking.get();
    if (Status wrong = check(wanted, before); !wrong.is_ok()) return wrong;
    if (wanted.state.broadcast && wanted.prefixes.empty()) wanted.prefixes.push_back("");
    tracking.start(*client, call.worker().index, wanted.state, wanted.prefixes);
  } else {
    tracking.stop(*client, call.worker().index);
  }
  call.reply().ok();
  return Status::ok();
}

Status client_caching(Call& call) {
  TrackingState* state = call.session().tracking.get();
  if (state == nullptr) {
    return Status::error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
        "OPTOUT mode enabled");
  }
  if (equals_upper(call.arg(2), "YES")) {
    if (!state->opt_in) {
      return Status::error(
          "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (equals_upper(call.arg(2), "NO")) {
    if (!state->opt_out) {
      return Status::error(
          "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    return Status::error(errors::kSyntax);
  }
  state->caching = true;
  call.reply().ok();
  return Status::ok();
}

Status client_trackinginfo(Call& call) {
  const TrackingState* state = call.session().tracking.get();
  std::vector<Bytes> flags{state == nullptr ? "off" : "on"};
  if (state != nullptr) {
    if (state->broadcast) flags.push_back("bcast");
    if (state->opt_in) flags.push_back("optin");
    if (state->opt_in && state->caching) flags.push_back("caching-yes");
    if (state->opt_out) flags.push_back("optout");
    if (state->opt_out && state->caching) flags.push_back("caching-no");
    if (state->no_loop) flags.push_back("noloop");
    if (state->broken_redirect) flags.push_back("broken_redirect");
  }
  ReplyWriter& reply = call.reply();
  reply.map(3);
  reply.bulk("flags");
  reply.set(flags.size());
  for (const Bytes flag : flags) reply.bulk(flag);
  reply.bulk("redirect");
  reply.integer(state == nullptr ? -1 : static_cast<int64_t>(state->redirect));
  reply.bulk("prefixes");
  reply.array(state == nullptr ? 0 : state->prefixes.size());
  if (state == nullptr) return Status::ok();
  for (const auto& audience : state->prefixes) reply.bulk(audience->name);
  return Status::ok();
}

Status client_getredir(Call& call) {
  const TrackingState* state = call.session().tracking.get();
  call.reply().integer(state == nullptr ? -1 : static_cast<int64_t>(state->redirect));
  return Status::ok();
}

}  // namespace larder
