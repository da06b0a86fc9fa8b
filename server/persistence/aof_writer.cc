#include "server/persistence/aof_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/thread_name.h"

namespace larder {
namespace {

using std::chrono::milliseconds;

// How soon a write that failed is tried again.
constexpr auto kRetryTime = milliseconds(100);
// How long the thread sleeps at most when nothing happens.
constexpr auto kIdleTime = milliseconds(1000);

uint64_t size_of(int fd) {
  struct stat facts{};
  return ::fstat(fd, &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
}

}  // namespace

struct AofWriter::Bell {
  std::mutex mutex;
  std::condition_variable condition;
  bool rung = false;

  void ring() {
    {
      std::lock_guard lock(mutex);
      rung = true;
    }
    condition.notify_one();
  }
  void wait_for(milliseconds time) {
    std::unique_lock lock(mutex);
    condition.wait_for(lock, time, [this] { return rung; });
    rung = false;
  }
};

AofWriter::AofWriter(std::unique_ptr<EffectLog::Reader> reader, EffectLog& log, Descriptor file,
                     Events events)
    : reader_(std::move(reader)),
      log_(log),
      file_(std::move(file)),
      events_(std::move(events)),
      written_(reader_->offset()),
      synced_(reader_->offset()),
      bytes_(size_of(file_.get())),
      bell_(std::make_shared<Bell>()) {
  reader_->set_waker([bell = bell_] { bell->ring(); });
  last_sync_ms_ = steady_ms();
  thread_ = std::thread([this] { run(); });
}

AofWriter::~AofWriter() {
  stopping_.store(true);
  bell_->ring();
  thread_.join();
}

void AofWriter::set_sync(AofSync sync) {
  sync_.store(sync);
  bell_->ring();
}

// The thread reads the log's end first and then this offset, so it can't pass by.
void AofWriter::switch_at(uint64_t offset, Descriptor file, std::string head) {
  {
    std::lock_guard lock(mutex_);
    next_file_ = std::move(file);
    next_head_ = std::move(head);
    switch_offset_.store(offset);
  }
  bell_->ring();
}

void AofWriter::run() {
  name_this_thread("aof-writer");
  while (true) {
    const bool last = stopping();
    const uint64_t end = std::min(log_.end_offset(), last_offset_.load());
    const uint64_t border = switch_offset_.load();
    if (reader_->lost()) return events_.lost("It fell too far behind");
    const bool written = write_up_to(std::min(end, border));
    if (written && border <= end) {
      switch_files();
      continue;
    }
    (void)sync(last);
    if (syncs_ == Syncs::work_again && !last) return events_.lost("A sync failed");
    events_.tick();
    if (last) return;
    pause();
  }
}

bool AofWriter::write_up_to(uint64_t end) {
  bool begun = false;
  while (true) {
    const EffectLog::Piece piece = reader_->next(SIZE_MAX, end);
    if (piece.bytes.empty()) break;
    if (!std::exchange(begun, true)) {
      rest();
      if (!write_timestamp()) return false;
    }
    if (!write_bytes(piece.bytes)) return false;
  }
  written_.store(reader_->offset());
  return true;
}

// Tries until it is done; false only when the server ends meanwhile.
bool AofWriter::write_bytes(Bytes bytes) {
  while (true) {
    const int64_t began_us = steady_us();
    const size_t count = write_all(file_.get(), bytes);
    const int64_t spent_us = steady_us() - began_us;
    bytes_.fetch_add(count);
    bytes.remove_prefix(count);
    if (bytes.empty()) {
      events_.wrote(spent_us);
      break;
    }
    report(failure("Error writing to the AOF file"));
    if (stopping()) return false;
    bell_->wait_for(kRetryTime);
  }
  if (failing_) report("");
  return true;
}

void AofWriter::rest() const {
  const int64_t delay_us = delay_us_.load(std::memory_order_relaxed);
  if (delay_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
}

// At the beginning of a round, so between two records.
bool AofWriter::write_timestamp() {
  const int64_t now = unix_ms() / 1000;
  if (!timestamps_.load() || now == last_stamp_seconds_) return true;
  last_stamp_seconds_ = now;
  return write_bytes("#TS:" + std::to_string(now) + "\r\n");
}

void AofWriter::switch_files() {
  (void)sync(true);
  std::string head;
  {
    std::lock_guard lock(mutex_);
    file_ = std::move(next_file_);
    head = std::move(next_head_);
    switch_offset_.store(UINT64_MAX);
  }
  bytes_.store(size_of(file_.get()));
  last_stamp_seconds_ = 0;
  if (!head.empty()) (void)write_bytes(head);
}

bool AofWriter::sync_due() const {
  if (synced_.load() == written_.load()) return false;
  switch (sync_.load()) {
    case AofSync::always: return true;
    case AofSync::everysec: return steady_ms() - last_sync_ms_ >= kSyncMs;
    case AofSync::no: return false;
  }
  return false;
}

bool AofWriter::sync(bool forced) {
  const bool suspended = suspended_.load() && !forced;
  const bool due = forced || (sync_due() && !suspended);
  if (due && synced_.load() != written_.load()) {
    const int64_t start_us = steady_us();
    if (::fdatasync(file_.get()) != 0) {
      syncs_ = Syncs::failed;
      report(failure("Can't sync the AOF file"));
      return false;
    }
    const int64_t spent_us = steady_us() - start_us;
    if (sync_.load() == AofSync::always) events_.synced(spent_us);
    if (failing_) report("");
    if (syncs_ != Syncs::work) syncs_ = Syncs::work_again;
    last_sync_ms_ = steady_ms();
    if (spent_us > kSyncMs * 1000) delayed_syncs_.fetch_add(1);
    if (syncs_ == Syncs::work) synced_.store(written_.load());
  }
  if (syncs_ != Syncs::work) return false;
  if (synced_.load() == written_.load() || suspended) events_.safe(written_.load());
  return true;
}

// Until there is something to do.
void AofWriter::pause() {
  if (sync_.load() != AofSync::always) bell_->wait_for(kGatherTime);
  if (stopping() || switch_offset_.load() != UINT64_MAX || reader_->wake_when(1)) return;
  auto time = kIdleTime;
  if (synced_.load() != written_.load()) {
    const int64_t left_ms = last_sync_ms_ + kSyncMs - steady_ms();
    time = milliseconds(std::clamp<int64_t>(left_ms, 1, kIdleTime.count()));
  }
  bell_->wait_for(time);
}

void AofWriter::report(const std::string& error) {
  failing_ = !error.empty();
  events_.trouble(error);
}

}  // namespace larder
