#include "client/bench/workload.h"

#include <algorithm>
#include <utility>

#include "client/bench/trace_workload.h"

namespace larder::bench {
namespace {

bool asks_for_ttl(const WeightedCommand& command) {
  return std::any_of(command.words.begin(), command.words.end(), [](const std::string& word) {
    return word == "__ttl__" || word == "__pttl__";
  });
}

// Commands drawn by weight, keys and values by distribution.
class MixWorkload : public Workload {
 public:
  MixWorkload(const BenchOptions& options, const Distribution& key_distribution)
      : options_(options),
        key_distribution_(key_distribution),
        values_(options.data_bytes, options.data_distribution),
        seed_(options.seed) {}

  static MadeWorkload make(const BenchOptions& options, const Mix& mix,
                           const Distribution& key_distribution) {
    auto workload = std::make_unique<MixWorkload>(options, key_distribution);
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
    return MadeWorkload(std::move(workload));
  }

  const std::vector<std::string>& command_names() const override { return command_names_; }

  std::unique_ptr<RequestSource> source(unsigned index, unsigned threads) const override {
    const uint64_t keys = options_.keys;
    const bool shared = key_distribution_.kind == Distribution::Kind::sequential;
    const uint64_t first = shared ? keys * index / threads : 0;
    const uint64_t last = shared ? keys * (index + 1) / threads : keys;
    Fillings fillings{options_.names,   values_,
                      options_.ttl,     Picker(key_distribution_, keys, first, last),
                      Picker({}, keys), Random(Random(seed_ + index).next())};
    return std::make_unique<MixSource>(commands_, std::move(fillings));
  }

 private:
  const BenchOptions& options_;
  Distribution key_distribution_;
  Values values_;
  uint64_t seed_;
  std::vector<MixSource::Command> commands_;
  std::vector<std::string> command_names_;
};

// The same in transactions.
class TransactionWorkload : public Workload {
 public:
  TransactionWorkload(std::unique_ptr<Workload> inside, unsigned size)
      : inside_(std::move(inside)), size_(size), command_names_(inside_->command_names()) {
    command_names_.insert(command_names_.end(), {"MULTI", "EXEC"});
  }

  const std::vector<std::string>& command_names() const override { return command_names_; }

  std::unique_ptr<RequestSource> source(unsigned index, unsigned threads) const override {
    const auto first = static_cast<uint32_t>(inside_->command_names().size());
    return std::make_unique<TransactionSource>(inside_->source(index, threads), size_, first);
  }

 private:
  std::unique_ptr<Workload> inside_;
  unsigned size_;
  std::vector<std::string> command_names_;
};

}  // namespace

MadeWorkload make_workload(const BenchOptions& options) {
  if (!options.replay.empty()) return make_trace_workload(options);
  auto made = MixWorkload::make(options, options.mix, options.key_distribution);
  if (!made || !options.multi) return made;
  return MadeWorkload(std::make_unique<TransactionWorkload>(std::move(*made), options.pipeline));
}

MadeWorkload make_fill(const BenchOptions& options) {
  const auto mix = parse_ratio("1:0", options.ttl.last_ms > 0);
  return MixWorkload::make(options, *mix, {Distribution::Kind::sequential});
}

}  // namespace larder::bench
