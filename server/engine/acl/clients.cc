#include "server/engine/acl/clients.h"

#include <algorithm>
#include <map>
#include <memory>

#include "server/engine/answers.h"
#include "server/engine/pubsub.h"

namespace larder {
namespace {

using UserPointer = AccessControl::UserPointer;

// By the old user's name; null: deleted.
using Fates = std::map<std::string, UserPointer>;

bool hears_too_much(const Subscriptions& listens, const AclUser& user) {
  const auto any_denied = [&](const Subscriptions::Names& names, bool are_patterns) {
    return std::any_of(names.begin(), names.end(),
                       [&](const auto& each) { return !user.may_hear(each.first, are_patterns); });
  };
  return any_denied(listens.channels, false) || any_denied(listens.patterns, true) ||
         any_denied(listens.shard_channels, false);
}

bool must_go(const Session& session, const Fates& fates) {
  const auto fate = fates.find(session.user);
  if (fate == fates.end()) return false;
  if (fate->second == nullptr) return true;
  return session.subscriptions != nullptr && hears_too_much(*session.subscriptions, *fate->second);
}

// Only those changes that can cost a client its connection.
Fates fates_of(const std::vector<AccessControl::Change>& changes) {
  Fates fates;
  for (const AccessControl::Change& change : changes) {
    if (change.before == nullptr) continue;
    if (change.after != nullptr && change.after->hears_all()) continue;
    fates.emplace(change.before->name, change.after);
  }
  return fates;
}

}  // namespace

void enforce(Call& call, std::vector<AccessControl::Change> changes,
             std::function<void(ReplyWriter&)> answer) {
  auto fates = std::make_shared<const Fates>(fates_of(changes));
  if (fates->empty()) return answer(call.reply());
  auto visit = [fates, me = call.session().id](ClientsOfWorker& clients) {
    clients.each([&](ClientView& client) {
      if (!must_go(client.session(), *fates)) return;
      if (client.session().id == me) {
        client.session().close_after_reply = true;
      } else {
        client.kill(false);
      }
    });
  };
  if (!call.is_nested()) return visit_workers(call, std::move(visit), std::move(answer));
  call.services().workers.visit_all(call.worker().index, std::move(visit), nullptr);
  answer(call.reply());
}

}  // namespace larder
