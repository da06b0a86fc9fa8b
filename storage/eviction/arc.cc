// arc: entries used once and entries used more than once, each in order of use, and ghosts of both.
// A key that comes back too soon after it was evicted from one of them moves the target that
// divides the cache between them.
//
//   ghosts once | once ->          target          <- more | ghosts more
//
// Source: N. Megiddo, D. Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache", FAST 2003.
#include <algorithm>
#include <string>

#include "base/numbers.h"
#include "storage/eviction/ghost.h"
#include "storage/eviction/policies.h"
#include "storage/eviction/recency_policy.h"

namespace larder {
namespace {

class Arc : public RecencyPolicy {
 public:
  using RecencyPolicy::RecencyPolicy;

  Stamp used(Stamp stamp, int64_t now_ms) const override {
    stamp = RecencyPolicy::used(stamp, now_ms);
    if (stamp.epoch() == 0 || stamp.queue() == kMore) return stamp;
    add_live(kOnce, -1);
    add_live(kMore, 1);
    stamp.set_queue(kMore);
    return stamp;
  }

  void inserted(Resident& entry) override {
    begin(entry);
    push(queues_[returned(entry.hash()) ? kMore : kOnce], entry);
  }

  bool next(Candidate& candidate) override {
    const bool from_once = live(kOnce) > 0 && static_cast<double>(live(kOnce)) > target_;
    return pop(from_once ? kOnce : kMore, candidate) || pop(from_once ? kMore : kOnce, candidate);
  }

  bool judge(Resident& entry, const Candidate& candidate) override {
    const unsigned queue = entry.stamp.queue();
    if (queue != candidate.queue) {
      queues_[queue].refs.push(ref_of(entry), entry.stamp.detail());
      return false;
    }
    if (forwarded(queues_[queue].refs, entry, candidate)) return false;
    remember(queue, entry.hash());
    return true;
  }

  // The target, then pieces of the ghosts of both sides.
  std::string learned(size_t piece) const override {
    if (piece == 0) return kPieces[0] + std::to_string(static_cast<int64_t>(target_));
    --piece;
    for (const unsigned side : {kOnce, kMore}) {
      const std::string name = kPieces[1 + side];
      const size_t bytes_max = kPieceBytes - name.size();
      const size_t count = ghosts_[side].pieces(bytes_max);
      if (piece < count) return name + ghosts_[side].piece(piece, bytes_max);
      piece -= count;
    }
    return {};
  }

  void learn(Bytes piece) override {
    for (size_t i = 0; i < std::size(kPieces); ++i) {
      const Bytes name = kPieces[i];
      if (!piece.starts_with(name)) continue;
      piece.remove_prefix(name.size());
      if (i > 0) return ghosts_[i - 1].add_piece(piece);
      target_ = static_cast<double>(std::max<int64_t>(parse_int64(piece).value_or(0), 0));
      return;
    }
  }

  size_t memory_bytes() const override {
    return RecencyPolicy::memory_bytes() + ghosts_[0].memory_bytes() + ghosts_[1].memory_bytes();
  }
  size_t references() const override { return queues_[0].refs.size() + queues_[1].refs.size(); }

 private:
  RecencyQueue& refs_of(unsigned queue) override { return queues_[queue].refs; }
  int queue_count() const override { return 2; }
  void forget_queues() override {
    for (Queue& queue : queues_) queue.refs.clear();
  }

  static constexpr unsigned kOnce = 0;
  static constexpr unsigned kMore = 1;
  static constexpr const char* kPieces[] = {"arc target: ", "arc once: ", "arc more: "};
  struct Queue {
    unsigned number;
    RecencyQueue refs;
  };

  void push(Queue& to, Resident& entry) { RecencyPolicy::push(to.refs, to.number, entry); }
  bool pop(unsigned queue, Candidate& candidate) {
    candidate.queue = static_cast<uint8_t>(queue);
    return queues_[queue].refs.pop(candidate);
  }

  // A key evicted lately came back: its side deserved more.
  bool returned(uint64_t hash) {
    const double once = static_cast<double>(ghosts_[kOnce].size());
    const double more = static_cast<double>(ghosts_[kMore].size());
    if (ghosts_[kOnce].take(hash)) {
      target_ = std::min(target_ + std::max(1.0, more / std::max(once, 1.0)),
                         static_cast<double>(live()));
      return true;
    }
    if (ghosts_[kMore].take(hash)) {
      target_ = std::max(target_ - std::max(1.0, once / std::max(more, 1.0)), 0.0);
      return true;
    }
    return false;
  }

  // Ghosts of `once` and entries there are no more than the cache holds; all of both twice that.
  void remember(unsigned queue, uint64_t hash) {
    const auto all = static_cast<size_t>(live());
    for (Ghost& ghost : ghosts_) ghost.resize(all);
    ghosts_[queue].add(hash);
    const auto once = static_cast<size_t>(live(kOnce));
    if (ghosts_[kOnce].size() + once > all) ghosts_[kOnce].drop_one(hash * kOtherBucket);
    if (ghosts_[kOnce].size() + ghosts_[kMore].size() > all) {
      ghosts_[kMore].drop_one(hash * kOtherBucket);
    }
  }
  static constexpr uint64_t kOtherBucket = 0x9e3779b97f4a7c15;

  std::array<Queue, 2> queues_{{{kOnce, {slab_, generations_}}, {kMore, {slab_, generations_}}}};
  std::array<Ghost, 2> ghosts_;
  double target_ = 0;  // entries that `once` should have
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_arc(const EvictionOptions& options) {
  return std::make_unique<Arc>(options.slab);
}

}  // namespace larder
