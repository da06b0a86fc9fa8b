#include "server/persistence/snapshot.h"

#include <string>

#include "base/clock.h"
#include "server/commands/persistence.h"
#include "server/commands/services.h"
#include "server/commands/version.h"

namespace larder {

std::unique_ptr<Snapshot> Snapshot::begin(Services& services, const SnapshotOptions& options,
                                          const std::function<void(SnapshotOptions&)>& at_point) {
  std::unique_ptr<Snapshot> snapshot(new Snapshot(services, options));
  const StoreSnapshotOptions walk{
      .format = {.version = options.version, .compress = options.compress},
      .on_full = options.on_full,
      .buffer_bytes_max = options.buffer_bytes_max,
      .key_delay_us = options.key_delay_us};
  snapshot->walk_ = StoreSnapshot::begin(services.store, walk, [&] {
    if (options.parts.functions && services.persistence != nullptr) {
      snapshot->functions_ = services.persistence->function_codes();
    }
    if (at_point) at_point(snapshot->options_);
  });
  return snapshot->walk_ == nullptr ? nullptr : std::move(snapshot);
}

bool Snapshot::run(Sink& sink) {
  RdbFileWriter out(sink, options_.checksum);
  RdbFacts facts{{"redis-ver", std::string(kRedisVersion)},
                 {"larder-ver", std::string(kLarderVersion)},
                 {"redis-bits", "64"},
                 {"ctime", std::to_string(unix_ms() / 1000)},
                 {"used-mem", std::to_string(services_.store.memory().used())}};
  facts.insert(facts.end(), options_.facts.begin(), options_.facts.end());
  out.begin(walk_->version(), facts);
  for (const std::string& code : functions_) out.function(code);
  if (options_.parts.keys && !walk_->write_keys(out)) return false;
  return out.finish();
}

}  // namespace larder
