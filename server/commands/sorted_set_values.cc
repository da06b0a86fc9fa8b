#include "server/commands/sorted_set_values.h"

#include <cmath>
#include <cstdlib>
#include <string>

namespace larder {
namespace {

// As lenient as Redis is here: leading spaces, nothing at all (0) and overflow (inf) will do.
bool parse_bound(Bytes text, double& value, bool& open) {
  open = !text.empty() && text[0] == '(';
  const std::string digits(text.substr(open ? 1 : 0));
  char* end = nullptr;
  value = std::strtod(digits.c_str(), &end);
  return *end == '\0' && !std::isnan(value);
}

bool parse_bound(Bytes text, NameBound& bound) {
  if (text == "-" || text == "+") {
    bound.kind = text == "-" ? NameBound::Kind::lowest : NameBound::Kind::highest;
    return true;
  }
  if (text.empty() || (text[0] != '(' && text[0] != '[')) return false;
  bound.open = text[0] == '(';
  bound.name = text.substr(1);
  return true;
}

}  // namespace

std::optional<ScoreRange> parse_score_range(Bytes min, Bytes max) {
  ScoreRange range;
  if (!parse_bound(min, range.min, range.min_open)) return {};
  if (!parse_bound(max, range.max, range.max_open)) return {};
  return range;
}

std::optional<NameRange> parse_name_range(Bytes min, Bytes max) {
  NameRange range;
  if (!parse_bound(min, range.min) || !parse_bound(max, range.max)) return {};
  return range;
}

size_t store_members(Call& call, const Key& target, const std::vector<ScoredMember>& members,
                     const char* event) {
  Keyspace& keys = call.keyspace(target);
  const Item old = call.find_to_write(target);
  if (!members.empty()) {
    put_sorted_set(keys, target, old, members, sorted_set_limits(call));
    call.changed(event, target);
  } else if (old) {
    keys.remove(old);
    call.changed("del", target);
  }
  return members.size();
}

}  // namespace larder
