// All elements of a big set or hash as one reply: SMEMBERS, HGETALL, HKEYS, HVALS.
#pragma once

#include "server/engine/sliced_read.h"

namespace larder {

enum class ElementParts { keys, values, both };

// Answers the call later, with a set, an array or a map. The key is an object of `type`.
void start_element_walk(Call& call, const Key& key, Type type, ElementParts parts);

}  // namespace larder
