// Strings as arrays of bits. Bit 0 is the highest bit of the first byte, as in Redis.
// Source: https://redis.io/docs/data-types/bitmaps/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

// How many bits are set. Cost: a word of eight bytes at a time.
uint64_t count_bits(Bytes bytes);
// The same for the bits first .. last, both inside.
uint64_t count_bits_between(Bytes bytes, uint64_t first, uint64_t last);

// The first bit that is `bit` among first .. last, both inside; nothing when there is none.
std::optional<uint64_t> find_bit(Bytes bytes, bool bit, uint64_t first, uint64_t last);

// `width` (1..64) bits from `offset` on as an unsigned number; bits behind the end are zero.
uint64_t get_bits(Bytes bytes, uint64_t offset, unsigned width);
// Writes them; the bytes must be there.
void set_bits(char* bytes, uint64_t offset, unsigned width, uint64_t value);

enum class BitOperation : uint8_t {
  conjunction,      // AND
  disjunction,      // OR
  exclusive,        // XOR
  complement,       // NOT, of one input
  difference,       // DIFF: in the first and in none of the others
  difference_rest,  // DIFF1: in one of the others and not in the first
  first_and_any,    // ANDOR: in the first and in one of the others
  exactly_one,      // ONE: in exactly one of all
};
// Combines inputs (at least one), shorter ones as if filled with zeros. The result is as long as
// the longest.
std::string combine_bits(BitOperation operation, const std::vector<Bytes>& inputs);

}  // namespace larder
