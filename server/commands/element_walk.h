// All elements of a big set or hash as one reply: SMEMBERS, HGETALL, HKEYS, HVALS. The walk goes
// in slices, so that a million members keep neither their shard nor the worker for longer than a
// GET would notice. As with SCAN, an element that is there all the time is in the reply once; one
// that comes or goes meanwhile may be in it or not.
#pragma once

#include <memory>

#include "server/commands/call.h"
#include "storage/element_object.h"

namespace larder {

enum class ElementParts { keys, values, both };

// Elements up to which a reply is written at once, in about 100 us.
inline constexpr size_t kWalkElementsMin = 2048;

// Answers the call later, with a set, an array or a map. The key is an object of `type`.
void start_element_walk(Call& call, const Key& key, Type type, ElementParts parts);

}  // namespace larder
