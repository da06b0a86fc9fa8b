#include "client/bench/values.h"

#include <algorithm>
#include <cstring>

#include "base/numbers.h"
#include "protocol/limits.h"

namespace larder::bench {
namespace {

// 64 letters that mean nothing in any protocol, the floor server's too (tests/bench/floor.cc).
constexpr Bytes kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint64_t mix(uint64_t key) { return Random(key).next(); }

std::string random_letters(size_t bytes) {
  Random random(1);  // the same in every run
  std::string letters(bytes, ' ');
  for (char& letter : letters) letter = kLetters[random.next() & 63];
  return letters;
}

}  // namespace

unsigned digits_of(uint64_t number) {
  unsigned digits = 1;
  for (; number > 9; number /= 10) ++digits;
  return digits;
}

Result<SizeRange, std::string> parse_size_range(Bytes text) {
  const size_t dash = text.find('-');
  const auto first = parse_uint64(text.substr(0, dash));
  const auto last = dash == Bytes::npos ? first : parse_uint64(text.substr(dash + 1));
  const auto limit = static_cast<uint64_t>(RequestLimits{}.bulk_bytes_max);
  if (first && last && *first <= *last && *last <= limit) return SizeRange{*first, *last};
  return "'" + std::string(text) + "' is no size: write 64 or 16-4096, up to " +
         std::to_string(limit) + " bytes";
}

Values::Values(const SizeRange& sizes, const Distribution& distribution)
    : sizes_(sizes),
      picker_(distribution, sizes.last - sizes.first + 1),
      pool_(random_letters(kPoolBytes + sizes.last)) {}

void Values::write_mark(uint64_t mixed, char* out) {
  for (size_t i = 0; i < kMarkBytes; ++i) out[i] = kLetters[(mixed >> (6 * i)) & 63];
}

void Values::write(uint64_t key, size_t size, char* out) const {
  const uint64_t mixed = mix(key);
  char mark[kMarkBytes];
  write_mark(mixed, mark);
  const size_t marked = std::min(size, kMarkBytes);
  std::memcpy(out, mark, marked);
  std::memcpy(out + marked, piece(mixed, size - marked).data(), size - marked);
}

bool Values::matches(uint64_t key, Bytes value) const {
  if (value.size() != size_of(key)) return false;
  const uint64_t mixed = mix(key);
  char mark[kMarkBytes];
  write_mark(mixed, mark);
  const size_t marked = std::min(value.size(), kMarkBytes);
  return value.substr(0, marked) == Bytes(mark, marked) &&
         value.substr(marked) == piece(mixed, value.size() - marked);
}

}  // namespace larder::bench
