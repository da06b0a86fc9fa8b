#include "server/persistence/snapshot.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/clock.h"
#include "base/numbers.h"
#include "server/engine/persistence.h"
#include "server/engine/services.h"
#include "server/engine/version.h"
#include "server/persistence/worker_turns.h"

namespace larder {

namespace {

// A hold takes some 50 us, and what it gathered twice as long to be compressed and written.
constexpr unsigned kRestUs = 50;

unsigned number_option(const Services& services, Bytes name, unsigned standard) {
  const auto text = services.configuration.value(name);
  const auto number = text ? parse_int64(*text) : std::nullopt;
  return number ? static_cast<unsigned>(std::max<int64_t>(*number, 0)) : standard;
}

}  // namespace

unsigned wanted_rdb_version(const Services& services) {
  return number_option(services, "rdb-version", kRdbVersion);
}

unsigned wanted_key_delay(const Services& services) {
  return number_option(services, "rdb-key-save-delay", 0);
}

std::unique_ptr<Snapshot> Snapshot::begin(Services& services, const SnapshotOptions& options,
                                          const std::function<void(SnapshotOptions&)>& at_point) {
  std::unique_ptr<Snapshot> snapshot(new Snapshot(services, options));
  StoreSnapshotOptions walk{
      .format = {.version = options.version, .compress = options.compress},
      .version_with_times = options.version_with_times,
      .on_full = options.on_full,
      .buffer_bytes_max = options.buffer_bytes_max,
      .key_delay_us = options.key_delay_us,
      .rest_us = options.in_background ? kRestUs : 0,
      .lend = {}};
  if (options.in_background) {
    const auto turns = std::make_shared<WorkerTurns>(services.workers);
    walk.lend = [turns](const std::function<bool()>& piece) { return turns->run(piece); };
  }
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
  std::move(options_.facts.begin(), options_.facts.end(), std::back_inserter(facts));
  out.begin(walk_->version(), facts);
  facts.clear();
  for (const std::string& code : functions_) out.function(code);
  if (options_.parts.keys && !walk_->write_keys(out)) return false;
  return out.finish();
}

}  // namespace larder
