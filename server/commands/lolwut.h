// The picture LOLWUT draws: a pantry shelf of jars, filled by chance.
#pragma once

#include <string>

#include "base/random.h"

namespace larder {

// `jars` jars on each of `shelves` shelves, eight columns each.
std::string draw_pantry(Random& random, size_t jars, size_t shelves);

}  // namespace larder
