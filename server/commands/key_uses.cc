#include "server/commands/key_uses.h"

#include "server/commands/dispatcher.h"

namespace larder {
namespace {

KeyUse use_of(const KeySpec& spec, std::span<const Bytes> args, bool other) {
  if (spec.use_of != nullptr) return spec.use_of(args);
  return other && (spec.others_differ || spec.option_key != nullptr) ? spec.other_use : spec.use;
}

}  // namespace

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
