#include "server/engine/acl/gate.h"

#include "base/clock.h"
#include "server/engine/client_list.h"
#include "server/engine/transactions.h"

namespace larder {
namespace {

void note(Services& services, const Session& session, ClientsOfWorker* clients, AclDenial denial) {
  ClientView* client = clients == nullptr ? nullptr : clients->find(session.id);
  if (client != nullptr) denial.client_info = client_line(*client);
  services.access.log.add(std::move(denial), unix_ms(),
                          static_cast<size_t>(services.access.log_entries_max.load()));
}

void refresh_if_old(const AccessControl& access, Session& session) {
  if (session.acl_generation != access.generation() || session.acl_user == nullptr) {
    access.refresh(session);
  }
}

// A deleted user's client is about to be disconnected.
AclVerdict verdict_of(const Session& session, const Command& command, std::span<const Bytes> args) {
  if (session.acl_user == nullptr) return {AclReason::command, 0};
  return check_acl(*session.acl_user, command, args);
}

}  // namespace

AclVerdict permit_restricted(Services& services, Session& session, ClientsOfWorker* clients,
                             AclContext context, const Command& command,
                             std::span<const Bytes> args) {
  if (AccessControl::is_trusted(session)) return {};
  refresh_if_old(services.access, session);
  const AclVerdict verdict = verdict_of(session, command, args);
  if (verdict.allowed()) return verdict;
  if (session.acl_user == nullptr) session.close_after_reply = true;
  const bool by_command = verdict.denied == AclReason::command;
  note(services, session, clients,
       {.reason = verdict.denied,
        .context = context,
        .object = by_command ? command.name : std::string(args[verdict.argument]),
        .user = session.user,
        .client_info = {}});
  return verdict;
}

bool may_run(Services& services, Session& session, const Command& command,
             std::span<const Bytes> args) {
  if (AccessControl::is_trusted(session)) return true;
  refresh_if_old(services.access, session);
  return verdict_of(session, command, args).allowed();
}

void log_wrong_password(Services& services, const Session& session, ClientsOfWorker* clients,
                        Bytes command, Bytes user) {
  note(services, session, clients,
       {.reason = AclReason::auth,
        .context = in_multi(session.transaction.get()) ? AclContext::multi : AclContext::toplevel,
        .object = std::string(command),
        .user = std::string(user),
        .client_info = {}});
}

}  // namespace larder
