// What commands and connections need of replication, which lives in a room above: the ends of
// replication streams, the offsets that clients wait for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "server/engine/status.h"

namespace larder {

class Output;
struct Command;
struct Session;
struct CommandSpec;

// One end of a replication stream, as its connection knows it: the connection of a replica, or the
// one to the primary. Called on the connection's worker only.
class StreamEnd {
 public:
  enum class Kind : uint8_t { stranger, replica, primary };

  virtual ~StreamEnd() = default;
  // A stranger has said something of itself but is no replica (yet).
  virtual Kind kind() const = 0;
  // Of the primary: a whole request has come and will be run next. Session::verbatim is its bytes.
  virtual void arrives(Session&, const Command*) {}
  // It was run, as far as it goes without waiting.
  virtual void ran(Session&) {}
  // Appends what is to be sent, up to some `bytes_max`. False: there is nothing more now, and
  // ClientView::feed will be called when there is.
  virtual bool fill(Output& out, size_t bytes_max) = 0;
  // What was filled in is with the kernel, which brings it even if this process is killed now; or
  // not all of it, as the peer takes no more.
  virtual void sent(bool /*all*/) {}
  // Bytes that wait to be sent but are not in the connection's output.
  virtual uint64_t bytes_behind() const { return 0; }
  virtual void closed() = 0;
};

// This is the connection to the primary: what it says is done, whatever the limits for clients are.
bool follows_primary(const Session& session);

// What the rooms below ask of replication. From any thread.
class Replication {
 public:
  virtual ~Replication() = default;
  // INFO's section.
  virtual std::string info() = 0;
  struct SyncCounts {
    uint64_t full = 0, partial = 0, refused = 0;
    uint64_t received_bytes = 0;  // of files from primaries
  };
  virtual SyncCounts sync_counts() = 0;
  // CONFIG RESETSTAT: those and failed_commands begin at zero again.
  virtual void reset_counts() {}
  // Connections of replicas, which INFO counts apart from clients.
  virtual size_t replica_count() const { return 0; }
  // A snapshot for replicas is being written.
  virtual bool is_sending_file() const { return false; }
  // The stream gets another id, so that nobody can go on in it (DEBUG CHANGE-REPL-ID).
  virtual void change_id() = 0;

  // replication-ack. A reply waits for acknowledgements, see SafePoint.
  virtual void ask_acks() = 0;
  // How long it may wait.
  virtual int64_t ack_timeout_ms() const = 0;
  // What a client is told when that time is over: what is known of its write up to `offset`.
  virtual std::string ack_error(uint64_t offset) = 0;
  // While this server follows a primary: the database that the primary's stream is in. Under every
  // shard's lock.
  virtual std::optional<unsigned> stream_db() { return {}; }
  // What a file must say so that a server which loads it can go on in the stream; nothing when
  // there is no stream. Under every shard's lock.
  virtual std::vector<std::pair<std::string, std::string>> stream_facts() { return {}; }
  // A client gave a key of a replica a life. Under the shard's lock.
  virtual void note_own_key(int64_t /*expiry_ms*/, unsigned /*db*/, Bytes /*name*/) {}
  // How many of them there are.
  virtual size_t own_keys() { return 0; }
  // The server is about to end and writes wait: until that is called off nothing more comes into
  // the stream, no ping either, and keys whose time has come are hidden, not removed. So replicas
  // are where the last file is. Without locks.
  virtual void hold(bool /*on*/) {}
  // The primary's stream brings a write while the disk takes none. Ends the server unless that is
  // to be borne (replica-ignore-disk-write-errors). Without locks.
  virtual void bear_disk_errors() {}
  // A command of the primary's stream failed here: from now on the data may differ. Without locks.
  virtual void note_failed_command(Bytes /*command*/, Bytes /*error*/) {}
  virtual uint64_t failed_commands() const { return 0; }
};

}  // namespace larder
