#include "base/duration.h"

#include <algorithm>
#include <array>

#include "base/numbers.h"

namespace larder {
namespace {

struct Unit {
  Bytes name;
  int64_t ms;
};
constexpr std::array<Unit, 6> kUnits{{{"", 1000},
                                      {"ms", 1},
                                      {"s", 1000},
                                      {"m", 60 * 1000},
                                      {"h", 60 * 60 * 1000},
                                      {"d", 24 * 60 * 60 * 1000}}};

}  // namespace

std::optional<int64_t> parse_duration_ms(Bytes text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_int64(text.substr(0, digits));
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& each) {
    return each.name == text.substr(digits);
  });
  if (!count || unit == kUnits.end() || *count > kDurationMsMax / unit->ms) return {};
  return *count * unit->ms;
}

std::string duration_text(int64_t ms) {
  return ms % 1000 == 0 ? std::to_string(ms / 1000) : std::to_string(ms) + "ms";
}

}  // namespace larder
