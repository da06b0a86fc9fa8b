// larder-load: the same load for servers of either protocol, RESP or memcached's text, from one
// thread. Prints one JSON object. tests/bench/compare runs it; people use larder-bench.
//
//   idle connection -> a batch of `pipeline` requests in one write -> replies counted -> idle
//
// With --rate the batches start on a schedule, and latency counts from the scheduled start: a
// server that stalls is charged for the requests that could not be sent meanwhile.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "tests/bench/latencies.h"

namespace larder {
namespace {

struct LoadOptions {
  uint16_t port = 6379;
  bool memcached = false;
  unsigned connections = 50;
  unsigned pipeline = 1;
  uint64_t keys = 1'000'000;
  unsigned value_bytes = 64;
  double set_share = 0;      // of requests that are SET
  bool fill = false;         // SET every key once, in order
  unsigned ttl_ms_min = 0;   // with a maximum: SETs get an expiry in between
  unsigned ttl_ms_max = 0;
  double seconds = 2;
  double rate = 0;           // requests per second, 0: as fast as it goes
  uint64_t slow_us = 5000;   // replies slower than this are counted
};

// Finds the end of replies in a stream. Bytes may arrive cut anywhere.
class ReplyCounter {
 public:
  explicit ReplyCounter(bool memcached) : memcached_(memcached) {}

  // Returns how many replies ended in `bytes`.
  unsigned feed(std::string_view bytes) {
    unsigned replies = 0;
    while (!bytes.empty()) {
      if (skip_ > 0) {
        const size_t now = std::min(skip_, bytes.size());
        bytes.remove_prefix(now);
        skip_ -= now;
        if (skip_ == 0 && !memcached_) ++replies;
        continue;
      }
      const size_t end = bytes.find('\n');
      line_ += bytes.substr(0, end);
      if (end == bytes.npos) break;
      bytes.remove_prefix(end + 1);
      replies += finish_line();
      line_.clear();
    }
    return replies;
  }

  uint64_t errors() const { return errors_; }
  uint64_t misses() const { return misses_; }

 private:
  unsigned finish_line() { return memcached_ ? finish_text() : finish_resp(); }

  unsigned finish_resp() {
    if (line_[0] == '-') ++errors_;
    if (line_[0] == '_') ++misses_;
    if (line_[0] != '$') return 1;
    long length = 0;
    std::from_chars(line_.data() + 1, line_.data() + line_.size(), length);
    if (length < 0) {
      ++misses_;
      return 1;
    }
    skip_ = static_cast<size_t>(length) + 2;
    return 0;
  }

  // VALUE key flags bytes, the data, END; END alone is a miss.
  unsigned finish_text() {
    if (line_.starts_with("VALUE ")) {
      const size_t space = line_.rfind(' ');
      std::from_chars(line_.data() + space + 1, line_.data() + line_.size(), skip_);
      skip_ += 2;
      found_ = true;
      return 0;
    }
    if (line_.starts_with("END") && !found_) ++misses_;
    if (line_.find("ERROR") != line_.npos) ++errors_;
    found_ = false;
    return 1;
  }

  const bool memcached_;
  size_t skip_ = 0;
  std::string line_;
  bool found_ = false;
  uint64_t errors_ = 0;
  uint64_t misses_ = 0;
};

struct Client {
  int fd = -1;
  ReplyCounter replies;
  unsigned outstanding = 0;
  int64_t start_us = 0;
};

class Load {
 public:
  explicit Load(const LoadOptions& options)
      : options_(options), random_(1), value_(options.value_bytes, 'x') {}

  // False when the server cannot be reached or hangs up.
  bool run() {
    if (!connect_all()) return false;
    const int64_t start_us = steady_us();
    const int64_t end_us = start_us + static_cast<int64_t>(options_.seconds * 1e6);
    next_start_us_ = static_cast<double>(start_us);
    while (true) {
      const int64_t now = steady_us();
      const bool over = options_.fill ? sent_ >= options_.keys : now >= end_us;
      if (over && idle_.size() == clients_.size()) break;
      if (!over) start_batches(now);
      if (!receive()) return false;
    }
    elapsed_s_ = static_cast<double>(steady_us() - start_us) / 1e6;
    return true;
  }

  void print() const {
    uint64_t errors = 0, misses = 0;
    for (const Client& client : clients_) {
      errors += client.replies.errors();
      misses += client.replies.misses();
    }
    const auto percentile = [&](double share) {
      return static_cast<unsigned long long>(latencies_.percentile_us(share));
    };
    std::printf(
        "{\"ops\": %llu, \"seconds\": %.3f, \"ops_per_s\": %.0f, \"p50_us\": %llu, "
        "\"p99_us\": %llu, \"p999_us\": %llu, \"max_us\": %llu, \"slow\": %llu, "
        "\"errors\": %llu, \"misses\": %llu}\n",
        static_cast<unsigned long long>(latencies_.total()), elapsed_s_,
        static_cast<double>(latencies_.total()) / elapsed_s_, percentile(0.5), percentile(0.99),
        percentile(0.999), static_cast<unsigned long long>(latencies_.max_us()),
        static_cast<unsigned long long>(slow_), static_cast<unsigned long long>(errors),
        static_cast<unsigned long long>(misses));
  }

 private:
  bool connect_all() {
    poll_ = ::epoll_create1(0);
    for (unsigned i = 0; i < options_.connections; ++i) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(options_.port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      clients_.push_back({fd, ReplyCounter(options_.memcached)});
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = i;
      ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
      idle_.push_back(i);
    }
    return true;
  }

  void start_batches(int64_t now_us) {
    while (!idle_.empty()) {
      int64_t start_us = now_us;
      if (options_.rate > 0) {
        if (next_start_us_ > static_cast<double>(now_us)) return;
        start_us = static_cast<int64_t>(next_start_us_);
        next_start_us_ += 1e6 * options_.pipeline / options_.rate;
      }
      if (options_.fill && sent_ >= options_.keys) return;
      Client& client = clients_[idle_.front()];
      idle_.pop_front();
      send_batch(client, start_us);
    }
  }

  void send_batch(Client& client, int64_t start_us) {
    batch_.clear();
    while (client.outstanding < options_.pipeline) {
      if (options_.fill && sent_ >= options_.keys) break;
      add_request();
      ++client.outstanding;
      ++sent_;
    }
    client.start_us = start_us;
    std::string_view left = batch_;
    while (!left.empty()) {
      const ssize_t sent = ::send(client.fd, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // seen again by receive()
      left.remove_prefix(static_cast<size_t>(sent));
    }
  }

  void add_request() {
    const uint64_t number = options_.fill ? sent_ : random_.below(options_.keys);
    char key[32];
    const int key_bytes = std::snprintf(key, sizeof key, "key:%07llu",
                                        static_cast<unsigned long long>(number));
    const std::string_view name(key, static_cast<size_t>(key_bytes));
    const bool set = options_.fill || (options_.set_share > 0 &&
                                       static_cast<double>(random_.next() >> 11) * 0x1p-53 <
                                           options_.set_share);
    if (options_.memcached) {
      add_text(set, name);
    } else {
      add_resp(set, name);
    }
  }

  void add_text(bool set, std::string_view key) {
    batch_ += set ? "set " : "get ";
    batch_ += key;
    if (set) {
      const unsigned seconds = ttl_ms() / 1000;
      batch_ += " 0 " + std::to_string(seconds) + " " + std::to_string(value_.size()) + "\r\n";
      batch_ += value_;
    }
    batch_ += "\r\n";
  }

  void add_resp(bool set, std::string_view key) {
    const unsigned ttl = set ? ttl_ms() : 0;
    batch_ += set ? (ttl > 0 ? "*5\r\n$3\r\nSET\r\n" : "*3\r\n$3\r\nSET\r\n")
                  : "*2\r\n$3\r\nGET\r\n";
    add_bulk(key);
    if (!set) return;
    add_bulk(value_);
    if (ttl == 0) return;
    add_bulk("PX");
    add_bulk(std::to_string(ttl));
  }

  void add_bulk(std::string_view bytes) {
    batch_ += '$';
    batch_ += std::to_string(bytes.size());
    batch_ += "\r\n";
    batch_ += bytes;
    batch_ += "\r\n";
  }

  unsigned ttl_ms() {
    if (options_.ttl_ms_max == 0) return 0;
    const unsigned span = options_.ttl_ms_max - options_.ttl_ms_min + 1;
    return options_.ttl_ms_min + static_cast<unsigned>(random_.below(span));
  }

  bool receive() {
    epoll_event events[64];
    const int ready = ::epoll_wait(poll_, events, 64, options_.rate > 0 ? 0 : 100);
    for (int i = 0; i < ready; ++i) {
      if (!receive_from(events[i].data.u32)) return false;
    }
    return true;
  }

  bool receive_from(unsigned index) {
    Client& client = clients_[index];
    const ssize_t bytes = ::recv(client.fd, buffer_, sizeof buffer_, MSG_DONTWAIT);
    if (bytes <= 0) return bytes < 0 && errno == EAGAIN;
    const unsigned replies = client.replies.feed({buffer_, static_cast<size_t>(bytes)});
    const auto us = static_cast<uint64_t>(std::max<int64_t>(steady_us() - client.start_us, 0));
    latencies_.add(us, replies);
    if (us > options_.slow_us) slow_ += replies;
    client.outstanding -= std::min(replies, client.outstanding);
    if (client.outstanding == 0 && replies > 0) idle_.push_back(index);
    return true;
  }

  const LoadOptions options_;
  Random random_;
  const std::string value_;
  std::vector<Client> clients_;
  std::deque<unsigned> idle_;
  int poll_ = -1;
  std::string batch_;
  char buffer_[256 * 1024];
  uint64_t sent_ = 0;
  double next_start_us_ = 0;
  double elapsed_s_ = 0;
  uint64_t slow_ = 0;
  Latencies latencies_;
};

}  // namespace
}  // namespace larder

int main(int argc, char** argv) {
  larder::LoadOptions options;
  CLI::App app("A load for RESP and memcached servers on 127.0.0.1");
  app.add_option("--port", options.port);
  app.add_flag("--memcached", options.memcached, "speak memcached's text protocol");
  app.add_option("--connections", options.connections);
  app.add_option("--pipeline", options.pipeline);
  app.add_option("--keys", options.keys);
  app.add_option("--value-bytes", options.value_bytes);
  app.add_option("--set-share", options.set_share, "share of requests that are SET, 0 to 1");
  app.add_flag("--fill", options.fill, "SET every key once instead");
  app.add_option("--ttl-ms-min", options.ttl_ms_min);
  app.add_option("--ttl-ms-max", options.ttl_ms_max, "SETs get an expiry between the two");
  app.add_option("--seconds", options.seconds);
  app.add_option("--rate", options.rate, "requests per second, 0: as many as possible");
  app.add_option("--slow-us", options.slow_us, "count replies slower than this");
  CLI11_PARSE(app, argc, argv);
  const auto load = std::make_unique<larder::Load>(options);
  if (!load->run()) {
    std::fprintf(stderr, "larder-load: no connection to port %u\n", options.port);
    return 1;
  }
  load->print();
}
