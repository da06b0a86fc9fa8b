#include "client/bench/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "base/numbers.h"
#include "base/version.h"
#include "client/bench/help.h"
#include "client/tls_flags.h"

namespace larder::bench {
namespace {

constexpr const char* kAbout = R"(Loads a Redis-protocol server and measures it.
Ends with 1 when requests were answered by errors.

Examples:
  larder-bench --fill                           10 s of 1 SET to 10 GETs over a million keys,
                                                each of them stored once before
  larder-bench -c 200 -t 4 -P 16 --ratio 0:1 --fill --key-distribution zipf:0.99
                                                GETs, 16 at a time, a few keys much more often
  larder-bench --rate 20000 --seconds 60        at a steady rate: the latencies that users see
  larder-bench --command 'INCR __key__:3, LPUSH list:__key__ __data__:1'
  larder-bench --fill --compare 127.0.0.1:6380  two servers in turn, and their ratios
  larder-bench --replay trace.csv.gz -c 1       what the server's cache would have missed
)";

constexpr const char* kPlaces =
    "Commands with weights, instead of --ratio: 'SET __key__ __data__:3, GET __key__:7'. "
    "Filled in anew each time: __key__ (also inside a word), __data__ (the key's value), "
    "__ttl__ (seconds of --ttl), __pttl__ (its milliseconds), __number__ (below --keys). "
    "Quotes keep commas and colons";

// Holds what is a text on the command line and something else afterwards.
struct Texts {
  std::string ratio = "1:10";
  std::string command;
  std::string key_distribution = "uniform";
  std::string data_bytes = "64";
  std::string data_distribution = "uniform";
  std::string ttl;
  std::string compare;
  int resp = 2;
  TlsFlags tls;
};

// Most connections: as many as a server's default `maxclients` takes.
constexpr unsigned kConnectionsMax = 10'000;
constexpr double kDayS = 86'400;

template <typename T>
T get_or_complain(const char* option, Result<T, std::string> parsed) {
  if (parsed) return std::move(*parsed);
  throw CLI::ValidationError(option, parsed.error());
}

// nan passes CLI's own range check.
CLI::Validator between(double least, double most) {
  const std::string range = CLI::detail::to_string(least) + " to " + CLI::detail::to_string(most);
  return {[=](std::string& text) -> std::string {
            const auto number = parse_double(text);
            if (number && *number >= least && *number <= most) return {};
            return "'" + text + "' is not from " + range;
          },
          range};
}

CLI::Validator not_empty() {
  return {[](std::string& text) -> std::string { return text.empty() ? "it is empty" : ""; }, ""};
}

void add_server_options(CLI::App& app, BenchOptions& options, Texts& texts) {
  const char* const group = "Server";
  app.add_option("-H,--host", options.endpoint.host, "name or address")
      ->type_name("NAME")
      ->group(group);
  app.add_option("-p,--port", options.endpoint.port, "TCP port")
      ->check(between(1, 65535))
      ->type_name("N")
      ->group(group);
  app.add_option("-s,--socket", options.endpoint.unix_path, "unix socket instead of TCP")
      ->type_name("PATH")
      ->group(group);
  app.add_option("-u,--user", options.identity.user, "user name [default]")
      ->type_name("NAME")
      ->group(group);
  app.add_option("-a,--password", options.identity.password,
                 "password (or LARDER_REQUIREPASS of the environment)")
      ->type_name("TEXT")
      ->group(group);
  app.add_option("--db", options.identity.database, "database")
      ->check(between(0, 1e6))
      ->type_name("N")
      ->group(group);
  app.add_option("--resp", texts.resp, "protocol version")
      ->check(CLI::IsMember({2, 3}))
      ->type_name("N")
      ->group(group);
  app.add_flag("--memcached", options.memcached, "speak memcached's text protocol (--ratio only)")
      ->group(group);
  app.add_option("--timeout", options.timeout_s, "give up after so many seconds without a reply")
      ->check(between(0.1, kDayS))
      ->type_name("SECONDS")
      ->group(group);
}

void add_load_options(CLI::App& app, BenchOptions& options, Texts& texts) {
  const char* const group = "Load";
  app.add_option("-c,--connections", options.connections, "connections, of all threads together")
      ->check(between(1, kConnectionsMax))
      ->type_name("N")
      ->group(group);
  app.add_option("-t,--threads", options.threads, "threads")
      ->check(between(1, 256))
      ->type_name("N")
      ->group(group);
  app.add_option("-P,--pipeline", options.pipeline,
                 "requests that a connection sends before it waits for their replies")
      ->check(between(1, 100'000))
      ->type_name("N")
      ->group(group);
  app.add_flag("--multi", options.multi,
               "send each batch of --pipeline requests as a transaction. MULTI and EXEC count as "
               "requests, errors within EXEC's reply do not")
      ->group(group);
  app.add_option("--rate", options.requests_per_s,
                 "requests per second of all threads together; 0: as many as possible. Latency "
                 "then counts from when a request was due")
      ->check(between(0, 1e9))
      ->type_name("N")
      ->group(group);
  auto* ratio =
      app.add_option("--ratio", texts.ratio, "SETs to GETs")->type_name("RATIO")->group(group);
  app.add_option("--command", texts.command, kPlaces)
      ->excludes(ratio)
      ->check(not_empty())
      ->type_name("COMMANDS")
      ->group(group);
  app.add_option("--replay", options.replay,
                 "instead of a mix: lines of key[,size[,ttl]], plain or gzip; each is a GET, and "
                 "what is missing is SET. Once to its end, or up to -n lines and --seconds")
      ->excludes("--ratio")
      ->excludes("--command")
      ->excludes("--multi")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--seed", options.seed, "repeats the random choices of an earlier run")
      ->default_str("")
      ->type_name("N")
      ->group(group);
}

void add_data_options(CLI::App& app, BenchOptions& options, Texts& texts) {
  const char* const group = "Keys and values";
  app.add_option("--keys", options.keys, "how many keys there are")
      ->check(between(1, 1e12))
      ->type_name("N")
      ->group(group);
  app.add_option("--key-prefix", options.names.prefix, "what key names begin with")
      ->type_name("TEXT")
      ->group(group);
  app.add_option("--key-first", options.names.first, "number of the first key")
      ->check(between(0, 1e15))
      ->type_name("N")
      ->group(group);
  app.add_option("--key-digits", options.names.digits,
                 "digits of key names (default: as many as the last one needs)")
      ->check(between(1, 20))
      ->default_str("")
      ->type_name("N")
      ->group(group);
  app.add_option("--key-distribution", texts.key_distribution,
                 "uniform, zipf, zipf:EXPONENT (the first key is the most frequent), sequential")
      ->type_name("NAME")
      ->group(group);
  app.add_option("-d,--data-bytes", texts.data_bytes, "size of values: 64 or 16-4096")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--data-distribution", texts.data_distribution,
                 "of sizes: uniform, zipf or zipf:EXPONENT (the smallest is the most frequent)")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--ttl", texts.ttl, "expiry of SETs, seconds: 60 or 0.5-2.5 (default: none)")
      ->type_name("SECONDS")
      ->group(group);
}

void add_length_options(CLI::App& app, BenchOptions& options) {
  const char* const group = "Length";
  app.add_flag("--fill", options.fill, "first SET every key once, which is not measured")
      ->group(group);
  app.add_option("--warm-up", options.warm_up_s, "seconds of load before measuring")
      ->check(between(0, kDayS))
      ->type_name("SECONDS")
      ->group(group);
  app.add_option("--seconds", options.seconds, "end after so many (default: 10, without -n)")
      ->check(between(0.01, kDayS))
      ->default_str("")
      ->type_name("SECONDS")
      ->group(group);
  app.add_option("-n,--requests", options.requests, "end after so many")
      ->check(between(1, 1e15))
      ->default_str("")
      ->type_name("N")
      ->group(group);
}

void add_result_options(CLI::App& app, BenchOptions& options, Texts& texts) {
  const char* const group = "Result";
  app.add_flag("--verify", options.verify,
               "check that each GET of a key answers what SETs of it store; ends with 1 if not")
      ->group(group);
  app.add_option("--slow-ms", options.slow_ms, "count replies slower than this")
      ->check(between(0, 1e5))
      ->type_name("MS")
      ->group(group);
  app.add_flag("--json", options.json, "print JSON instead of text")->group(group);
  app.add_option(
         "--compare", texts.compare,
         "HOST:PORT or /SOCKET of a second server: both are loaded in turn, --seconds or -n "
         "each time")
      ->type_name("SERVER")
      ->group(group);
  app.add_option("--rounds", options.rounds, "turns of --compare; the median of them counts")
      ->check(between(1, 1000))
      ->type_name("N")
      ->group(group);
}

// What the texts mean, and what does not go together.
void finish(BenchOptions& options, const Texts& texts) {
  options.ttl = texts.ttl.empty() ? TtlRange{} : get_or_complain("--ttl", parse_ttl(texts.ttl));
  options.mix = texts.command.empty()
                    ? get_or_complain("--ratio", parse_ratio(texts.ratio, options.ttl.last_ms > 0))
                    : get_or_complain("--command", parse_commands(texts.command));
  options.key_distribution =
      get_or_complain("--key-distribution", parse_distribution(texts.key_distribution));
  options.data_bytes = get_or_complain("--data-bytes", parse_size_range(texts.data_bytes));
  options.data_distribution =
      get_or_complain("--data-distribution", parse_distribution(texts.data_distribution));
  if (options.data_distribution.kind == Distribution::Kind::sequential) {
    throw CLI::ValidationError("--data-distribution", "sizes have no sequence");
  }
  options.endpoint.tls = get_or_complain("--tls", texts.tls.context());
  if (!texts.compare.empty()) {
    options.compare = get_or_complain("--compare", parse_endpoint(texts.compare));
    options.compare->tls = options.endpoint.tls;
  }
  options.identity.resp3 = texts.resp == 3;
  const char* const password = std::getenv("LARDER_REQUIREPASS");
  if (options.identity.password.empty() && password != nullptr) {
    options.identity.password = password;
  }
  const unsigned digits = digits_of(options.names.first + options.keys - 1);
  options.names.digits = std::max(options.names.digits, digits);
  if (options.multi && (options.memcached || options.verify)) {
    throw CLI::ValidationError("--multi", "not with --memcached or --verify");
  }
  if (options.threads > options.connections) {
    throw CLI::ValidationError("--threads", "more threads than connections");
  }
  if (options.key_distribution.kind == Distribution::Kind::sequential &&
      options.threads > options.keys) {
    throw CLI::ValidationError("--threads", "more threads than keys");
  }
  if (options.replay.empty() && options.seconds == 0 && options.requests == 0) {
    options.seconds = 10;
  }
}

}  // namespace

Result<TtlRange, std::string> parse_ttl(Bytes text) {
  const size_t dash = text.find('-');
  const auto first = parse_double(text.substr(0, dash));
  const auto last = dash == Bytes::npos ? first : parse_double(text.substr(dash + 1));
  constexpr double kTtlSMax = 1e9;  // 31 years
  if (first && last && *first >= 0.001 && *first <= *last && *last <= kTtlSMax) {
    return TtlRange{static_cast<int64_t>(*first * 1000 + 0.5),
                    static_cast<int64_t>(*last * 1000 + 0.5)};
  }
  return "'" + std::string(text) + "' is no range of seconds: write 60 or 0.5-2.5";
}

std::optional<int> parse_options(int argc, const char* const* argv, BenchOptions& options) {
  CLI::App app(kAbout, "larder-bench");
  app.option_defaults()->always_capture_default();
  app.formatter(std::make_shared<HelpFormatter>());
  Texts texts;
  app.set_version_flag("-v,--version", "larder-bench " + std::string(kLarderVersion));
  add_server_options(app, options, texts);
  add_tls_flags(app, texts.tls);
  add_load_options(app, options, texts);
  add_data_options(app, options, texts);
  add_length_options(app, options);
  add_result_options(app, options, texts);
  try {
    app.parse(argc, argv);
    finish(options, texts);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 1;
  }
  return {};
}

}  // namespace larder::bench
