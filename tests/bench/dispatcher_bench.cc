// The request path without sockets: parser, dispatcher, store. Runs a fixed number of GETs or SETs
// of 11-byte keys and 64-byte values in batches of 16, always the same ones; the guard counts the
// instructions of run_measured() with callgrind and compares them with instructions.json.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "protocol/output.h"
#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "server/admin/all_commands.h"
#include "server/commands/activity.h"
#include "server/commands/dispatcher.h"
#include "server/commands/listeners.h"
#include "server/commands/registry.h"
#include "storage/store.h"

namespace larder {
namespace {

constexpr unsigned kKeys = 20'000;
constexpr unsigned kBatch = 16;

// No network and no options: neither GET nor SET asks for them.
class NoWorkers : public Workers {
 public:
  explicit NoWorkers(WorkerStats& stats) : stats_(stats) {}
  size_t count() const override { return 1; }
  WorkerStats& stats(size_t) override { return stats_; }
  void visit_all(size_t, std::function<void(ClientsOfWorker&)>, std::function<void()>) override {}
  void visit(size_t, std::function<void(ClientsOfWorker&)>) override {}
  void request_stop() override {}

 private:
  WorkerStats& stats_;
};

class NoConfiguration : public Configuration {
 public:
  std::optional<std::string> value(Bytes) const override { return {}; }
  std::vector<std::pair<std::string, std::string>> matching(Bytes) const override { return {}; }
  std::string set(const std::vector<Assignment>&, bool) override { return {}; }
  void rewrite_all() override {}
  std::string rewrite() override { return {}; }
  std::string file() const override { return {}; }
};

class InlineReclaimer : public Reclaimer {
 public:
  void reclaim(GarbageList) override {}
};

Registry all_commands() {
  Registry registry;
  add_all_commands(registry);
  return registry;
}

class Bench {
 public:
  Bench() : stats_(registry_.all().size()), workers_(stats_) {
    context_ = {0, nullptr, &stats_, &random_};
    dispatcher_ = std::make_unique<Dispatcher>(services_, context_);
    session_.authenticated = true;
    (void)ticks_to_ns(1);  // calibrates the clock outside what is measured
  }

  // Requests of `verb` for keys in a fixed, scattered order, cut into batches.
  static std::vector<std::string> batches(bool set, unsigned requests) {
    std::vector<std::string> all;
    for (unsigned i = 0; i < requests; ++i) {
      if (i % kBatch == 0) all.emplace_back();
      char key[16];
      std::snprintf(key, sizeof key, "key:%07u", i * 7919U % kKeys);
      all.back() += set ? "*3\r\n$3\r\nSET\r\n$11\r\n" : "*2\r\n$3\r\nGET\r\n$11\r\n";
      all.back() += key;
      all.back() += "\r\n";
      if (set) all.back() += "$64\r\n" + std::string(64, 'v') + "\r\n";
    }
    return all;
  }

  void run(const std::vector<std::string>& batches) {
    for (const std::string& bytes : batches) run_batch(bytes);
  }

 private:
  void run_batch(const std::string& bytes) {
    parser_.start_batch();
    parser_.moved(nullptr, parser_.position(), nullptr);
    const RequestLimits limits{512LL * 1024 * 1024, true};
    Request requests[kBatch];
    size_t first[kBatch], count[kBatch], size = 0;
    while (size < kBatch && parser_.next(bytes, limits) == RequestParser::Outcome::request) {
      first[size] = parser_.first_arg();
      count[size++] = parser_.args().size();
    }
    for (size_t i = 0; i < size; ++i) {
      requests[i].args = parser_.args_of(first[i], count[i]);
      dispatcher_->prepare(requests[i]);
    }
    for (size_t i = 0; i < size; ++i) dispatcher_->prefetch_bucket(requests[i], session_);
    for (size_t i = 0; i < size; ++i) dispatcher_->prefetch_entry(requests[i], session_);
    for (size_t i = 0; i < size; ++i) {
      dispatcher_->run(requests[i], session_, reply_, kNowMs, nullptr);
    }
    output_.clear();
  }

  static constexpr int64_t kNowMs = 1'700'000'000'000;

  InlineReclaimer reclaimer_;
  Store store_{{.shard_bits = 4, .databases = 1, .reclaimer = &reclaimer_}};
  Registry registry_ = all_commands();
  LiveSettings settings_;
  SlowLog slow_log_;
  LatencyMonitor latency_;
  ErrorStats error_stats_;
  Rates rates_;
  PauseState pause_;
  std::atomic<unsigned> monitors_{0};
  Listeners listeners_{1, 4};
  WorkerStats stats_;
  NoWorkers workers_;
  NoConfiguration configuration_;
  Services services_{store_,       registry_, settings_, workers_, slow_log_,      latency_,
                     error_stats_, rates_,    pause_,    monitors_, listeners_, configuration_, 0,
                     "bench"};
  Random random_{1};
  WorkerContext context_;
  Session session_;
  RequestParser parser_;
  Output output_;
  ReplyWriter reply_{output_, 2};
  std::unique_ptr<Dispatcher> dispatcher_;
};

}  // namespace

// Known by name to callgrind's --toggle-collect.
__attribute__((noinline)) void run_measured(const std::function<void()>& work) { work(); }

}  // namespace larder

int main(int argc, char** argv) {
  bool set = false;
  unsigned operations = 32'000;
  CLI::App app("The request path without sockets");
  app.add_flag("--set", set, "SET instead of GET");
  app.add_option("--operations", operations);
  CLI11_PARSE(app, argc, argv);
  larder::seed_hash(1);
  const auto bench = std::make_unique<larder::Bench>();
  bench->run(larder::Bench::batches(true, larder::kKeys));
  const auto batches = larder::Bench::batches(set, operations);
  bench->run(batches);  // buffers reach their size
  const int64_t start_ns = larder::steady_ns();
  larder::run_measured([&] { bench->run(batches); });
  std::printf("%.1f ns per operation\n",
              static_cast<double>(larder::steady_ns() - start_ns) / operations);
}
