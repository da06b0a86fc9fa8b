#include "client/bench/workload.h"

#include <algorithm>
#include <utility>

namespace larder::bench {

using Made = Result<std::unique_ptr<Workload>, std::string>;

namespace {

bool asks_for_ttl(const WeightedCommand& command) {
  return std::any_of(command.words.begin(), command.words.end(), [](const std::string& word) {
    return word == "__ttl__" || word == "__pttl__";
  });
}

}  // namespace

Workload::Workload(const BenchOptions& options, const Distribution& key_distribution)
    : options_(options),
      key_distribution_(key_distribution),
      values_(options.data_bytes, options.data_distribution),
      seed_(options.seed) {}

Made Workload::make(const BenchOptions& options) {
  return make(options, options.mix, options.key_distribution);
}

Made Workload::make_fill(const BenchOptions& options) {
  const auto mix = parse_ratio("1:0", options.ttl.last_ms > 0);
  return make(options, *mix, {Distribution::Kind::sequential});
}

Made Workload::make(const BenchOptions& options, const Mix& mix,
                    const Distribution& key_distribution) {
  std::unique_ptr<Workload> workload(new Workload(options, key_distribution));
  for (const WeightedCommand& each : mix) {
    if (options.ttl.last_ms == 0 && asks_for_ttl(each)) {
      return "'" + each.name() + "' needs --ttl";
    }
    auto recipe = options.memcached ? Recipe::of_memcached(each.words, options.names)
                                    : Recipe::of_resp(each.words, options.names);
    if (!recipe) return recipe.error();
    workload->commands_.push_back({std::move(*recipe), each.weight});
    workload->command_names_.push_back(each.name());
  }
  return workload;
}

std::unique_ptr<RequestSource> Workload::source(unsigned index, unsigned threads) const {
  const uint64_t keys = options_.keys;
  const bool shared = key_distribution_.kind == Distribution::Kind::sequential;
  const uint64_t first = shared ? keys * index / threads : 0;
  const uint64_t last = shared ? keys * (index + 1) / threads : keys;
  Fillings fillings{options_.names,   values_,
                    options_.ttl,     Picker(key_distribution_, keys, first, last),
                    Picker({}, keys), Random(Random(seed_ + index).next())};
  return std::make_unique<MixSource>(commands_, std::move(fillings));
}

}  // namespace larder::bench
