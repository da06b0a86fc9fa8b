// The lines of CLIENT LIST and CLIENT INFO. Source: https://redis.io/commands/client-list/
#pragma once

#include <string>

#include "server/engine/services.h"

namespace larder {

// One line without its end. On the client's worker.
std::string client_line(ClientView& client);

// About how many bytes a client's session refers to: what MULTI queued, what it watches, listens to
// and tracks. Part of what counts for `maxmemory-clients`.
size_t state_bytes(const Session& session);

// What CLIENT LIST TYPE and CLIENT KILL TYPE know.
enum class ClientType : uint8_t { normal, master, replica, pubsub };
// Null for a name that is none.
const ClientType* find_client_type(Bytes name);
ClientType type_of(const Session& session);

}  // namespace larder
