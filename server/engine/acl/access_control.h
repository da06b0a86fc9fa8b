// The users of the server, and who among the clients may do what.
//
// A client's session holds the user it logged in as, as it was at some generation of the users, and
// a pass: the generation again if that user may do everything, else 0. So a request of an
// unrestricted client costs one comparison:
//
//   session.acl_pass == generation    nothing to check
//   session.acl_generation != ...     users changed: get the user again, under the mutex
//   otherwise                         check the request against the user's rules
//
// Users never change in place, so checking takes no lock. Source: see user.h.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "server/engine/acl/log.h"
#include "server/engine/acl/rules.h"
#include "server/engine/acl/user.h"

namespace larder {

struct Session;

class AccessControl {
 public:
  using UserPointer = std::shared_ptr<const AclUser>;

  // `registry` outlives this and does not change any more.
  explicit AccessControl(const Registry& registry);

  uint64_t generation() const { return generation_.load(std::memory_order_relaxed); }
  // The default user is logged in without being asked.
  bool is_open() const { return open_.load(std::memory_order_relaxed); }
  // It has no password, though it may be disabled.
  bool is_without_password() const { return nopass_.load(std::memory_order_relaxed); }

  UserPointer find(Bytes name) const;
  // By name.
  std::vector<UserPointer> users() const;

  // Gets the session's user as it is now. Null, and no pass, when it was deleted.
  void refresh(Session& session) const;
  // A new connection, or RESET: the default user.
  void begin(Session& session) const;
  // The primary's stream and the append-only file, which have no user: what they say was allowed
  // where it was said first.
  static void trust(Session& session);
  static bool is_trusted(const Session& session);
  // False for a wrong name or password and for a disabled user; then nothing has changed.
  bool log_in(Session& session, Bytes name, Bytes password) const;

  // What a change did to a user; `before` is null for a new one, `after` for a deleted one.
  struct Change {
    UserPointer before, after;
  };
  struct Outcome {
    std::string error;  // an error reply's text; empty: done
    Change change;
  };
  // ACL SETUSER: makes or changes a user, all rules or none.
  Outcome set_user(Bytes name, std::span<const std::string> words);
  // ACL DELUSER; null when there is none. Not the default user.
  UserPointer remove(Bytes name);
  // `requirepass`: the one password of the default user, or none.
  void set_default_password(Bytes password);
  // A `user` line of the configuration: the words behind "user". Returns what is wrong with it.
  std::string declare(std::span<const std::string> words);

  // ACL LOAD and the start. Returns the mistakes, or nothing.
  std::string load(std::vector<Change>* changes);
  // ACL SAVE. Returns why it failed, or nothing.
  std::string save() const;
  std::string file;  // set once at start; empty: none

  // The users as `user` lines; none when there is only the default user as `requirepass` has it.
  std::vector<std::string> config_lines() const;

  AclLog log;
  std::atomic<int64_t> log_entries_max{128};  // acllog-max-len
  std::atomic<bool> channels_open{false};     // acl-pubsub-default

 private:
  using Users = std::map<std::string, UserPointer, std::less<>>;

  AclRules rules() const { return {registry_, channels_open.load()}; }
  AclUser factory_default() const;
  UserPointer find_locked(Bytes name) const;
  void put_locked(AclUser user);
  void changed_locked();

  const Registry& registry_;
  mutable std::mutex mutex_;
  Users users_;
  std::string default_password_;       // as last set by set_default_password
  std::vector<std::string> declared_;  // names of `user` lines
  uint64_t next_identity_ = 1;
  // Read for every request: on a line that logins don't write to.
  alignas(128) std::atomic<uint64_t> generation_{1};
  std::atomic<bool> open_{true};
  std::atomic<bool> nopass_{true};
};

}  // namespace larder
