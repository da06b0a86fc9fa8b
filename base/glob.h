// Glob patterns as KEYS, SCAN, CONFIG GET and PSUBSCRIBE take them:
//
//   *  any bytes, none too      ?  one byte        \x  the byte x
//   [abc] [a-c] [^a]  one byte of a set; an unfinished set ends with the pattern
//
// Only the last star is ever retried (an earlier one can gain nothing from taking more), so a
// match costs at most pattern x text steps, without recursion and without memory.
#pragma once

#include "base/bytes.h"

namespace larder {

enum class GlobCase { exact, ignored };

// True when the whole text matches the whole pattern. `ignored` folds ASCII letters only.
bool glob_match(Bytes pattern, Bytes text, GlobCase letters = GlobCase::exact);

// The bytes that every match begins with, as far as they stand unescaped in the pattern.
Bytes literal_prefix(Bytes pattern);

// True when the pattern means nothing but itself: literal_prefix() is all of it.
bool is_literal(Bytes pattern);

}  // namespace larder
