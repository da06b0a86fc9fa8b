// News that storage has for the rooms above it. Plugged in by serve() (server/admin/server.cc).
#pragma once

#include <span>
#include <string>

#include "base/bytes.h"

namespace larder {

// Called under the lock of the key's shard: no I/O, no log line, no other shard.
class StoreEvents {
 public:
  virtual ~StoreEvents() = default;
  virtual void expired(unsigned db, Bytes key) = 0;
  // Fields of a hash came to their end; `emptied`: with the last one the key is gone too. Their
  // names are only told when asked for.
  virtual void fields_expired(unsigned /*db*/, Bytes /*key*/,
                              std::span<const std::string> /*fields*/, bool /*emptied*/) {}
  virtual bool wants_fields() const { return false; }
  virtual void evicted(unsigned db, Bytes key) = 0;
  // A key that was not there is; its value may not be laid out yet. Only told when asked for, see
  // Store::set_tell_added.
  virtual void added(unsigned db, Bytes key) = 0;
};

}  // namespace larder
