#include "server/engine/key_uses.h"

#include "base/numbers.h"
#include "server/engine/registry.h"

namespace larder {
namespace {

KeyUse use_of(const KeySpec& spec, std::span<const Bytes> args, bool other) {
  if (spec.use_of != nullptr) return spec.use_of(args);
  return other && (spec.others_differ || spec.option_key != nullptr) ? spec.other_use : spec.use;
}

// Said again, the handler decides which one counts.
void find_keys_behind(const KeySpec& where, std::span<const Bytes> args,
                      std::vector<size_t>& keys) {
  for (size_t i = static_cast<size_t>(where.keyword_from); i + 1 < args.size(); ++i) {
    if (equals_upper(args[i], where.keyword)) keys.push_back(i + 1);
  }
}

}  // namespace

bool find_keys(const CommandSpec& spec, std::span<const Bytes> args, std::vector<size_t>& keys) {
  for (const KeySpec* where = &spec.keys; where != nullptr; where = where->also) {
    if (!find_keys(*where, args, keys)) return false;
  }
  return true;
}

bool find_keys(const KeySpec& where, std::span<const Bytes> args, std::vector<size_t>& keys) {
  if (!where.names_keys() || where.told_only) return true;
  if (where.find != nullptr) return where.find(args, keys);
  if (!where.keyword.empty()) {
    find_keys_behind(where, args, keys);
    return true;
  }
  const auto words = static_cast<int64_t>(args.size());
  const int64_t step = where.step;
  int64_t last = where.last >= 0 ? where.last : words + where.last;
  if (where.count_at != 0) {
    if (where.count_at >= words) return false;
    const auto count = parse_int64(args[static_cast<size_t>(where.count_at)]);
    if (!count || *count <= 0 || *count > (words - where.first + step - 1) / step) return false;
    last = where.first + (*count - 1) * step;
  }
  if (last >= words) return false;
  for (int64_t i = where.first; i <= last; i += step) keys.push_back(static_cast<size_t>(i));
  const size_t more = where.option_key != nullptr ? where.option_key(args) : 0;
  if (more != 0) keys.push_back(more);
  return true;
}

bool find_used_keys(const CommandSpec& card, std::span<const Bytes> args,
                    std::vector<UsedKey>& keys) {
  for (const KeySpec* spec = &card.keys; spec != nullptr; spec = spec->also) {
    std::vector<size_t> found;
    if (!find_keys(*spec, args, found)) return false;
    for (size_t i = 0; i < found.size(); ++i)
      keys.push_back({found[i], use_of(*spec, args, i > 0)});
  }
  return true;
}

}  // namespace larder
