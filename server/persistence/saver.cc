#include "server/persistence/saver.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <utility>

#include "base/clock.h"
#include "base/thread_name.h"
#include "server/engine/call.h"
#include "server/engine/replication.h"
#include "server/engine/version.h"
#include "server/persistence/eviction_facts.h"
#include "server/persistence/files.h"
#include "server/persistence/load.h"
#include "server/persistence/snapshot.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

// How often save points are looked at.
constexpr std::chrono::milliseconds kTick{100};
// After a save that failed, the next one at a save point waits this long, as in Redis.
constexpr int64_t kRetryMs = 5000;
// Between two tries to begin while somebody else's snapshot runs.
constexpr std::chrono::milliseconds kBeginRetry{20};

std::string seconds_text(int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f seconds", static_cast<double>(ms) / 1000);
  return text;
}

// Where the file is written before it takes its place.
std::string half_path(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1) + "temp-" + std::to_string(::getpid()) + ".rdb";
}

// Tells how many keys were written, for INFO, on the way to the file.
class CountingSink : public Sink {
 public:
  CountingSink(Sink& sink, std::function<void()> tell) : sink_(sink), tell_(std::move(tell)) {}
  bool write(Bytes bytes) override {
    tell_();
    return sink_.write(bytes);
  }

 private:
  Sink& sink_;
  std::function<void()> tell_;
};

}  // namespace

Saver::Saver(Services& services, Logs logs)
    : services_(services),
      logs_(std::move(logs)),
      checksum_(option("rdbchecksum") == "yes"),
      last_save_ms_(services.start_ms),
      saved_ms_(steady_ms()) {
  refresh();
}

// Where the file is, for who may not ask for options.
void Saver::refresh() {
  const std::string path = file_path();
  std::lock_guard lock(mutex_);
  path_ = path;
}

std::string Saver::known_path() const {
  std::lock_guard lock(mutex_);
  return path_;
}

Saver::~Saver() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    cut_locked();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  for (Errand& errand : errands_) errand.thread.join();
}

void Saver::run_aside(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  std::erase_if(errands_, [](Errand& errand) {
    if (!errand.over->load()) return false;
    errand.thread.join();
    return true;
  });
  auto over = std::make_shared<std::atomic<bool>>(false);
  errands_.push_back({std::thread([work = std::move(work), over] {
                        name_this_thread("migrate");
                        work();
                        over->store(true);
                      }),
                      over});
}

void Saver::start() {
  changes_saved_.store(total_changes());
  thread_ = std::thread([this] { run(); });
}

std::string Saver::option(Bytes name) const {
  return services_.configuration.value(name).value_or("");
}

// `dir` is where the program works. When somebody has removed that, opening the file tells.
std::string Saver::file_path() const {
  std::error_code removed;
  const std::string folder = std::filesystem::current_path(removed).string();
  return removed ? option("dbfilename") : folder + "/" + option("dbfilename");
}

bool Saver::is_loading() const { return (services_.settings.trouble.load() & kLoading) != 0; }

bool Saver::has_save_points() const { return !option("save").empty(); }

uint64_t Saver::total_changes() const {
  uint64_t total = 0;
  for (size_t i = 0; i < services_.workers.count(); ++i) {
    total += services_.workers.stats(i).changes.get();
  }
  return total;
}

void Saver::run() {
  name_this_thread("snapshot");
  std::unique_lock lock(mutex_);
  while (!ended_) {
    changed_.wait_for(lock, kTick, [this] { return ended_ || wanted_ || flushed_.load(); });
    if (ended_) return;
    lock.unlock();
    update_trouble();
    refresh();
    const bool reached = heed_flush() || save_point_reached();
    lock.lock();
    if (wanted_ || reached) {
      wanted_ = false;
      saving_.store(true);
      const std::vector<Done> waiting = std::exchange(waiting_, {});
      awaited_ = !waiting.empty();
      lock.unlock();
      const std::string error = save(waiting.empty());
      update_trouble();
      lock.lock();
      saving_.store(wanted_);
      lock.unlock();
      for (const Done& done : waiting) done(error);
      lock.lock();
    }
    if (flushes_waiting_.empty() || flushed_.load()) continue;
    lock.unlock();
    answer_flushes();
    lock.lock();
  }
}

bool Saver::start_save(bool schedule, Done done) {
  std::lock_guard lock(mutex_);
  if (saving_.load() && !schedule) return false;
  wanted_ = true;
  saving_.store(true);
  if (done) waiting_.push_back(std::move(done));
  changed_.notify_all();
  return true;
}

// "seconds changes [seconds changes ...]": one of them must be reached.
bool Saver::save_point_reached() const {
  const uint64_t changes = total_changes() - changes_saved_.load();
  if (changes == 0 || is_loading()) return false;
  const int64_t now_ms = steady_ms();
  if (!last_save_ok_.load() && now_ms - last_attempt_ms_.load() < kRetryMs) return false;
  const int64_t seconds = (now_ms - saved_ms_.load()) / 1000;
  std::istringstream points(option("save"));
  int64_t after_seconds = 0;
  uint64_t after_changes = 0;
  while (points >> after_seconds >> after_changes) {
    if (changes >= after_changes && seconds > after_seconds) return true;
  }
  return false;
}

void Saver::update_trouble() {
  const bool stop =
      !last_save_ok_.load() && option("stop-writes-on-bgsave-error") == "yes" && has_save_points();
  services_.settings.set_trouble(kSaveFailed, stop);
}

// After a FLUSHALL what was being saved is of no use. Who waits for the file gets the empty one.
std::string Saver::save(bool in_background) {
  const int64_t began_ms = steady_ms();
  began_ms_.store(began_ms);
  last_attempt_ms_.store(began_ms);
  Attempt attempt = write_file(file_path(), in_background);
  while (attempt.cut_short && (heed_flush() || goes_on(in_background))) {
    attempt = write_file(file_path(), in_background);
  }
  if (attempt.cut_short) {
    last_took_ms_.store(steady_ms() - began_ms);
    logs_.notice("Saving was given up: what it saved is of no use any more");
  } else {
    note_saved(attempt, began_ms, in_background);
  }
  began_ms_.store(0);
  return attempt.error;
}

bool Saver::goes_on(bool in_background) {
  std::lock_guard lock(mutex_);
  return !in_background && !ended_;
}

// Who waits for a save hears of a failure; the others do when writes are refused.
void Saver::note_saved(const Attempt& attempt, int64_t began_ms, bool in_background) {
  const int64_t took_ms = steady_ms() - began_ms;
  last_took_ms_.store(took_ms);
  const bool ok = attempt.error.empty();
  if (ok || in_background) last_save_ok_.store(ok);
  if (!ok) return logs_.warning("Saving failed: " + attempt.error);
  changes_saved_.store(attempt.changes);
  note_time();
  saves_.fetch_add(1);
  logs_.notice("Saved " + std::to_string(keys_written_.load()) + " keys in " +
               seconds_text(took_ms));
}

void Saver::note_time() {
  last_save_ms_.store(unix_ms());
  saved_ms_.store(steady_ms());
}

Saver::Attempt Saver::write_file(const std::string& path, bool in_background) {
  ReplacingFile file(path, half_path(path));
  Attempt attempt{.error = file.error()};
  if (!attempt.error.empty()) return attempt;
  SnapshotOptions options;
  options.version = wanted_rdb_version(services_);
  options.compress = option("rdbcompression") == "yes";
  options.checksum = checksum_;
  options.in_background = in_background;
  options.key_delay_us = wanted_key_delay(services_);
  options.facts = eviction_facts(services_);
  write_snapshot(file, options, attempt);
  return attempt;
}

// A FLUSHALL that comes when all is written is one after the save.
void Saver::write_snapshot(ReplacingFile& file, const SnapshotOptions& options, Attempt& attempt) {
  uint64_t cuts = 0;
  std::unique_ptr<Snapshot> snapshot;
  while (true) {
    snapshot = Snapshot::begin(services_, options, [&](SnapshotOptions& now) {
      attempt.changes = total_changes();
      cuts = cuts_.load();
      if (services_.replication == nullptr) return;
      const RdbFacts place = services_.replication->stream_facts();
      now.facts.insert(now.facts.begin(), place.begin(), place.end());
    });
    if (snapshot != nullptr) break;
    answer_flushes();
    std::this_thread::sleep_for(kBeginRetry);
  }
  {
    std::lock_guard lock(mutex_);
    running_ = snapshot.get();
    if (cuts_.load() != cuts) snapshot->cancel();
  }
  keys_total_.store(snapshot->keys_total());
  CountingSink sink(file, [&] { keys_written_.store(snapshot->keys_written()); });
  const bool written = snapshot->run(sink);
  keys_written_.store(snapshot->keys_written());
  {
    std::lock_guard lock(mutex_);
    running_ = nullptr;
    attempt.cut_short = cuts_.load() != cuts;
  }
  if (attempt.cut_short) return;
  if (!written && file.error().empty()) {
    attempt.error = "the snapshot was given up";
  } else if (!written || !file.put_in_place()) {
    attempt.error = file.error();
  }
}

std::string Saver::load_from(const std::string& path, LoadOptions& options) {
  FileSource source(path);
  if (!source.is_open()) return source.error();
  const int64_t began_ms = steady_ms();
  loading_start_ms_.store(unix_ms());
  loading_total_.store(source.size());
  loading_done_.store(0);
  int64_t told_ms = began_ms;
  options.checksum = checksum_;
  options.progress = [&](uint64_t offset) {
    loading_done_.store(offset);
    constexpr int64_t kTellMs = 5000;
    if (steady_ms() - told_ms < kTellMs) return;
    told_ms = steady_ms();
    logs_.notice("Loading " + path + ": " +
                 std::to_string(offset * 100 / std::max<uint64_t>(source.size(), 1)) + "%");
  };
  const LoadOutcome outcome = load_rdb(source, services_, options);
  loaded_keys_.store(outcome.loaded);
  expired_keys_.store(outcome.expired);
  if (!outcome.ok()) return path + ": " + outcome.error;
  logs_.notice("Loaded " + std::to_string(outcome.loaded) + " keys from " + path + " in " +
               seconds_text(steady_ms() - began_ms) + ", " + std::to_string(outcome.expired) +
               " were expired, " + std::to_string(outcome.skipped) + " left out");
  return "";
}

std::string Saver::load(const Start& how) {
  const std::string path = file_path();
  if (FileSource(path).is_missing()) return "";
  LoadOptions options;
  EvictionRecall news(services_, how.news);
  options.news = &news;
  options.all_there_is = !how.follows;
  options.stop = how.stop;
  options.threads = static_cast<unsigned>(services_.workers.count());
  return load_from(path, options);
}

std::string Saver::import(const Import& what) {
  LoadOptions options;
  options.threads = static_cast<unsigned>(services_.workers.count());
  options.replace = true;
  options.functions = false;
  options.pattern = what.pattern;
  options.db = what.db;
  options.stop = what.stop;
  return load_from(what.path, options);
}

void Saver::drop_functions() {
  if (!functions_.drop) return;
  functions_.enter();
  functions_.drop();
  functions_.leave();
}

std::string Saver::load_function(Bytes code, bool replace) {
  if (!functions_.load) return "";
  functions_.enter();
  std::string error = functions_.load(code, replace);
  functions_.leave();
  return error;
}

// The thread decides what follows: options can't be asked for under the locks of shards.
void Saver::note_flush(std::function<void()> settled) {
  changes_flushed_.store(total_changes());
  std::lock_guard lock(mutex_);
  flushed_.store(true);
  if (settled) flushes_waiting_.push_back(std::move(settled));
  cut_locked();
  changed_.notify_all();
}

void Saver::give_up_bgsave() {
  std::lock_guard lock(mutex_);
  if (!awaited_) cut_locked();
}

void Saver::drop_half_file() { ::unlink(half_path(known_path()).c_str()); }

void Saver::cut_locked() {
  cuts_.fetch_add(1);
  if (running_ != nullptr) running_->cancel();
}

// Whether what is on the disk is to be as empty as the store.
bool Saver::heed_flush() {
  const bool points = has_save_points();
  std::lock_guard lock(mutex_);
  if (!flushed_.load() || !points) {
    flushed_.store(false);
    return false;
  }
  changes_saved_.store(changes_flushed_.load());
  flushed_.store(false);
  return true;
}

void Saver::answer_flushes() {
  std::vector<std::function<void()>> settled;
  {
    std::lock_guard lock(mutex_);
    settled.swap(flushes_waiting_);
  }
  for (const auto& each : settled) each();
}

PersistenceFacts Saver::facts() const {
  const bool emptied = flushed_.load() && has_save_points();
  const uint64_t saved = emptied ? changes_flushed_.load() : changes_saved_.load();
  const int64_t began_ms = began_ms_.load();
  const int64_t took_ms = last_took_ms_.load();
  return {
      .loading = is_loading(),
      .loading_start_seconds = loading_start_ms_.load() / 1000,
      .loading_total_bytes = loading_total_.load(),
      .loading_loaded_bytes = loading_done_.load(),
      .saving = saving_.load(),
      .save_keys_written = began_ms == 0 ? 0 : keys_written_.load(),
      .save_keys_total = began_ms == 0 ? 0 : keys_total_.load(),
      .changes = total_changes() - saved,
      .last_save_seconds = last_save_ms_.load() / 1000,
      .last_save_ok = last_save_ok_.load(),
      .last_save_took_seconds = took_ms < 0 ? -1 : took_ms / 1000,
      .save_began_seconds_ago = began_ms == 0 ? -1 : (steady_ms() - began_ms) / 1000,
      .saves = saves_.load(),
      .loaded_keys = loaded_keys_.load(),
      .expired_keys = expired_keys_.load(),
  };
}

std::string Saver::reload(const Reload& how) {
  Store& store = services_.store;
  const ShardSet all = all_shards(store);
  const ShardsHeld held(all.words());
  const std::string path = known_path();
  if (how.save) {
    ReplacingFile file(path, path + ".reload");
    RdbFileWriter out(file, true);
    write_store_locked(store, out, {{"redis-ver", std::string(kRedisVersion)}}, function_codes());
    if (!out.finish() || !file.put_in_place()) return file.error();
    note_time();
  }
  if (how.flush) store.flush_locked(Store::kAllDatabases);
  if (how.flush && how.functions && functions_.drop) functions_.drop();
  LoadOptions options;
  options.threads = 0;  // the locks are this thread's
  options.functions = how.functions && functions_.load;
  options.load_function = [&](Bytes code) { return functions_.load(code, how.merge); };
  options.replace = how.merge;
  const std::string error = load_from(path, options);
  if (!error.empty()) {
    logs_.warning("DEBUG RELOAD failed: " + error);
    return error;
  }
  changes_saved_.store(total_changes());
  return "";
}

}  // namespace larder
