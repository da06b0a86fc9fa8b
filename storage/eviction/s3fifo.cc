#include "storage/eviction/s3fifo.h"

#include "storage/eviction/policies.h"

namespace larder {

void S3Fifo::inserted(Resident& entry) {
  stamp_new(entry, 0);
  if (settings_.duel) sketch_.add(entry.hash());
  const bool enters = ghost_.take(entry.hash()) || settings_.clock;
  enters ? push(main_, kMain, entry) : push(small_, kSmall, entry);
}

bool S3Fifo::next(Candidate& candidate) {
  const double small_max = settings_.small_share * static_cast<double>(live());
  const bool from_small = static_cast<double>(live(kSmall)) > small_max || main_.size() == 0;
  candidate.queue = from_small ? kSmall : kMain;
  if ((from_small ? small_ : main_).pop(candidate.ref)) return true;
  candidate.queue = from_small ? kMain : kSmall;
  return (from_small ? main_ : small_).pop(candidate.ref);
}

bool S3Fifo::judge(Resident& entry, const Candidate& candidate) {
  return candidate.queue == kSmall ? judge_small(entry) : judge_main(entry);
}

bool S3Fifo::judge_small(Resident& entry) {
  const unsigned count = uses(entry.stamp);
  if (settings_.duel) {
    for (unsigned i = 0; i < count; ++i) sketch_.add(entry.hash());
  }
  if (settings_.duel ? wins_duel(entry) : count >= settings_.uses_min) {
    set_uses(entry.stamp, 0);
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
  const unsigned count = uses(entry.stamp);
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
