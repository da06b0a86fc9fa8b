// A replica's side of replication: a thread that makes the link to the primary, takes a full sync
// if need be, and gives the connection to a worker; then it looks after it and makes it anew when
// it breaks.
//
//   connecting -> shaking_hands -> [receiving -> loading] -> connected
//        ^______________|_______________|____________|___________|   with a wait that grows
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/replication/handshake.h"
#include "server/replication/primary_stream.h"
#include "server/replication/settings.h"
#include "server/replication/transfer.h"
#include "server/replication/wire.h"

namespace larder {

struct Services;

struct PrimaryAddress {
  std::string host;
  uint16_t port = 0;
  bool operator==(const PrimaryAddress&) const = default;
};

// What the link tells and asks; on the link's thread.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  // Which stream is here.
  struct Have {
    std::string id;
    int64_t next = -1;
    unsigned db = 0;
  };
  virtual Have have() = 0;
  // The link's state changed.
  virtual void link_changed() = 0;
  // A full sync is being loaded: everything here goes; or `beside` what is here, see Link::receive.
  virtual void load_begins(bool beside) = 0;
  // What is here, or will be soon, is no longer in the stream that was followed.
  virtual void stream_ends() = 0;
  // It was: this server has stream `id` up to `offset`, with `db` selected.
  virtual void synced(const std::string& id, uint64_t offset, unsigned db) = 0;
  // It failed half-way.
  virtual void sync_failed() = 0;
  // So much of the file has come, all of it or not.
  virtual void file_came(uint64_t bytes) = 0;
  // The stream goes on; `id` is a new name of it, or empty.
  virtual void resumed(const std::string& id) = 0;
  virtual void log(bool warning, const std::string& text) = 0;
};

class Link {
 public:
  // The stream is run by the first worker: one connection has one.
  static constexpr size_t kStreamWorker = 0;

  // waiting: between two attempts.
  enum class State : uint8_t { waiting, connecting, shaking_hands, receiving, loading, connected };

  enum class Purpose : uint8_t {
    follow,
    hand_over,  // the other side is asked to lead first (FAILOVER)
    catch_up,   // it is no primary but has more of the stream, see takeover.h
  };
  Link(Services& services, const ReplicationSettings& settings, LinkOwner& owner,
       PrimaryAddress primary, Purpose purpose);
  // Ends the connection and waits for that.
  ~Link();

  const PrimaryAddress& primary() const { return primary_; }
  State state() const { return state_.load(std::memory_order_acquire); }
  bool is_up() const { return state() == State::connected; }
  bool transfers() const { return state() == State::receiving || state() == State::loading; }
  // Steady ms of the last sign of life; of the last moment it was up (0: never).
  int64_t heard_ms() const { return heard_ms_.load(); }
  int64_t down_since_ms() const { return down_since_ms_.load(); }
  uint64_t transfer_total() const { return transfer_total_.load(); }
  uint64_t transfer_bytes() const { return transfer_bytes_.load(); }
  // Null unless connected.
  std::shared_ptr<PrimaryStream> stream() const;
  // The other side was asked to take over, or for what it has more, and refused.
  bool refused() const { return refused_.load(); }

 private:
  void run();
  // True when it was connected for a while.
  bool run_once();
  bool make_secure();
  HandshakeInput handshake_input();
  bool receive(const Agreement& agreement);
  bool receive(const Agreement& agreement, Transfer& transfer);
  // A full sync on its way into the store.
  struct Loading {
    bool beside = false;  // the old data stays until it is complete
    bool serves = false;  // and is answered from
    unsigned db = 0;      // that the stream behind it is in
    std::vector<std::string> libraries = {};  // of functions, that wait for their place
  };
  void begin(const Loading& loading);
  std::string load(Source& source, Loading& loading);
  std::string reveal(const Loading& loading);
  bool give_to_worker(unsigned db);
  void look_after(const std::shared_ptr<PrimaryStream>& stream, uint64_t client);
  void set_state(State state);
  void say(bool warning, const std::string& text) { owner_.log(warning, text); }

  Services& services_;
  const ReplicationSettings& settings_;
  LinkOwner& owner_;
  const PrimaryAddress primary_;
  const bool catches_up_;
  std::atomic<bool> failover_;
  std::atomic<bool> refused_{false};
  Interrupt interrupt_;
  Wire wire_{interrupt_};
  std::atomic<State> state_{State::waiting};
  std::atomic<int64_t> heard_ms_{0};
  std::atomic<int64_t> down_since_ms_{0};
  std::atomic<uint64_t> transfer_total_{0};
  std::atomic<uint64_t> transfer_bytes_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<PrimaryStream> stream_;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace larder
