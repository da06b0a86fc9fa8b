#include "server/commands/client_control.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/numbers.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/client_list.h"
#include "server/engine/errors.h"
#include "server/engine/pause.h"
#include "server/engine/wrong_words.h"

namespace larder {
namespace {

constexpr char kBadId[] = "ERR client-id should be greater than 0";

// What the workers find, gathered under a lock: they may answer at the same time.
struct Lines {
  std::mutex mutex;
  std::vector<std::pair<uint64_t, std::string>> by_id;
};

struct ListFilter {
  std::optional<ClientType> type;
  std::set<uint64_t> ids;

  bool takes(const Session& session) const {
    if (type && type_of(session) != *type) return false;
    return ids.empty() || ids.count(session.id) > 0;
  }
};

std::optional<ClientType> take_type(Args& args) {
  const Bytes name = args.bytes();
  const ClientType* type = find_client_type(name);
  if (type == nullptr) {
    args.fail("ERR Unknown client type '" + std::string(name) + "'");
    return {};
  }
  return *type;
}

ListFilter parse_list(Args& args) {
  ListFilter filter;
  if (args.left() == 2 && args.take("TYPE")) {
    filter.type = take_type(args);
  } else if (args.left() >= 2 && args.take("ID")) {
    while (args.more()) {
      const int64_t id = args.integer("ERR Invalid client ID");
      filter.ids.insert(static_cast<uint64_t>(id));
    }
  } else if (args.more()) {
    args.reject();
  }
  return filter;
}

// Which connections CLIENT KILL closes.
struct KillFilter {
  uint64_t id = 0;
  std::optional<ClientType> type;
  std::optional<std::string> address, local_address;
  std::string user;
  std::optional<int64_t> age_seconds_min;
  bool skip_me = true;
  uint64_t me = 0;

  bool takes(const Session& session) const {
    if (skip_me && session.id == me) return false;
    if (id != 0 && session.id != id) return false;
    if (type && type_of(session) != *type) return false;
    if (address && session.address != *address) return false;
    if (local_address && session.local_address != *local_address) return false;
    if (!user.empty() && (session.user != user || !session.authenticated)) return false;
    const int64_t age_seconds = (steady_ms() - session.created_ms) / 1000;
    return !age_seconds_min || age_seconds >= *age_seconds_min;
  }
};

void parse_kill_option(Args& args, const AccessControl& access, KillFilter& filter) {
  if (args.take_with_value("ID")) {
    const int64_t id = args.integer(kBadId);
    if (args.ok() && id < 1) args.fail(kBadId);
    filter.id = static_cast<uint64_t>(id);
  } else if (args.take_with_value("TYPE")) {
    filter.type = take_type(args);
  } else if (args.take_with_value("ADDR")) {
    filter.address = args.bytes();
  } else if (args.take_with_value("LADDR")) {
    filter.local_address = args.bytes();
  } else if (args.take_with_value("USER")) {
    filter.user = args.bytes();
    if (args.ok() && access.find(filter.user) == nullptr) {
      args.fail("ERR No such user '" + filter.user + "'");
    }
  } else if (args.take_with_value("MAXAGE")) {
    const int64_t age = args.integer("ERR maxage is not an integer or out of range");
    if (args.ok() && age < 1) args.fail("ERR maxage should be greater than 0");
    filter.age_seconds_min = age;
  } else if (args.take_with_value("SKIPME")) {
    if (args.take("YES")) {
      filter.skip_me = true;
    } else if (args.take("NO")) {
      filter.skip_me = false;
    } else {
      args.reject();
    }
  } else {
    args.reject();
  }
}

// The own connection gets its reply before it ends.
void kill_matching(Call& call, const KillFilter& filter,
                   std::function<void(ReplyWriter&, size_t)> answer) {
  auto killed = std::make_shared<std::atomic<size_t>>(0);
  const auto visit = [filter, killed](ClientsOfWorker& clients) {
    clients.each([&](ClientView& client) {
      if (!filter.takes(client.session())) return;
      killed->fetch_add(1);
      if (client.session().id == filter.me) {
        client.session().close_after_reply = true;
      } else {
        client.kill(false);
      }
    });
  };
  visit_workers(call, visit,
                [killed, answer](ReplyWriter& reply) { answer(reply, killed->load()); });
}

}  // namespace

// The own connection is on this worker, so nothing keeps EXEC from asking.
Status client_info(Call& call) {
  ClientView* const client = call.client();
  call.reply().verbatim("txt", client == nullptr ? "" : client_line(*client) + "\n");
  return Status::ok();
}

Status client_list(Call& call) {
  Args args(call);
  const ListFilter filter = parse_list(args);
  if (!args.ok()) return args.error();
  auto lines = std::make_shared<Lines>();
  visit_workers(
      call,
      [lines, filter](ClientsOfWorker& clients) {
        std::lock_guard lock(lines->mutex);
        clients.each([&](ClientView& client) {
          if (!filter.takes(client.session())) return;
          lines->by_id.emplace_back(client.session().id, client_line(client));
        });
      },
      [lines](ReplyWriter& reply) {
        std::sort(lines->by_id.begin(), lines->by_id.end());
        std::string text;
        for (const auto& [id, line] : lines->by_id) text += line + "\n";
        reply.verbatim("txt", text);
      });
  return Status::ok();
}

Status client_kill(Call& call) {
  KillFilter filter;
  filter.me = call.session().id;
  if (call.arg_count() == 3) {  // the old form: one address, me too
    filter.address = call.arg(2);
    filter.skip_me = false;
    kill_matching(call, filter, [](ReplyWriter& reply, size_t killed) {
      killed > 0 ? reply.ok() : reply.error("ERR No such client");
    });
    return Status::ok();
  }
  Args args(call);
  while (args.more()) parse_kill_option(args, call.services().access, filter);
  if (!args.ok()) return args.error();
  kill_matching(call, filter, [](ReplyWriter& reply, size_t killed) {
    reply.integer(static_cast<int64_t>(killed));
  });
  return Status::ok();
}

Status client_pause(Call& call) {
  if (call.arg_count() > 4) return wrong_words(call);
  Args args(call);
  const bool writes_only = call.arg_count() == 4 && equals_upper(call.arg(3), "WRITE");
  if (call.arg_count() == 4 && !writes_only && !equals_upper(call.arg(3), "ALL")) {
    return Status::error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  const int64_t ms = args.integer("ERR timeout is not an integer or out of range");
  if (args.ok() && ms < 0) args.fail("ERR timeout is negative");
  int64_t until_ms = 0;
  if (args.ok() && __builtin_add_overflow(ms, call.now_ms(), &until_ms)) {
    args.fail("ERR timeout is out of range");
  }
  if (!args.ok()) return args.error();
  call.services().pause.begin(PauseState::By::command, until_ms, writes_only, call.now_ms());
  call.reply().ok();
  return Status::ok();
}

Status client_unpause(Call& call) {
  call.services().pause.end(PauseState::By::command);
  // Who waited runs before what this client asks next.
  call.services().workers.visit_all(
      call.worker().index, [](ClientsOfWorker& clients) { clients.retry_postponed(); }, nullptr);
  call.reply().ok();
  return Status::ok();
}

Status client_unblock(Call& call) {
  if (call.arg_count() > 4) return wrong_words(call);
  const char* error = nullptr;
  if (call.arg_count() == 4) {  // a wrong reason goes before a wrong id
    if (equals_upper(call.arg(3), "ERROR")) {
      error = errors::kUnblocked;
    } else if (!equals_upper(call.arg(3), "TIMEOUT")) {
      return Status::error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
  }
  Args args(call);
  const int64_t id = args.integer();
  if (!args.ok()) return args.error();
  auto unblocked = std::make_shared<std::atomic<bool>>(false);
  visit_workers(
      call,
      [id, error, unblocked](ClientsOfWorker& clients) {
        clients.each([&](ClientView& client) {
          if (client.session().id != static_cast<uint64_t>(id)) return;
          if (client.unblock(error)) unblocked->store(true);
        });
      },
      [unblocked](ReplyWriter& reply) { reply.integer(unblocked->load() ? 1 : 0); });
  return Status::ok();
}

}  // namespace larder
