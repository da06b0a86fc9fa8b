// The request path without sockets: parser, dispatcher, store. Runs a fixed number of GETs or SETs
// of 11-byte keys and 64-byte values in batches of 16, always the same ones; the guard counts the
// instructions of run_measured() with callgrind and compares them with instructions.json.
//
// --grow KEYS measures the longest SET while a store grows instead, see growth.h; it fails when one
// took more than kGrowthNsMax in each of three rounds: the store's own work takes as long every
// time, but what a virtual machine's host takes counts as the thread's time, too.
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
#include "tests/bench/growth.h"
#include "tests/support/lone_server.h"

namespace larder {
namespace {

constexpr unsigned kKeys = 20'000;
constexpr int kGrowthRounds = 3;
constexpr unsigned kBatch = 16;

class Bench {
 public:
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
      dispatcher_.prepare(requests[i]);
    }
    server_.prefetch({requests, size});
    dispatcher_.start_clock();
    for (size_t i = 0; i < size; ++i) {
      dispatcher_.run(requests[i], session_, reply_, server_.now_ms, no_waker_);
    }
    output_.clear();
  }

  LoneServer server_{add_all_commands, {.databases = 1}};
  Dispatcher& dispatcher_ = server_.dispatcher();
  Session& session_ = server_.session();
  RequestParser parser_;
  Output output_;
  ReplyWriter reply_{output_, 2};
  const std::shared_ptr<Waker> no_waker_;
};

bool grows_smoothly(unsigned keys) {
  for (int round = 0; round < kGrowthRounds; ++round) {
    if (grow(keys) <= kGrowthNsMax) return true;
  }
  return false;
}

}  // namespace

// Known by name to callgrind's --toggle-collect.
__attribute__((noinline)) void run_measured(const std::function<void()>& work) { work(); }

}  // namespace larder

int main(int argc, char** argv) {
  bool set = false;
  unsigned operations = 32'000;
  unsigned grown = 0;
  CLI::App app("The request path without sockets");
  app.add_flag("--set", set, "SET instead of GET");
  app.add_option("--operations", operations);
  app.add_option("--grow", grown, "KEYS");
  CLI11_PARSE(app, argc, argv);
  larder::seed_hash(1);
  if (grown > 0) return larder::grows_smoothly(grown) ? 0 : 1;
  const auto bench = std::make_unique<larder::Bench>();
  bench->run(larder::Bench::batches(true, larder::kKeys));
  const auto batches = larder::Bench::batches(set, operations);
  bench->run(batches);  // buffers reach their size
  const int64_t start_ns = larder::steady_ns();
  larder::run_measured([&] { bench->run(batches); });
  std::printf("%.1f ns per operation\n",
              static_cast<double>(larder::steady_ns() - start_ns) / operations);
}
