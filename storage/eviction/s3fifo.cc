#include "storage/eviction/s3fifo.h"

#include <algorithm>
#include <cmath>

#include "storage/eviction/policies.h"

namespace larder {
namespace {

// More than a ghost's piece could say that it is one of.
constexpr Bytes kSketchPiece = "sketch: ";

}  // namespace

void S3Fifo::inserted(Resident& entry) {
  stamp_new(entry, 0);
  note_size(entry.bytes);
  if (settings_.duel) sketch_.add(entry.hash());
  const bool enters = ghost_.take(entry.hash()) || settings_.clock;
  enters ? push(main_, kMain, entry) : push(small_, kSmall, entry);
}

void S3Fifo::recalled(Resident& entry, const EntryUse& use) {
  const bool enters = use.frequency >= kMainFrequency || settings_.clock;
  const int none = enters ? kMainFrequency : EntryUse::kNewFrequency;
  stamp_recalled(entry, use, use.frequency - none);
  note_size(entry.bytes);
  if (settings_.duel) sketch_.add(entry.hash());
  enters ? push(main_, kMain, entry) : push(small_, kSmall, entry);
}

EntryUse S3Fifo::use_of(Stamp stamp, int64_t) const {
  const int none = stamp.queue() == kMain ? kMainFrequency : EntryUse::kNewFrequency;
  return {.frequency = none + static_cast<int>(uses(stamp))};
}

// Pieces of ghosts, then those of the sketch, which say so.
std::string S3Fifo::learned(size_t piece) const {
  const size_t ghosts = ghost_.pieces(kPieceBytes);
  if (piece < ghosts) return ghost_.piece(piece, kPieceBytes);
  std::string of_sketch = sketch_.piece(piece - ghosts, kPieceBytes - kSketchPiece.size());
  if (!of_sketch.empty()) of_sketch.insert(0, kSketchPiece);
  return of_sketch;
}

void S3Fifo::learn(Bytes piece) {
  if (!piece.starts_with(kSketchPiece)) return ghost_.add_piece(piece);
  if (settings_.duel) sketch_.add_piece(piece.substr(kSketchPiece.size()));
}

void S3Fifo::note_size(uint32_t bytes) {
  constexpr double kNewest = 1.0 / 512;
  const double log_bytes = std::log2(std::max(bytes, 1U));
  log_bytes_ += (log_bytes_ == 0 ? 1 : kNewest) * (log_bytes - log_bytes_);
  spread_ += kNewest * (std::abs(log_bytes - log_bytes_) - spread_);
}

double S3Fifo::mean_bytes() const {
  constexpr double kUnknown = 1 << 20;
  return log_bytes_ == 0 ? kUnknown : std::exp2(log_bytes_);
}

// What an entry of the mean size has too many or, when negative, too few of.
int S3Fifo::uses_for_size(const Resident& entry) const {
  if (settings_.size_weight == 0) return 0;
  const double doublings = std::log2(std::max(entry.bytes, 1U)) - log_bytes_;
  return static_cast<int>(std::lround(settings_.size_weight * doublings));
}

bool S3Fifo::next(Candidate& candidate) {
  const double small_max = settings_.small_share * static_cast<double>(live());
  const bool from_small = static_cast<double>(live(kSmall)) > small_max || main_.size() == 0;
  candidate.queue = from_small ? kSmall : kMain;
  if ((from_small ? small_ : main_).pop(candidate)) return true;
  candidate.queue = from_small ? kMain : kSmall;
  return (from_small ? main_ : small_).pop(candidate);
}

bool S3Fifo::judge(Resident& entry, const Candidate& candidate) {
  return candidate.queue == kSmall ? judge_small(entry) : judge_main(entry);
}

bool S3Fifo::judge_small(Resident& entry) {
  const unsigned count = uses(entry.stamp);
  if (settings_.duel) {
    for (unsigned i = 0; i < count; ++i) sketch_.add(entry.hash());
  }
  const int price = uses_for_size(entry);
  const int needed = std::max(static_cast<int>(settings_.uses_min) + std::min(price, 2), 1);
  if (settings_.duel ? wins_duel(entry) : static_cast<int>(count) >= needed) {
    set_uses(entry.stamp, static_cast<unsigned>(std::clamp(-price, 0, int{kUsesMax})));
    move(main_, kMain, entry);
    return false;
  }
  ghost_.resize(static_cast<size_t>(live()));
  if (settings_.duel) sketch_.resize(static_cast<size_t>(live()));
  ghost_.add(entry.hash());
  return true;
}

bool S3Fifo::wins_duel(const Resident& entry) {
  EntryRef other;
  if (!main_.peek(other)) return true;
  return sketch_.count(entry.hash()) >
         sketch_.count(Resident::hash_of_place(other.place, other.home));
}

bool S3Fifo::judge_main(Resident& entry) {
  const int price = std::max(uses_for_size(entry), 0);
  const auto count =
      static_cast<unsigned>(std::max(static_cast<int>(uses(entry.stamp)) - price, 0));
  if (count == 0) return true;
  if (settings_.duel) sketch_.add(entry.hash());
  set_uses(entry.stamp, settings_.clock ? 0 : count - 1);
  move(main_, kMain, entry);
  return false;
}

size_t S3Fifo::memory_bytes() const {
  return QueuePolicy::memory_bytes() + ghost_.memory_bytes() + sketch_.memory_bytes();
}

std::unique_ptr<EvictionPolicy> make_s3fifo(const EvictionOptions& options) {
  return std::make_unique<S3Fifo>(S3Settings{}, options.slab);
}

}  // namespace larder
