// HyperLogLog: how many different elements were added, to 0.81%, in at most 12 KiB. The value is a
// string in Redis's format, so that clients may GET, SET and copy it between servers.
//
//   | "HYLL" | form | 0 0 0 | count, 8 B | registers |
//
//   form    0 dense, 1 sparse
//   count   the last answer, little endian; its highest bit says that it is out of date
//   dense   16384 registers of six bits, the first in the lowest bits of the first byte
//   sparse  runs of registers: 00nnnnnn            n + 1 zeros
//                              01nnnnnn nnnnnnnn   n + 1 zeros
//                              1vvvvvnn            n + 1 times v + 1
//
// A register holds the longest run of zero bits, plus one, seen in the hashes that chose it. All
// registers are kept unpacked while a value is changed; a sparse value is small, so that is cheap.
// Sources: P. Flajolet et al., "HyperLogLog", 2007; O. Ertl, "New cardinality estimation algorithms
// for HyperLogLog sketches", 2017; https://redis.io/docs/latest/develop/data-types/probabilistic/
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder {

class HyperLogLog {
 public:
  static constexpr unsigned kIndexBits = 14;
  static constexpr size_t kRegisters = size_t{1} << kIndexBits;
  static constexpr size_t kHeaderBytes = 16;
  static constexpr size_t kDenseBytes = kHeaderBytes + kRegisters * 6 / 8;

  // True when the bytes have the head, form and length of one. Their registers may be broken.
  static bool is_valid(Bytes value);
  // Nothing when the registers are broken.
  static std::optional<HyperLogLog> parse(Bytes value);
  // The same, but bytes behind the runs of a sparse value are kept where they are. PFADD, which in
  // Redis looks at no run behind the one it changes, takes such values.
  static std::optional<HyperLogLog> parse_with_tail(Bytes value);

  // Has the last count of a value, which is where this one will stand, in its own: Redis leaves it
  // there when it is out of date.
  void keep_head(Bytes value) { head_ = value.substr(0, kHeaderBytes); }

  // Each returns true when it changed something.
  bool add(Bytes element);
  bool merge(const HyperLogLog& other);
  // About how many different elements were added.
  uint64_t estimate() const;

  // The value; sparse if it was and that takes no more than `sparse_bytes_max`. The count in it is
  // out of date.
  std::string bytes(size_t sparse_bytes_max) const;
  bool is_dense() const { return dense_; }
  void make_dense() { dense_ = true; }
  const std::array<uint8_t, kRegisters>& registers() const { return registers_; }

  // The count that a value carries; nothing when it is out of date.
  static std::optional<uint64_t> cached_count(Bytes value);
  static void write_cached_count(char* value, uint64_t count);
  // The runs of a sparse value, for people.
  static std::string describe_sparse(Bytes value);

 private:
  // Returns what stands behind the runs; nothing when they are broken.
  std::optional<Bytes> parse_sparse(Bytes runs);
  void parse_dense(Bytes packed);
  std::string head(uint8_t form) const;
  std::string sparse() const;
  std::string dense() const;

  std::array<uint8_t, kRegisters> registers_{};
  bool dense_ = false;
  std::string head_;  // as it was read, or empty
  std::string tail_;  // behind the runs, see parse_with_tail
};

}  // namespace larder
