#include "client/bench/trace_workload.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <deque>
#include <unordered_map>
#include <utility>

#include "client/request.h"
#include "protocol/limits.h"
#include "trace/trace.h"

namespace larder::bench {
namespace {

constexpr uint32_t kGet = 0;
constexpr uint32_t kSet = 1;

struct Line {
  uint32_t key;    // its number
  uint32_t bytes;  // of its value
  uint32_t ttl_s;  // 0: none
};

class TraceWorkload : public Workload {
 public:
  TraceWorkload(const BenchOptions& options, std::vector<Line> lines, KeyNames names,
                const SizeRange& sizes)
      : options_(options), lines_(std::move(lines)), names_(std::move(names)), values_(sizes, {}) {}

  const std::vector<std::string>& command_names() const override { return command_names_; }
  std::unique_ptr<RequestSource> source(unsigned index, unsigned threads) const override;

  // The next line of the trace, null behind the last.
  const Line* take() const {
    const size_t at = next_.fetch_add(1, std::memory_order_relaxed);
    return at < lines_.size() ? &lines_[at] : nullptr;
  }
  const Line& line(uint64_t at) const { return lines_[at]; }
  uint64_t number_of(const Line& line) const { return static_cast<uint64_t>(&line - &lines_[0]); }

  void write_get(const Line& line, Output& out) const;
  void write_set(const Line& line, Output& out) const;
  bool matches(const Line& line, Bytes value) const;
  void start_again() const { next_.store(0, std::memory_order_relaxed); }

 private:
  std::string key_name(const Line& line) const {
    std::string name = names_.prefix + std::string(names_.digits, '0');
    names_.write_digits(line.key, name.data() + names_.prefix.size());
    return name;
  }

  const BenchOptions& options_;
  const std::vector<Line> lines_;
  const KeyNames names_;
  const Values values_;
  const std::vector<std::string> command_names_{"GET", "SET of what was missing"};
  mutable std::atomic<size_t> next_{0};
};

void TraceWorkload::write_get(const Line& line, Output& out) const {
  const std::string key = key_name(line);
  if (options_.memcached) return out.append("get " + key + "\r\n");
  std::string text;
  const Bytes words[] = {"GET", key};
  append_request(text, words);
  out.append(text);
}

void TraceWorkload::write_set(const Line& line, Output& out) const {
  const std::string key = key_name(line);
  const std::string bytes = std::to_string(line.bytes);
  const std::string ttl = std::to_string(line.ttl_s);
  std::string text;
  if (options_.memcached) {
    text = "set " + key + " 0 " + ttl + " " + bytes + "\r\n";
  } else {
    append_header(text, '*', line.ttl_s > 0 ? 5 : 3);
    append_argument(text, "SET");
    append_argument(text, key);
    append_header(text, '$', line.bytes);
  }
  out.append(text);
  values_.write(line.key, line.bytes, out.extend(line.bytes));
  out.append("\r\n");
  if (options_.memcached || line.ttl_s == 0) return;
  text.clear();
  append_argument(text, "EX");
  append_argument(text, ttl);
  out.append(text);
}

bool TraceWorkload::matches(const Line& line, Bytes value) const {
  std::string expected(value.size(), '\0');
  values_.write(line.key, value.size(), expected.data());
  return value == expected;
}

// Of one thread.
class TraceSource : public RequestSource {
 public:
  explicit TraceSource(const TraceWorkload& workload) : workload_(workload) {}

  bool next(Output& out, Ticket& ticket) override {
    if (!missing_.empty()) {
      ticket = {missing_.front(), kSet};
      missing_.pop_front();
      workload_.write_set(workload_.line(ticket.key), out);
      return true;
    }
    const Line* line = workload_.take();
    if (line == nullptr) return false;
    ticket = {workload_.number_of(*line), kGet};
    workload_.write_get(*line, out);
    return true;
  }
  bool expects(const Ticket& ticket, Bytes value) const override {
    return workload_.matches(workload_.line(ticket.key), value);
  }
  void answered(const Ticket& ticket, const Answer& answer) override {
    const bool missed = ticket.command == kGet && answer.kind == Answer::Kind::missing;
    if (missed) missing_.push_back(ticket.key);
  }

 private:
  const TraceWorkload& workload_;
  std::deque<uint64_t> missing_;  // lines whose key is to be SET
};

std::unique_ptr<RequestSource> TraceWorkload::source(unsigned index, unsigned) const {
  if (index == 0) start_again();
  return std::make_unique<TraceSource>(*this);
}

}  // namespace

MadeWorkload make_trace_workload(const BenchOptions& options) {
  Trace trace;
  std::string error = read_trace(options.replay, options.requests, trace);
  if (!error.empty()) return error;
  std::unordered_map<uint64_t, uint32_t> numbers;
  std::vector<Line> lines;
  lines.reserve(trace.requests.size());
  uint64_t bytes_max = options.data_bytes.last;
  for (const TracedRequest& request : trace.requests) {
    const auto number = static_cast<uint32_t>(numbers.size());
    const uint32_t key = numbers.emplace(request.hash, number).first->second;
    const auto bytes =
        trace.sized ? request.bytes : static_cast<uint32_t>(options.data_bytes.first);
    bytes_max = std::max<uint64_t>(bytes_max, bytes);
    lines.push_back({key, bytes, request.ttl_s});
  }
  if (bytes_max > static_cast<uint64_t>(RequestLimits{}.bulk_bytes_max)) {
    return options.replay + ": an object of " + std::to_string(bytes_max) +
           " bytes is larger than a server takes";
  }
  KeyNames names = options.names;
  names.digits = digits_of(names.first + numbers.size());
  return MadeWorkload(std::make_unique<TraceWorkload>(options, std::move(lines), std::move(names),
                                                      SizeRange{1, bytes_max}));
}

}  // namespace larder::bench
