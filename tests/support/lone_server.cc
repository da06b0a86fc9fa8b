#include "tests/support/lone_server.h"

#include <array>
#include <utility>

#include "base/check.h"
#include "storage/prefetch_list.h"

namespace larder {

// The client behind the session. It keeps what it is told without asking.
class LoneServer::LoneClient : public ClientView {
 public:
  explicit LoneClient(Session& session) : session_(session) {}

  Session& session() override { return session_; }
  size_t query_bytes() const override { return 0; }
  size_t query_capacity() const override { return 0; }
  size_t output_bytes() const override { return 0; }
  size_t reply_buffer_bytes() const override { return 0; }
  size_t reply_peak_bytes() const override { return 0; }
  size_t argument_bytes() const override { return 0; }
  size_t memory_bytes() const override { return 0; }
  void kill(bool) override {}
  bool unblock(const char*) override { return false; }
  void send(Bytes) override {}
  void push(Bytes head, Bytes tail, const std::shared_ptr<const void>&) override {
    told.append(1, session_.protocol >= 3 ? '>' : '*').append(head).append(tail);
  }

  std::string told;

 private:
  Session& session_;
};

// One worker with that client: what is asked of all clients is done when it was asked.
class LoneServer::LoneWorker : public Workers, public ClientsOfWorker {
 public:
  LoneWorker(WorkerStats& stats, Session& session) : stats_(stats), client_(session) {}

  size_t count() const override { return 1; }
  WorkerStats& stats(size_t) override { return stats_; }
  WorkerStats& stats() override { return stats_; }
  void each(const std::function<void(ClientView&)>& visit) override { visit(client_); }
  void visit_all(size_t, std::function<void(ClientsOfWorker&)> visit,
                 std::function<void()> done) override {
    visit(*this);
    if (done) done();
  }
  void visit(size_t, std::function<void(ClientsOfWorker&)> visit) override { visit(*this); }
  ClientView* find(uint64_t id) override {
    return id == client_.session().id ? &client_ : nullptr;
  }
  void flush_pushes() override {}
  void serve_others() override {
    if (long_script) long_script();
  }
  void retry_postponed() override {}

  std::string take_told() { return std::exchange(client_.told, {}); }

  std::function<void()> long_script;

 private:
  WorkerStats& stats_;
  LoneClient client_;
};

class LoneServer::NoOptions : public Configuration {
 public:
  std::optional<std::string> value(Bytes) const override { return {}; }
  std::vector<std::pair<std::string, std::string>> matching(Bytes) const override { return {}; }
  std::string set(const std::vector<Assignment>&, bool) override { return {}; }
  void rewrite_all() override {}
  std::string rewrite() override { return {}; }
  std::string file() const override { return {}; }
};

class LoneServer::InlineReclaimer : public Reclaimer {
 public:
  void reclaim(GarbageList) override {}
};

namespace {

class NoWaker : public Waker {
 public:
  void wake() override {}
};

}  // namespace

LoneServer::LoneServer(const std::function<void(Registry&)>& add_commands,
                       const LoneServerOptions& options)
    : reclaimer_(std::make_unique<InlineReclaimer>()),
      listeners_(1, options.shard_bits),
      store_({.shard_bits = options.shard_bits,
              .databases = options.databases,
              .events = &listeners_,
              .reclaimer = reclaimer_.get()}) {
  add_commands(registry_);
  stats_ = std::make_unique<WorkerStats>(registry_.all().size());
  workers_ = std::make_unique<LoneWorker>(*stats_, session_);
  configuration_ = std::make_unique<NoOptions>();
  access_ = std::make_unique<AccessControl>(registry_);
  services_ = std::make_unique<Services>(
      Services{store_, registry_, settings_, *workers_, slow_log_, latency_, error_stats_, rates_,
               pause_, monitors_, listeners_, *configuration_, script_, scripts_, *access_, now_ms,
               "lone"});
  worker_ = {0, workers_.get(), stats_.get(), &random_};
  PushQueues::enter_worker(0);
  listeners_.pushes.connect(*workers_);
  listeners_.tracking.connect(store_);
  access_->begin(session_);
  waker_ = std::make_shared<NoWaker>();
  dispatcher_ = std::make_unique<Dispatcher>(*services_, worker_);
}

LoneServer::~LoneServer() = default;

void LoneServer::end_long_scripts() {
  workers_->long_script = [this] { script_.stop(); };
}

std::string LoneServer::take_pushes() {
  listeners_.pushes.deliver(*workers_);
  return workers_->take_told();
}

void LoneServer::prefetch(std::span<const Request> requests) {
  BucketList buckets;
  dispatcher_->look_ahead(requests, session_, buckets);
  buckets.fetch();
  EntryList entries;
  dispatcher_->look_ahead(requests, session_, entries);
  entries.fetch();
}

std::string LoneServer::ask(const std::vector<std::string>& words) {
  const std::vector<Bytes> views(words.begin(), words.end());
  return ask(views);
}

std::string LoneServer::ask(std::span<const Bytes> words) {
  Request request;
  request.args = words;
  dispatcher_->prepare(request);
  prefetch({&request, 1});
  dispatcher_->start_clock();
  Output output;
  ReplyWriter reply(output, session_.protocol);
  outcome_ = session_.stream == nullptr
                 ? dispatcher_->run(request, session_, reply, now_ms, waker_)
                 : dispatcher_->run_stream(request, session_, reply, now_ms, waker_);
  if (outcome_ == Dispatcher::Outcome::task) finish_task(reply);
  std::string text;
  while (!output.empty()) {
    std::array<Bytes, 16> pieces;
    const size_t count = output.gather(pieces.data(), pieces.size());
    for (size_t i = 0; i < count; ++i) {
      text += pieces[i];
      output.consume(pieces[i].size());
    }
  }
  return text;
}

// A task that waits is asked again at the time it wants, or is told that nothing came.
void LoneServer::finish_task(ReplyWriter& reply) {
  const std::unique_ptr<Task> task = dispatcher_->take_task();
  while (true) {
    const Task::Progress progress = task->step(reply, now_ms);
    if (progress == Task::Progress::done) return;
    if (progress == Task::Progress::again) continue;
    if (task->wake_ms() == INT64_MAX) {
      task->unblock(reply, nullptr);
      return;
    }
    now_ms = std::max(now_ms, task->wake_ms());
  }
}

}  // namespace larder
