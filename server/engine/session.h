// What the server knows of one client, apart from its socket. Owned by its connection; read and
// changed on the connection's worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace larder {

struct AclUser;
struct CommandSpec;
class StreamEnd;
struct Subscriptions;
struct TrackingState;
struct Transaction;

enum class ReplyMode : uint8_t { on, off, skip_next, skip_this };

struct Session {
  // What every request looks at, close together: thousands of clients take turns in the cache.
  //
  // See acl/access_control.h. The pass is looked at for every request.
  uint64_t acl_pass = 0;  // a generation of the users at which it may do everything, or 0
  uint64_t effect_end = 0;  // in the effect log, behind its last write
  std::shared_ptr<Subscriptions> subscriptions;  // null: none
  std::shared_ptr<TrackingState> tracking;       // null: off
  std::shared_ptr<Transaction> transaction;      // null: neither MULTI nor WATCH
  std::shared_ptr<StreamEnd> stream;             // null: no end of a replication stream
  uint64_t commands = 0;
  const CommandSpec* last_command = nullptr;
  const CommandSpec* last_parent = nullptr;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  int64_t last_active_ms = 0;  // steady clock
  unsigned db = 0;
  int protocol = 2;
  ReplyMode reply_mode = ReplyMode::on;
  bool authenticated = false;
  bool no_evict = false;
  bool no_touch = false;
  bool monitor = false;
  bool close_after_reply = false;
  bool blocked = false;        // waits for data
  bool running = false;        // a command of it is being run: pushes wait for its reply
  bool reply_is_push = false;  // CLIENT REPLY OFF does not hold for it

  bool unix_socket = false;
  bool from_loopback = false;
  int fd = -1;
  uint64_t id = 0;
  int64_t created_ms = 0;     // steady clock
  std::string address;        // peer, host:port or the socket's path
  std::string local_address;
  std::string name;
  std::string lib_name;
  std::string lib_version;
  std::string user = "default";
  uint64_t acl_generation = 0;  // of acl_user
  std::shared_ptr<const AclUser> acl_user;

  // Of the connection to the primary: the bytes of the request that is run, or of its whole
  // transaction. They are taken over into the effect log as they are.
  Bytes verbatim;

  // It may be told what it did not ask.
  bool listens() const { return subscriptions != nullptr || tracking != nullptr; }
  // Something has to be undone when it goes.
  bool has_state() const { return listens() || transaction != nullptr; }
};

}  // namespace larder
