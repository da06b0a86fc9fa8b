#include "server/commands/random_count.h"

#include <algorithm>

#include "server/engine/client_list.h"
#include "server/engine/errors.h"
#include "server/engine/sliced_read.h"

namespace larder {
namespace {

// The shortest element is $0\r\n\r\n.
constexpr size_t kElementBytesMin = 6;
constexpr unsigned kDrawsPerSlice = 64;

// A client is closed over its output limit, so no more is drawn than shows it. Scripts and
// transactions go on.
size_t drawn_bytes_max(Call& call) {
  const LiveSettings& settings = call.settings();
  const bool listens = type_of(call.session()) == ClientType::pubsub;
  const int64_t hard = (listens ? settings.output_limit_pubsub : settings.output_limit)
                           .hard_bytes.load(std::memory_order_relaxed);
  constexpr size_t kEnoughOver = 64 * 1024;
  if (hard <= 0 || call.is_nested()) return kDrawBytesMax;
  return std::min(kDrawBytesMax, static_cast<size_t>(hard) + kEnoughOver);
}

size_t strings_in(size_t elements, bool pairs, int protocol) {
  return pairs && protocol < 3 ? elements * 2 : elements;
}

class SlicedDraws : public SlicedRead {
 public:
  SlicedDraws(Call& call, const Key& key, Type type, uint64_t count, bool pairs, Draw draw)
      : SlicedRead(call, {&key, 1}, type),
        random_(call.random()),
        count_(count),
        bytes_max_(drawn_bytes_max(call)),
        pairs_(pairs),
        draw_(draw),
        found_(protocol()) {}

 private:
  void restart() override {
    drawn_ = 0;
    found_.clear();
  }

  bool read(const Slice& slice) override {
    const DrawSource source{slice.keys, slice.key, slice.item, slice.now_ms, random_};
    const uint64_t until = std::min(count_, drawn_ + kDrawsPerSlice);
    const size_t bytes_max = found_.bytes() + kBytesPerSlice;
    for (; drawn_ < until && found_.bytes() < bytes_max; ++drawn_) {
      ReplyWriter reply = found_.next();
      if (!slice.item || !draw_(source, pairs_, reply)) return false;
    }
    return drawn_ < count_ && found_.bytes() < bytes_max_;
  }

  void write(ReplyWriter& reply) override {
    if (found_.bytes() >= kDrawBytesMax) return reply.error(errors::kOutOfRange);
    reply.array(strings_in(drawn_, pairs_, protocol()));
    found_.write(reply);
  }

  Random& random_;
  const uint64_t count_;
  const size_t bytes_max_;
  const bool pairs_;
  const Draw draw_;
  uint64_t drawn_ = 0;
  ReplyPieces found_;
};

}  // namespace

Status reply_draws(Call& call, const Key& key, Type type, uint64_t count, bool pairs, Draw draw) {
  Keyspace& keys = call.keyspace(key);
  const DrawSource source{keys, key, keys.find(key), call.now_ms(), call.random()};
  const bool too_long = count > kDrawBytesMax / kElementBytesMin;
  if (source.item && too_long && drawn_bytes_max(call) == kDrawBytesMax) {
    return Status::error(errors::kOutOfRange);
  }
  if (source.item && count > kReadAtOnceMax) {
    call.start_task(std::make_unique<SlicedDraws>(call, key, type, count, pairs, draw));
    return Status::ok();
  }
  ReplyWriter& reply = call.reply();
  const size_t mark = reply.open();
  uint64_t drawn = 0;
  while (source.item && drawn < count && draw(source, pairs, reply)) ++drawn;
  reply.close_array(mark, strings_in(drawn, pairs, reply.version()));
  return Status::ok();
}

}  // namespace larder
