#include "server/persistence/append_only_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "base/thread_name.h"
#include "server/engine/activity.h"
#include "server/engine/listeners.h"
#include "server/engine/persistence.h"
#include "server/engine/replication.h"
#include "server/engine/services.h"
#include "server/persistence/aof_base.h"
#include "server/persistence/aof_load.h"
#include "server/persistence/snapshot.h"
#include "storage/all_shards.h"

namespace larder {
namespace {

// A rewrite that failed is tried again by itself after this time, and after twice the time each
// time, up to 40 minutes: each costs as much as one that works, and an increment more to load.
int64_t retry_ms(uint64_t failures) {
  constexpr int64_t kRetryMs = 10'000;
  constexpr uint64_t kDoublingsMax = 8;
  return kRetryMs << std::min(failures - 1, kDoublingsMax);
}

// A snapshot for something else runs: looked at again after this time.
constexpr auto kSnapshotWait = std::chrono::milliseconds(50);
// A replica's stream is its primary's, byte by byte: no SELECT can be put in where a file begins,
// so the file begins with it.
std::string head_of_increment(Services& services) {
  if (services.replication == nullptr) return "";
  const auto db = services.replication->stream_db();
  if (!db) return "";
  const std::string number = std::to_string(*db);
  return "*2\r\n$6\r\nSELECT\r\n$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
}

void empty_store(Store& store) {
  GarbageList garbage;
  {
    const AllShards lock(store);
    store.flush_locked(Store::kAllDatabases);
    garbage = store.take_garbage_locked();
  }
  store.dispose(std::move(garbage));
}

}  // namespace

AppendOnlyFile::AppendOnlyFile(Services& services, AofOptions options, AofEvents events)
    : services_(services),
      events_(std::move(events)),
      options_(std::move(options)),
      folder_(options_.folder, options_.file_name) {
  facts_.enabled = options_.enabled;
}

AppendOnlyFile::~AppendOnlyFile() { stop(); }

AofOptions AppendOnlyFile::options() const {
  std::lock_guard lock(mutex_);
  return options_;
}

// Clients may ask for facts and change options meanwhile.
std::string AppendOnlyFile::start(const std::function<bool()>& stop) {
  if (options().enabled) {
    std::string error = load(stop);
    const bool nothing = folder_.manifest().empty();
    if (error.empty()) error = nothing ? make_first_files() : open_last_increment();
    if (!error.empty()) return error;
  }
  std::lock_guard lock(mutex_);
  thread_ = std::thread([this] { run(); });
  return "";
}

std::string AppendOnlyFile::load(const std::function<bool()>& stop) {
  std::string error = folder_.read();
  if (error.empty()) error = folder_.adopt_single_file(events_.notice);
  if (!error.empty() || folder_.manifest().empty()) return error;
  const int64_t start_ms = steady_ms();
  AofLoadOptions how;
  how.folder = folder_.path();
  how.load_truncated = options().load_truncated;
  how.notice = events_.warning;
  how.stop = stop;
  note_loading(true);
  how.progress = [this](uint64_t bytes) {
    std::lock_guard lock(mutex_);
    facts_.loading_loaded_bytes = bytes;
  };
  AofLoader loader(services_, how);
  error = loader.load(folder_.manifest());
  note_loading(false);
  if (!error.empty()) return error;
  // Nothing was evicted till now; what is too much goes in steps.
  services_.store.set_memory_limit(services_.store.memory().limit());
  events_.notice("DB loaded from append only file: " + std::to_string(loader.requests()) +
                 " requests in " + std::to_string(steady_ms() - start_ms) + " ms");
  delete_history();
  return "";
}

void AppendOnlyFile::note_loading(bool loading) {
  const uint64_t total = folder_.bytes();
  std::lock_guard lock(mutex_);
  facts_.loading = loading;
  facts_.loading_start_seconds = unix_ms() / 1000;
  facts_.loading_total_bytes = total;
  facts_.loading_loaded_bytes = 0;
}

// Goes on with the last increment, or begins the first behind a base.
std::string AppendOnlyFile::open_last_increment() {
  if (folder_.manifest().increments.empty()) {
    if (std::string error = folder_.add_increment(); !error.empty()) return error;
  }
  const std::string path = folder_.path_of(folder_.manifest().increments.back());
  Descriptor file = open_to_append(path, 0);
  if (!file) return failure("Can't open the append only file " + path);
  const uint64_t total = folder_.bytes();
  EffectLog& log = services_.listeners.effects;
  auto reader = log.open_reader(log.end_offset(), {.sees = EffectFor::file});
  std::lock_guard lock(mutex_);  // the writer's thread looks at once for what it may do
  older_bytes_ = total - file_bytes(path);
  facts_.base_bytes = total;
  complete_ = true;
  writer_ = make_writer(std::move(reader), std::move(file));
  return "";
}

std::string AppendOnlyFile::make_first_files() {
  std::string error = folder_.make_first_base(options().rdb_base);
  return error.empty() ? open_last_increment() : error;
}

std::unique_ptr<AofWriter> AppendOnlyFile::make_writer(std::unique_ptr<EffectLog::Reader> reader,
                                                       Descriptor file) {
  auto writer = std::make_unique<AofWriter>(
      std::move(reader), services_.listeners.effects, std::move(file),
      AofWriter::Events{.safe = [this](uint64_t offset) { note_safe(offset); },
                        .trouble = [this](const std::string& error) { note_trouble(error); },
                        .lost = [this](const std::string& why) { note_lost(why); },
                        .tick = [this] { maybe_rewrite(); },
                        .wrote = [this](int64_t us) { note_write(us); },
                        .synced = [this](int64_t us) {
                          (void)note_latency(services_, "aof-fsync-always", us);
                        }});
  writer->set_sync(options_.sync);
  writer->set_timestamps(options_.timestamps);
  writer->set_delay(write_delay_us_);
  if (complete_ && options_.sync == AofSync::always) {
    services_.listeners.safe_point.set(SafePoint::Keeper::file, writer->synced_offset());
  }
  return writer;
}

// On the writer's thread.
void AppendOnlyFile::note_safe(uint64_t offset) {
  SafePoint& safe = services_.listeners.safe_point;
  bool always = false;
  {
    std::lock_guard lock(mutex_);
    if (!complete_ || writer_ == nullptr) return;
    safe.set_on_disk(writer_->synced_offset());
    always = options_.sync == AofSync::always;
    if (always) safe.set(SafePoint::Keeper::file, offset);
  }
  if (always) services_.workers.release_replies();
  watchers_.tell();
}

// The same. It is told apart whether a save or a rewrite kept the disk busy.
void AppendOnlyFile::note_write(int64_t us) {
  if (!note_latency(services_, "aof-write", us)) return;
  bool beside = is_saving();
  {
    std::lock_guard lock(mutex_);
    beside |= facts_.rewriting;
  }
  (void)note_latency(services_, beside ? "aof-write-active-child" : "aof-write-alone", us);
}

void AppendOnlyFile::note_trouble(const std::string& error) {
  std::unique_lock lock(mutex_);
  const bool was_well = std::exchange(facts_.last_write_ok, error.empty());
  last_error_ = error;
  const bool fatal = !error.empty() && complete_ && options_.sync == AofSync::always;
  lock.unlock();
  if (fatal) {
    return events_.fatal(error + ". Can't recover from AOF write error when the AOF fsync policy " +
                         "is 'always'. Exiting...");
  }
  services_.settings.set_trouble(kAofFailed, !error.empty());
  if (error.empty() && !was_well) events_.notice("AOF write error looks solved, writing again");
  if (!error.empty() && was_well) events_.warning(error);
}

// What is missing is in memory only: the file can only be begun anew.
void AppendOnlyFile::note_lost(const std::string& why) {
  events_.warning("The append only file is begun anew: " + why);
  post([this] {
    disable();
    enable();
  });
}

void AppendOnlyFile::configure(const AofOptions& options) {
  const bool saving = is_saving();
  std::unique_lock lock(mutex_);
  const bool was_on = options_.enabled;
  const bool kept_history = options_.keep_history;
  const AofSync before = options_.sync;
  options_ = options;
  facts_.enabled = options.enabled;
  const std::shared_ptr<AofWriter> writer = writer_;
  if (writer != nullptr) {
    writer->set_timestamps(options.timestamps);
    writer->set_sync(options.sync);
    SafePoint& safe = services_.listeners.safe_point;
    if (before == AofSync::always && options.sync != AofSync::always) {
      safe.set(SafePoint::Keeper::file, SafePoint::kNothingAsked);
      services_.workers.release_replies();
    } else if (complete_ && before != AofSync::always && options.sync == AofSync::always) {
      safe.set(SafePoint::Keeper::file, writer->synced_offset());
    }
  }
  if (!thread_.joinable()) return;
  if (kept_history && !options.keep_history) {
    lock.unlock();
    end_keeping_history();
    lock.lock();
  }
  if (was_on == options.enabled) return;
  if (options.enabled) {  // said at once, for those who wait for it
    facts_.rewriting = true;
    facts_.rewrite_waits = saving;
    rewrite_start_ms_ = steady_ms();
  }
  if (!options.enabled && running_ != nullptr) running_->cancel();
  if (!options.enabled && writer != nullptr) {
    writer->end_at(services_.listeners.effects.end_offset());
  }
  lock.unlock();
  watchers_.tell();
  post([this, on = options.enabled] { on ? enable() : disable(); });
}

void AppendOnlyFile::post(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_all();
}

void AppendOnlyFile::run() {
  name_this_thread("aof-base");
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
  }
}

void AppendOnlyFile::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    if (running_ != nullptr) running_->cancel();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  end_writer();
  services_.listeners.safe_point.set(SafePoint::Keeper::file, SafePoint::kNothingAsked);
}

// What the writer still holds is written and synced.
void AppendOnlyFile::end_writer() {
  std::shared_ptr<AofWriter> writer;
  std::unique_lock lock(mutex_);
  writer = std::exchange(writer_, nullptr);
  complete_ = false;
  lock.unlock();  // its last looks at what it may do take it
}

// Switched on while the server runs: whatever files there are become history once the new base and
// increment are complete.
void AppendOnlyFile::enable() {
  if (writer_ != nullptr) return;
  if (const std::string error = folder_.read(); !error.empty()) {
    events_.warning("Can't switch the append only file on: " + error);
    std::lock_guard lock(mutex_);
    facts_.rewriting = facts_.last_rewrite_ok = false;
    return;
  }
  rewrite();
}

void AppendOnlyFile::disable() {
  end_writer();
  services_.listeners.safe_point.set(SafePoint::Keeper::file, SafePoint::kNothingAsked);
  services_.workers.release_replies();
}

AppendOnly::Rewrite AppendOnlyFile::start_rewrite() {
  const bool waits = is_saving();
  {
    std::lock_guard lock(mutex_);
    if (facts_.rewriting) return Rewrite::runs_already;
    facts_.rewriting = true;
    facts_.rewrite_waits = waits;
    rewrite_start_ms_ = steady_ms();
  }
  post([this] { rewrite(); });
  return waits ? Rewrite::waits : Rewrite::started;
}

void AppendOnlyFile::maybe_rewrite() {
  {
    std::lock_guard lock(mutex_);
    if (writer_ == nullptr || !complete_ || facts_.rewriting) return;
    if (options_.growth_percent == 0) return;
    const uint64_t now = older_bytes_ + writer_->file_bytes();
    const uint64_t base = std::max<uint64_t>(facts_.base_bytes, 1);
    if (now < options_.rewrite_bytes_min || now <= base) return;
    if (static_cast<double>(now - base) * 100.0 / static_cast<double>(base) <
        static_cast<double>(options_.growth_percent)) {
      return;
    }
    if (steady_ms() < rewrite_not_before_ms_) return;
    facts_.rewriting = true;
    rewrite_start_ms_ = steady_ms();
  }
  events_.notice("Starting automatic rewriting of AOF");
  post([this] { rewrite(); });
}

void AppendOnlyFile::rewrite() {
  {
    std::lock_guard lock(mutex_);
    if (!std::exchange(facts_.rewriting, true)) rewrite_start_ms_ = steady_ms();
  }
  const std::string error = rewrite_now();
  std::unique_lock lock(mutex_);
  facts_.rewriting = facts_.rewrite_waits = false;
  facts_.last_rewrite_ok = error.empty();
  facts_.last_rewrite_seconds = (steady_ms() - rewrite_start_ms_) / 1000;
  ++facts_.rewrites;
  facts_.rewrite_failures = error.empty() ? 0 : facts_.rewrite_failures + 1;
  if (!error.empty()) rewrite_not_before_ms_ = steady_ms() + retry_ms(facts_.rewrite_failures);
  const bool wanted = options_.enabled && writer_ == nullptr && !stopping_;
  lock.unlock();
  if (error.empty()) {
    events_.notice("Background AOF rewrite finished successfully");
  } else {
    events_.warning("Background AOF rewrite failed: " + error);
  }
  if (wanted && !error.empty()) retry_enable();
}

// As Redis, once a second until it works.
void AppendOnlyFile::retry_enable() {
  {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::seconds(1),
                   [this] { return stopping_ || !options_.enabled; });
    if (stopping_ || !options_.enabled) return;
  }
  post([this] { enable(); });
}

std::string AppendOnlyFile::rewrite_now() {
  std::string error = folder_.manifest().empty() ? folder_.read() : "";
  if (error.empty()) error = folder_.make();
  if (!error.empty()) return error;
  Fresh fresh;
  error = begin(fresh);
  if (!error.empty()) return error;
  fresh.as_rdb = options().rdb_base;
  const AofFile base = fresh.manifest.next_base(fresh.as_rdb);
  error = write_base(fresh, base);
  if (error.empty()) error = finish(fresh, base);
  if (!error.empty()) give_up(fresh);
  return error;
}

bool AppendOnlyFile::is_saving() const {
  return services_.persistence != nullptr && services_.persistence->is_saving();
}

// A moment; false when the server stops.
bool AppendOnlyFile::wait_for_save() {
  std::unique_lock lock(mutex_);
  facts_.rewrite_waits = true;
  wake_.wait_for(lock, kSnapshotWait, [this] { return stopping_; });
  return !stopping_;
}

// Makes the next increment and fixes the moment from which on it is written.
std::string AppendOnlyFile::begin(Fresh& fresh) {
  // No file is begun and listed while it would stay empty.
  while (is_saving()) {
    if (!wait_for_save()) return "the server stops";
  }
  fresh.manifest = folder_.manifest();
  const bool running = writer_ != nullptr;
  const bool kept = running || options().enabled;
  Descriptor file;
  if (kept) {
    fresh.increment = fresh.manifest.add_increment();
    const std::string path = folder_.path_of(fresh.increment);
    file = open_to_append(path, O_CREAT | O_TRUNC);
    if (!file) return failure("Can't make " + path);
  }
  if (running) {
    if (std::string error = folder_.list(fresh.manifest); !error.empty()) return error;
  }
  SnapshotOptions how;
  how.version = wanted_rdb_version(services_);
  how.key_delay_us = wanted_key_delay(services_);
  how.facts.emplace_back("aof-base", "1");
  EffectLog& log = services_.listeners.effects;
  std::unique_ptr<EffectLog::Reader> reader;
  std::string head;
  const auto at_point = [&](SnapshotOptions&) {
    log.select_again();
    head = head_of_increment(services_);
    if (running) return writer_->switch_at(log.end_offset(), std::move(file), head);
    if (kept) reader = log.open_reader(log.end_offset(), {.sees = EffectFor::file});
  };
  // A save that was asked for before may not have its snapshot yet.
  while (is_saving() ||
         (fresh.snapshot = Snapshot::begin(services_, how, at_point)) == nullptr) {
    if (!wait_for_save()) return "the server stops";
  }
  std::lock_guard lock(mutex_);
  facts_.rewrite_waits = false;
  running_ = fresh.snapshot.get();
  if (reader != nullptr) {
    if (write_all(file.get(), head) < head.size()) {
      running_ = nullptr;
      return failure("write " + folder_.path_of(fresh.increment));
    }
    writer_ = make_writer(std::move(reader), std::move(file));
  }
  if (writer_ != nullptr) writer_->suspend_sync(options_.no_sync_on_rewrite);
  return "";
}

std::string AppendOnlyFile::write_base(Fresh& fresh, const AofFile& file) {
  AofBase base(folder_.path());
  std::string error = base.write_keys(*fresh.snapshot);
  {
    std::lock_guard lock(mutex_);
    running_ = nullptr;
  }
  fresh.snapshot.reset();
  const auto stops = [this] {
    std::lock_guard lock(mutex_);
    return stopping_;
  };
  if (error.empty() && !fresh.as_rdb) error = base.translate(options().timestamps, stops);
  return error.empty() ? base.complete(folder_.path_of(file)) : error;
}

std::string AppendOnlyFile::finish(Fresh& fresh, const AofFile& base) {
  AofManifest whole = fresh.manifest;
  whole.replace_base(base, fresh.increment);
  if (std::string error = folder_.list(std::move(whole)); !error.empty()) return error;
  delete_history();
  std::lock_guard lock(mutex_);
  older_bytes_ = file_bytes(folder_.path_of(base));
  facts_.base_bytes = older_bytes_;
  if (writer_ == nullptr) return "";
  facts_.base_bytes += file_bytes(folder_.path_of(fresh.increment));
  writer_->suspend_sync(false);
  if (!std::exchange(complete_, true) && options_.sync == AofSync::always) {
    services_.listeners.safe_point.set(SafePoint::Keeper::file, writer_->synced_offset());
  }
  return "";
}

// Without a complete file, what was begun is of no use; otherwise the new increment stays a part.
void AppendOnlyFile::give_up(Fresh& fresh) {
  std::shared_ptr<AofWriter> useless;
  {
    std::lock_guard lock(mutex_);
    running_ = nullptr;
    if (writer_ != nullptr) writer_->suspend_sync(false);
    if (!complete_) useless = std::exchange(writer_, nullptr);
    if (complete_) older_bytes_ = folder_.bytes() - writer_->file_bytes();
    if (complete_) return;
  }
  useless.reset();
  if (!fresh.increment.name.empty()) ::unlink(folder_.path_of(fresh.increment).c_str());
}

void AppendOnlyFile::delete_history() {
  if (options().keep_history) return;
  if (const std::string error = folder_.delete_history(); !error.empty()) events_.warning(error);
}

// Who ended it may look at the folder when he is answered, unless a rewrite takes its time.
void AppendOnlyFile::end_keeping_history() {
  constexpr std::chrono::milliseconds kPatience{500};
  const auto done = std::make_shared<std::promise<void>>();
  post([this, done] {
    delete_history();
    done->set_value();
  });
  (void)done->get_future().wait_for(kPatience);
}

void AppendOnlyFile::set_write_delay(int64_t delay_us) {
  std::lock_guard lock(mutex_);
  write_delay_us_ = delay_us;
  if (writer_ != nullptr) writer_->set_delay(delay_us);
}

AppendOnlyFacts AppendOnlyFile::facts() const {
  std::lock_guard lock(mutex_);
  AppendOnlyFacts facts = facts_;
  facts.starting = facts.enabled && !complete_;
  if (facts.rewriting) facts.current_rewrite_seconds = (steady_ms() - rewrite_start_ms_) / 1000;
  if (writer_ == nullptr) return facts;
  facts.current_bytes = older_bytes_ + writer_->file_bytes();
  facts.unwritten_bytes = services_.listeners.effects.end_offset() - writer_->written_offset();
  facts.delayed_syncs = writer_->delayed_syncs();
  return facts;
}

// The files stay as they are: what they hold is loaded again.
void AppendOnlyFile::reload(std::function<void(const std::string& error)> done) {
  post([this, done = std::move(done)] { done(reload_now()); });
}

// Files that are kept no more are loaded, too.
std::string AppendOnlyFile::reload_now() {
  std::string error = folder_.manifest().empty() ? folder_.read() : "";
  if (!error.empty() || folder_.manifest().empty()) return error;
  const EffectLog& log = services_.listeners.effects;
  services_.settings.set_trouble(kLoading, true);
  while (writer_ != nullptr && writer_->written_offset() < log.end_offset() &&
         facts().last_write_ok) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  empty_store(services_.store);
  AofLoader loader(services_, {.folder = folder_.path(), .notice = events_.warning});
  error = loader.load(folder_.manifest());
  services_.settings.set_trouble(kLoading, false);
  if (!error.empty()) events_.warning(error);
  return error;
}

std::string AppendOnlyFile::last_error() const {
  std::lock_guard lock(mutex_);
  const size_t reason = last_error_.rfind(": ");
  return reason == std::string::npos ? last_error_ : last_error_.substr(reason + 2);
}

uint64_t AppendOnlyFile::synced_offset() const {
  std::lock_guard lock(mutex_);
  return writer_ != nullptr && complete_ ? writer_->synced_offset() : 0;
}

}  // namespace larder
