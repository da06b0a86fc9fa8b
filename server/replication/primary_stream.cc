#include "server/replication/primary_stream.h"

#include <chrono>

#include "protocol/output.h"
#include "server/engine/registry.h"
#include "server/engine/session.h"
#include "server/engine/transactions.h"
#include "server/replication/handshake.h"

namespace larder {

// Called again for a request that has to wait: changes nothing that counts.
void PrimaryStream::arrives(Session& session, const Command* command) {
  raw_ = session.verbatim;
  const Bytes name = command == nullptr ? Bytes() : command->spec->name;
  const bool open = in_multi(session.transaction.get());
  if (open && (name == "EXEC" || name == "DISCARD")) {
    whole_ = transaction_;
    whole_.append(raw_);
    session.verbatim = whole_;
  } else if (open || name == "MULTI") {
    session.verbatim = {};
  }
}

void PrimaryStream::ran(Session& session) {
  requests_.store(requests() + 1, std::memory_order_relaxed);
  if (in_multi(session.transaction.get())) {
    transaction_.append(raw_);
    return;
  }
  transaction_.clear();
  if (!session.verbatim.empty()) log_.append_raw(session.verbatim, session.db);  // changed nothing
  session.verbatim = {};
}

bool PrimaryStream::fill(Output& out, size_t) {
  if (!owes_ack_.exchange(false)) return false;
  const std::string offset = std::to_string(log_.end_offset());
  const uint64_t on_disk = on_disk_.load();
  out.append(on_disk == 0
                 ? request_text({"REPLCONF", "ACK", offset})
                 : request_text({"REPLCONF", "ACK", offset, "FACK", std::to_string(on_disk)}));
  return false;
}

void PrimaryStream::closed() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool PrimaryStream::wait_closed(int64_t ms) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return closed_; });
}

}  // namespace larder
