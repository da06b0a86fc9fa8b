#include "storage/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace larder {
namespace {

constexpr Bytes kMagic = "HYLL";
constexpr size_t kFormAt = 4;
constexpr size_t kCountAt = 8;
constexpr uint8_t kDense = 0;
constexpr uint8_t kSparse = 1;
constexpr uint64_t kOutOfDate = uint64_t{1} << 63;
constexpr unsigned kRegisterMax = 63;
constexpr unsigned kSparseValueMax = 32;
constexpr size_t kShortZerosMax = 64;
constexpr size_t kValueRunMax = 4;

// MurmurHash64A by A. Appleby (public domain), with the seed that Redis uses: values must mean the
// same on both.
uint64_t hash_element(Bytes bytes) {
  constexpr uint64_t kMultiply = 0xc6a4a7935bd1e995;
  constexpr unsigned kShift = 47;
  constexpr uint64_t kSeed = 0xadc83b19;
  uint64_t hash = kSeed ^ (bytes.size() * kMultiply);
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word = load<uint64_t>(bytes.data() + at) * kMultiply;
    word ^= word >> kShift;
    hash = (hash ^ (word * kMultiply)) * kMultiply;
  }
  if (at < bytes.size()) {
    uint64_t rest = 0;
    std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
    hash = (hash ^ rest) * kMultiply;
  }
  hash = (hash ^ (hash >> kShift)) * kMultiply;
  return hash ^ (hash >> kShift);
}

// One run of a sparse value.
struct Run {
  size_t length = 0;
  uint8_t value = 0;
  size_t bytes = 0;  // 0: broken
};

Run run_at(Bytes runs) {
  const auto first = static_cast<uint8_t>(runs[0]);
  if ((first & 0x80) != 0) {
    return {size_t{first & 3U} + 1, static_cast<uint8_t>(((first >> 2) & 31) + 1), 1};
  }
  if ((first & 0x40) == 0) return {size_t{first & 63U} + 1, 0, 1};
  if (runs.size() < 2) return {};
  return {(size_t{first & 63U} << 8 | static_cast<uint8_t>(runs[1])) + 1, 0, 2};
}

void append_run(std::string& out, uint8_t value, size_t length) {
  while (length > 0 && value != 0) {
    const size_t part = std::min(length, kValueRunMax);
    out.push_back(static_cast<char>(0x80 | (value - 1) << 2 | static_cast<int>(part - 1)));
    length -= part;
  }
  if (length == 0) return;
  if (length > kShortZerosMax) {
    out.push_back(static_cast<char>(0x40 | (length - 1) >> 8));
    out.push_back(static_cast<char>((length - 1) & 255));
  } else {
    out.push_back(static_cast<char>(length - 1));
  }
}

// The two series of Ertl's estimator, for registers at their lowest and at their highest value.
double sigma(double x) {
  if (x == 1.0) return INFINITY;
  double sum = x;
  double factor = 1;
  for (double before = -1; before != sum; factor += factor) {
    x *= x;
    before = sum;
    sum += x * factor;
  }
  return sum;
}

double tau(double x) {
  if (x == 0.0 || x == 1.0) return 0;
  double sum = 1 - x;
  double factor = 1;
  for (double before = -1; before != sum;) {
    x = std::sqrt(x);
    before = sum;
    factor *= 0.5;
    sum -= (1 - x) * (1 - x) * factor;
  }
  return sum / 3;
}

}  // namespace

bool HyperLogLog::is_valid(Bytes value) {
  if (value.size() < kHeaderBytes || !value.starts_with(kMagic)) return false;
  const auto form = static_cast<uint8_t>(value[kFormAt]);
  return form == kSparse || (form == kDense && value.size() == kDenseBytes);
}

std::optional<HyperLogLog> HyperLogLog::parse_with_tail(Bytes value) {
  std::optional<HyperLogLog> parsed(std::in_place);
  parsed->keep_head(value);
  const Bytes registers = value.substr(kHeaderBytes);
  if (static_cast<uint8_t>(value[kFormAt]) == kDense) {
    parsed->parse_dense(registers);
  } else if (const auto tail = parsed->parse_sparse(registers)) {
    parsed->tail_ = *tail;
  } else {
    parsed.reset();
  }
  return parsed;
}

std::optional<HyperLogLog> HyperLogLog::parse(Bytes value) {
  std::optional<HyperLogLog> parsed = parse_with_tail(value);
  if (parsed && !parsed->tail_.empty()) parsed.reset();
  return parsed;
}

// Four registers stand in three bytes.
void HyperLogLog::parse_dense(Bytes packed) {
  dense_ = true;
  for (size_t i = 0; i < kRegisters; i += 4) {
    const auto* at = reinterpret_cast<const uint8_t*>(packed.data()) + i / 4 * 3;
    const uint32_t four = at[0] | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16;
    for (unsigned k = 0; k < 4; ++k) registers_[i + k] = four >> (6 * k) & kRegisterMax;
  }
}

std::optional<Bytes> HyperLogLog::parse_sparse(Bytes runs) {
  size_t index = 0;
  while (index < kRegisters) {
    const Run run = runs.empty() ? Run{} : run_at(runs);
    if (run.bytes == 0 || run.length > kRegisters - index) return {};
    std::fill_n(registers_.begin() + static_cast<ptrdiff_t>(index), run.length, run.value);
    index += run.length;
    runs.remove_prefix(run.bytes);
  }
  return runs;
}

bool HyperLogLog::add(Bytes element) {
  const uint64_t hash = hash_element(element);
  uint8_t& reg = registers_[hash & (kRegisters - 1)];
  // A bit behind the hash's last ends the run of zeros.
  const uint64_t rest = hash >> kIndexBits | uint64_t{1} << (64 - kIndexBits);
  const auto zeros = static_cast<uint8_t>(std::countr_zero(rest) + 1);
  if (zeros <= reg) return false;
  reg = zeros;
  return true;
}

bool HyperLogLog::merge(const HyperLogLog& other) {
  bool changed = false;
  for (size_t i = 0; i < kRegisters; ++i) {
    changed |= other.registers_[i] > registers_[i];
    registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
  dense_ |= other.dense_;
  return changed;
}

uint64_t HyperLogLog::estimate() const {
  constexpr unsigned kRunMax = 64 - kIndexBits;
  constexpr double kAlpha = 0.721347520444481703680;  // 0.5 / ln 2
  constexpr auto kCount = static_cast<double>(kRegisters);
  std::array<uint32_t, 64> histogram{};
  for (const uint8_t value : registers_) ++histogram[value];
  double sum = kCount * tau((kCount - histogram[kRunMax + 1]) / kCount);
  for (unsigned run = kRunMax; run >= 1; --run) sum = 0.5 * (sum + histogram[run]);
  sum += kCount * sigma(histogram[0] / kCount);
  return static_cast<uint64_t>(std::llround(kAlpha * kCount * kCount / sum));
}

std::string HyperLogLog::bytes(size_t sparse_bytes_max) const {
  const bool fits =
      !dense_ && *std::max_element(registers_.begin(), registers_.end()) <= kSparseValueMax;
  if (fits) {
    std::string value = sparse();
    if (value.size() <= sparse_bytes_max) return value;
  }
  return dense();
}

std::string HyperLogLog::head(uint8_t form) const {
  std::string out(head_.empty() ? kMagic : Bytes(head_));
  out.resize(kHeaderBytes, '\0');
  out[kFormAt] = static_cast<char>(form);
  store(out.data() + kCountAt, load<uint64_t>(out.data() + kCountAt) | kOutOfDate);
  return out;
}

std::string HyperLogLog::sparse() const {
  std::string out = head(kSparse);
  for (size_t index = 0; index < kRegisters;) {
    size_t end = index + 1;
    while (end < kRegisters && registers_[end] == registers_[index]) ++end;
    append_run(out, registers_[index], end - index);
    index = end;
  }
  return out + tail_;
}

std::string HyperLogLog::dense() const {
  std::string out = head(kDense);
  for (size_t i = 0; i < kRegisters; i += 4) {
    uint32_t four = 0;
    for (unsigned k = 0; k < 4; ++k) four |= uint32_t{registers_[i + k]} << (6 * k);
    out.append(reinterpret_cast<const char*>(&four), 3);
  }
  return out;
}

std::optional<uint64_t> HyperLogLog::cached_count(Bytes value) {
  const auto count = load<uint64_t>(value.data() + kCountAt);
  if ((count & kOutOfDate) != 0) return {};
  return count;
}

void HyperLogLog::write_cached_count(char* value, uint64_t count) {
  store(value + kCountAt, count);
}

std::string HyperLogLog::describe_sparse(Bytes value) {
  std::string out;
  Bytes runs = value.substr(kHeaderBytes);
  while (!runs.empty()) {
    const Run run = run_at(runs);
    if (run.bytes == 0) break;
    const std::string length = std::to_string(run.length);
    if (!out.empty()) out += " ";
    if (run.value != 0) {
      out += "v:" + std::to_string(run.value) + "," + length;
    } else {
      out += (run.bytes == 2 ? "Z:" : "z:") + length;
    }
    runs.remove_prefix(run.bytes);
  }
  return out;
}

}  // namespace larder
