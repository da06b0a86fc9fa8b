// Where requests meet the rules: the gate before every command, EXEC, scripts and clients that are
// served after they waited.
#pragma once

#include <span>

#include "server/engine/acl/access_control.h"
#include "server/engine/acl/check.h"
#include "server/engine/services.h"

namespace larder {

// Whether the session's user may run this now. A denial is logged; `clients` are those of the
// session's worker; they tell the log who it is.
AclVerdict permit_restricted(Services& services, Session& session, ClientsOfWorker* clients,
                             AclContext context, const Command& command,
                             std::span<const Bytes> args);
inline AclVerdict permit(Services& services, Session& session, ClientsOfWorker* clients,
                         AclContext context, const Command& command, std::span<const Bytes> args) {
  if (session.acl_pass == services.access.generation()) [[likely]]
    return {};
  return permit_restricted(services, session, clients, context, command, args);
}

// The same without a log entry: what a script may ask beforehand.
bool may_run(Services& services, Session& session, const Command& command,
             std::span<const Bytes> args);

// Of a login that failed.
void log_wrong_password(Services& services, const Session& session, ClientsOfWorker* clients,
                        Bytes command, Bytes user);

}  // namespace larder
