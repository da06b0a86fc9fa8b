// A long read of one or several keys, as if at one moment, that keeps no lock for long.
//
//   handler, keys locked: SlicedRead watches its keys, as WATCH does
//   slice:  lock one key's shard, read for about 50 us, unlock      others have their turn
//   ...
//   end:    no key was changed meanwhile? then all was read from one state, and is answered
//           changed: forget it and read again; the third time all shards stay locked
//
// So writers never wait for a reader, and readers of a busy key end too. The reply is gathered
// first and written at the end. See docs/adr/0017-sliced-reads.md.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "server/engine/call.h"
#include "server/engine/reply_pieces.h"
#include "server/engine/transactions.h"

namespace larder {

// Elements up to which a read is answered at once, in about 100 us.
inline constexpr size_t kReadAtOnceMax = 2048;

class SlicedRead : public Task {
 public:
  ~SlicedRead() override;
  bool walks_store() const override { return true; }
  Progress step(ReplyWriter& reply, int64_t now_ms) final;

 protected:
  // What a slice works on.
  struct Slice {
    Keyspace& keys;
    Key key;
    Item item;  // null when the key is not there; of the read's type otherwise
    int64_t now_ms;
  };

  // Made by a handler, which holds the locks of the keys. All keys are of `type`, or missing.
  SlicedRead(Call& call, std::span<const Key> keys, Type type);

  // Forgets what was read.
  virtual void restart() = 0;
  // The key that read() wants to see next.
  virtual size_t next_key() const { return 0; }
  // Reads on, for some 20 us at most. Returns false when all is read.
  virtual bool read(const Slice& slice) = 0;
  // Of long elements a call of read() takes no more than this, and one.
  static constexpr size_t kBytesPerSlice = 64 * 1024;
  virtual void write(ReplyWriter& reply) = 0;

  // Of the client; what was gathered has its form.
  int protocol() const { return protocol_; }

 private:
  class AllLocks;

  bool read_on(int64_t end_us);
  bool read_slice();
  std::optional<bool> touched();
  void forget_touches();

  Store& store_;
  Watches& watches_;
  const unsigned db_;
  const Type type_;
  const int protocol_;
  const int64_t now_ms_;  // of the command: what expires later is still there
  std::vector<std::shared_ptr<Watch>> keys_;
  unsigned restarts_ = 0;
  bool wrong_type_ = false;  // a key was replaced meanwhile
};

}  // namespace larder
