// How far replicas are, and how many of them must have a write: arithmetic without state.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "server/replication/settings.h"

namespace larder {

// How many replicas of a group of `servers` (the primary included) must have a write.
inline size_t acks_needed(ReplicationSettings::Acks acks, size_t servers) {
  // A group of one has no second copy; whoever asks for acknowledgements wants one.
  const size_t group = std::max<size_t>(servers, 2);
  switch (acks) {
    case ReplicationSettings::Acks::none:
      return 0;
    case ReplicationSettings::Acks::one:
      return 1;
    // With the primary a majority: of any two majorities one server is in both.
    case ReplicationSettings::Acks::quorum:
      return group / 2;
    case ReplicationSettings::Acks::all:
      return group - 1;
  }
  return 0;
}

// How many others a new primary must have heard of, so that with itself one is among them that has
// any acknowledged write: replicas that acknowledged and replicas that were asked are then more
// than there are. The old primary is none of them.
inline size_t siblings_needed(ReplicationSettings::Acks acks, size_t servers) {
  const size_t copies = acks_needed(acks, servers);
  return copies == 0 || copies + 1 >= servers ? 0 : servers - 1 - copies;
}

// The offset that at least `needed` of the replicas have reached; 0 when there are too few.
inline uint64_t offset_reached_by(std::vector<uint64_t> offsets, size_t needed) {
  if (needed == 0 || offsets.size() < needed) return 0;
  const auto at = offsets.begin() + static_cast<std::ptrdiff_t>(needed) - 1;
  std::nth_element(offsets.begin(), at, offsets.end(), std::greater<>());
  return *at;
}

// Up to where everybody was sent the stream, by the offset that each was.
inline uint64_t offset_sent_to_all(const std::vector<uint64_t>& sent) {
  return sent.empty() ? UINT64_MAX : *std::min_element(sent.begin(), sent.end());
}

inline size_t count_reached(const std::vector<uint64_t>& offsets, uint64_t offset) {
  return static_cast<size_t>(std::count_if(offsets.begin(), offsets.end(),
                                           [offset](uint64_t each) { return each >= offset; }));
}

}  // namespace larder
