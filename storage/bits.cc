#include "storage/bits.h"

#include <algorithm>
#include <bit>

namespace larder {
namespace {

uint64_t word_at(Bytes bytes, size_t index) { return load<uint64_t>(bytes.data() + index * 8); }

// Bits first .. last of the byte, as a mask.
uint8_t mask_between(unsigned first, unsigned last) {
  return static_cast<uint8_t>((0xffU >> first) & (0xff00U >> (last + 1)));
}

// The word at `index`, zeros behind the end.
uint64_t padded_word(Bytes bytes, size_t index) {
  const size_t at = index * 8;
  if (at + 8 <= bytes.size()) return load<uint64_t>(bytes.data() + at);
  uint64_t word = 0;
  if (at < bytes.size()) std::memcpy(&word, bytes.data() + at, bytes.size() - at);
  return word;
}

uint64_t combine_words(BitOperation operation, const std::vector<Bytes>& inputs, size_t index) {
  const uint64_t first = padded_word(inputs[0], index);
  uint64_t both = first;
  uint64_t any_rest = 0;
  uint64_t odd = first;
  uint64_t once = first;
  uint64_t twice = 0;
  for (size_t i = 1; i < inputs.size(); ++i) {
    const uint64_t word = padded_word(inputs[i], index);
    both &= word;
    any_rest |= word;
    odd ^= word;
    twice |= (once | twice) & word;
    once |= word;
  }
  switch (operation) {
    case BitOperation::conjunction: return both;
    case BitOperation::disjunction: return first | any_rest;
    case BitOperation::exclusive: return odd;
    case BitOperation::complement: return ~first;
    case BitOperation::difference: return first & ~any_rest;
    case BitOperation::difference_rest: return any_rest & ~first;
    case BitOperation::first_and_any: return first & any_rest;
    case BitOperation::exactly_one: return once & ~twice;
  }
  return 0;
}

}  // namespace

uint64_t count_bits(Bytes bytes) {
  // Four sums, so that one count does not wait for the other.
  uint64_t sums[4] = {};
  size_t word = 0;
  const size_t words = bytes.size() / 8;
  for (; word + 4 <= words; word += 4) {
    for (size_t i = 0; i < 4; ++i) {
      sums[i] += static_cast<uint64_t>(std::popcount(word_at(bytes, word + i)));
    }
  }
  uint64_t sum = sums[0] + sums[1] + sums[2] + sums[3];
  for (; word < words; ++word) sum += static_cast<uint64_t>(std::popcount(word_at(bytes, word)));
  for (size_t i = words * 8; i < bytes.size(); ++i) {
    sum += static_cast<uint64_t>(std::popcount(static_cast<unsigned char>(bytes[i])));
  }
  return sum;
}

uint64_t count_bits_between(Bytes bytes, uint64_t first, uint64_t last) {
  const size_t first_byte = first / 8;
  const size_t last_byte = last / 8;
  const auto masked = [&](size_t byte, unsigned from, unsigned to) {
    return static_cast<uint64_t>(
        std::popcount(static_cast<uint8_t>(bytes[byte] & mask_between(from, to))));
  };
  if (first_byte == last_byte) return masked(first_byte, first % 8, last % 8);
  return masked(first_byte, first % 8, 7) +
         count_bits(bytes.substr(first_byte + 1, last_byte - first_byte - 1)) +
         masked(last_byte, 0, last % 8);
}

std::optional<uint64_t> find_bit(Bytes bytes, bool bit, uint64_t first, uint64_t last) {
  const uint8_t flip = bit ? 0 : 0xff;
  const uint64_t blank = bit ? 0 : ~uint64_t{0};
  size_t byte = first / 8;
  const size_t last_byte = last / 8;
  while (byte <= last_byte) {
    // Whole words without a hit are stepped over.
    if (byte * 8 > first && byte + 8 <= last_byte && load<uint64_t>(&bytes[byte]) == blank) {
      byte += 8;
      continue;
    }
    const unsigned from = byte == first / 8 ? first % 8 : 0;
    const unsigned to = byte == last_byte ? last % 8 : 7;
    const auto hits = static_cast<uint8_t>(
        (static_cast<uint8_t>(bytes[byte]) ^ flip) & mask_between(from, to));
    if (hits != 0) return byte * 8 + static_cast<uint64_t>(std::countl_zero(hits));
    ++byte;
  }
  return {};
}

uint64_t get_bits(Bytes bytes, uint64_t offset, unsigned width) {
  uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i, ++offset) {
    const size_t byte = offset / 8;
    const unsigned bit =
        byte < bytes.size() ? static_cast<unsigned char>(bytes[byte]) >> (7 - offset % 8) & 1U : 0;
    value = value << 1 | bit;
  }
  return value;
}

void set_bits(char* bytes, uint64_t offset, unsigned width, uint64_t value) {
  for (unsigned i = 0; i < width; ++i, ++offset) {
    const auto mask = static_cast<unsigned char>(0x80U >> offset % 8);
    auto* byte = reinterpret_cast<unsigned char*>(bytes + offset / 8);
    const bool bit = value >> (width - 1 - i) & 1;
    *byte = static_cast<unsigned char>(bit ? *byte | mask : *byte & ~mask);
  }
}

std::string combine_bits(BitOperation operation, const std::vector<Bytes>& inputs) {
  size_t length = 0;
  for (const Bytes input : inputs) length = std::max(length, input.size());
  std::string result(length, '\0');
  for (size_t index = 0; index * 8 < length; ++index) {
    const uint64_t word = combine_words(operation, inputs, index);
    std::memcpy(result.data() + index * 8, &word, std::min<size_t>(8, length - index * 8));
  }
  return result;
}

}  // namespace larder
