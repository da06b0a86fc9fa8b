#include "server/engine/effects.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "server/engine/request_text.h"
#include "storage/lazy_free.h"

namespace larder {
namespace {

constexpr Bytes kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr Bytes kExec = "*1\r\n$4\r\nEXEC\r\n";
// A longer record is laid out before the lock is taken, in a block of its own: copying so much
// takes some microseconds.
constexpr size_t kOwnBlockBytes = EffectLog::kBlockBytes / 8;

void append_select(std::string& text, unsigned db) {
  const std::string number = std::to_string(db);
  append_request(text, std::array<Bytes, 2>{"SELECT", number});
}

}  // namespace

struct EffectLog::Block {
  explicit Block(uint64_t begin_, size_t capacity_)
      : begin(begin_), capacity(capacity_), bytes(new char[capacity_]) {}

  size_t room() const { return capacity - size; }
  uint64_t end() const { return begin + size; }

  uint64_t begin;  // offset of the first byte
  size_t capacity;
  size_t size = 0;
  std::unique_ptr<char[]> bytes;
};

void EffectBatch::add(unsigned db, std::span<const Bytes> words, EffectFor whom) {
  if (whom == EffectFor::nobody) return;
  append_request(bytes_, words);
  parts_.push_back({db, whom, bytes_.size()});
}

void EffectBatch::clear() {
  constexpr size_t kKeptBytes = 64 * 1024;
  parts_.clear();
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_ = {};
}

EffectLog::EffectLog() = default;
EffectLog::~EffectLog() { CHECK(readers_.empty()); }

uint64_t EffectLog::append(unsigned db, std::span<const Bytes> words, EffectFor whom) {
  const size_t bytes = request_bytes(words);
  std::shared_ptr<Block> own;
  if (bytes > kOwnBlockBytes) {
    own = std::make_shared<Block>(0, bytes);
    put_request(own->bytes.get(), words);
    own->size = bytes;
  }
  MutexLock lock(mutex_);
  if (!active() || follows_) return end_.load(std::memory_order_relaxed);
  select_locked(db);
  const uint64_t begin = tail_locked();
  own != nullptr ? link_locked(std::move(own)) : write_words_locked(words, bytes);
  return advance_locked(begin, whom);
}

uint64_t EffectLog::append(const EffectBatch& batch) {
  if (batch.empty()) return end_offset();
  const bool together = batch.size() > 1;
  MutexLock lock(mutex_);
  if (!active() || follows_) return end_.load(std::memory_order_relaxed);
  uint64_t end = 0;
  if (together) {
    select_locked(batch.parts_.front().db);  // before MULTI, where Redis has it
    write_locked(kMulti);
  }
  size_t from = 0;
  for (const EffectBatch::Part& part : batch.parts_) {
    select_locked(part.db);
    const Bytes effect = Bytes(batch.bytes_).substr(from, part.end - from);
    from = part.end;
    if (part.whom == EffectFor::file) [[unlikely]] {
      end = write_for_file_locked(effect);
      continue;
    }
    const uint64_t begin = tail_locked();
    write_locked(effect);
    end = advance_locked(begin, part.whom);
  }
  if (!together) return end;
  const uint64_t begin = tail_locked();
  write_locked(kExec);
  return advance_locked(begin, EffectFor::all);
}

uint64_t EffectLog::append_raw(Bytes bytes, unsigned db) {
  MutexLock lock(mutex_);
  db_ = db;
  if (!active()) {
    end_.store(end_.load(std::memory_order_relaxed) + bytes.size(), std::memory_order_release);
    return end_.load(std::memory_order_relaxed);
  }
  const uint64_t begin = tail_locked();
  write_locked(bytes);
  return advance_locked(begin, EffectFor::all);
}

unsigned EffectLog::db() const {
  MutexLock lock(mutex_);
  return db_;
}

void EffectLog::append_gone(unsigned db, Bytes key) {
  const std::array<Bytes, 2> words{removal_word(removal_reason), key};
  gathering != nullptr ? gathering->add(db, words) : static_cast<void>(append(db, words));
}

void EffectLog::append_fields_gone(unsigned db, Bytes key,
                                   std::span<const std::string> fields) {
  std::vector<Bytes> words{"HDEL", key};
  words.insert(words.end(), fields.begin(), fields.end());
  gathering != nullptr ? gathering->add(db, words) : static_cast<void>(append(db, words));
}

void EffectLog::select_locked(unsigned db) {
  if (db == db_ || db == kNoDatabase) [[likely]]
    return;
  std::string text;
  append_select(text, db);
  const uint64_t begin = tail_locked();
  write_locked(text);
  db_ = db;
  advance_locked(begin, EffectFor::all);
}

uint64_t EffectLog::tail_locked() const {
  return blocks_.empty() ? end_.load(std::memory_order_relaxed) : blocks_.back()->end();
}

void EffectLog::write_locked(Bytes bytes) {
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back()->room() == 0) open_block_locked();
    Block& block = *blocks_.back();
    const size_t count = std::min(block.room(), bytes.size());
    std::memcpy(block.bytes.get() + block.size, bytes.data(), count);
    block.size += count;
    bytes.remove_prefix(count);
  }
}

uint64_t EffectLog::write_for_file_locked(Bytes effect) {
  uint64_t begin = tail_locked();
  write_locked("*2\r\n$4\r\nPING\r\n$" + std::to_string(effect.size()) + "\r\n");
  advance_locked(begin, EffectFor::replicas);
  begin = tail_locked();
  write_locked(effect);
  advance_locked(begin, EffectFor::all);
  begin = tail_locked();
  write_locked("\r\n");
  return advance_locked(begin, EffectFor::replicas);
}

void EffectLog::write_words_locked(std::span<const Bytes> words, size_t bytes) {
  if (blocks_.empty()) open_block_locked();
  Block& block = *blocks_.back();
  if (block.room() >= bytes) [[likely]] {
    put_request(block.bytes.get() + block.size, words);
    block.size += bytes;
    return;
  }
  std::string text;
  append_request(text, words);
  write_locked(text);
}

void EffectLog::link_locked(std::shared_ptr<Block> block) {
  block->begin = tail_locked();
  blocks_.push_back(std::move(block));
  trim_locked();
}

void EffectLog::open_block_locked() {
  const size_t bytes = std::clamp(backlog_bytes_ / 4, kLeastBlockBytes, kBlockBytes);
  blocks_.push_back(std::make_shared<Block>(tail_locked(), bytes));
  trim_locked();
}

// What readers may see ends here.
uint64_t EffectLog::advance_locked(uint64_t begin, EffectFor whom) {
  const uint64_t end = tail_locked();
  if (whom == EffectFor::replicas) [[unlikely]] {
    const bool adjoins = !private_.empty() && private_.back().end == begin;
    adjoins ? static_cast<void>(private_.back().end = end) : private_.push_back({begin, end});
  }
  end_.store(end, std::memory_order_release);
  if (end >= wake_at_) news_.store(true, std::memory_order_relaxed);
  return end;
}

// Lets go of blocks that neither a reader nor the backlog needs. The last one stays.
void EffectLog::trim_locked() {
  const uint64_t end = tail_locked();
  const uint64_t backlog = keeps_backlog_ ? backlog_bytes_ : 0;
  uint64_t keep = end - std::min(end, backlog);
  for (Reader* reader : readers_) {
    if (reader->lost()) continue;
    if (end - reader->offset() > reader->options_.lag_bytes_max) {
      lose_locked(*reader, Loss::fell_behind);
    } else {
      keep = std::min(keep, reader->offset());
    }
  }
  while (blocks_.size() > 1 && blocks_.front()->end() <= keep) {
    dead_.push_back(std::move(blocks_.front()));
    blocks_.pop_front();
    news_.store(true, std::memory_order_relaxed);
  }
  if (blocks_.empty()) return;
  while (!private_.empty() && private_.front().end <= blocks_.front()->begin) private_.pop_front();
}

void EffectLog::lose_locked(Reader& reader, Loss how) {
  reader.loss_.store(how, std::memory_order_release);
  reader.wake_at_ = 0;
  news_.store(true, std::memory_order_relaxed);
}

void EffectLog::drop_all_locked() {
  for (auto& block : blocks_) dead_.push_back(std::move(block));
  blocks_.clear();
  private_.clear();
  news_.store(true, std::memory_order_relaxed);
}

void EffectLog::update_active_locked() {
  const bool active = keeps_backlog_ || !readers_.empty();
  if (active && !this->active()) db_ = kNoDatabase;
  active_.store(active, std::memory_order_relaxed);
  active ? trim_locked() : drop_all_locked();
}

void EffectLog::update_wake_locked() {
  wake_at_ = UINT64_MAX;
  for (const Reader* reader : readers_) wake_at_ = std::min(wake_at_, reader->wake_at_);
}

void EffectLog::wake_now() {
  std::vector<std::shared_ptr<const std::function<void()>>> wakers;
  std::vector<std::shared_ptr<Block>> dead;  // freed behind the lock
  {
    MutexLock lock(mutex_);
    news_.store(false, std::memory_order_relaxed);
    dead.swap(dead_);
    const uint64_t end = end_.load(std::memory_order_relaxed);
    for (Reader* reader : readers_) {
      if (reader->wake_at_ > end) continue;
      reader->wake_at_ = UINT64_MAX;
      if (reader->waker_ != nullptr) wakers.push_back(reader->waker_);
    }
    update_wake_locked();
  }
  for (const auto& waker : wakers) (*waker)();
}

void EffectLog::select_again() {
  MutexLock lock(mutex_);
  if (!follows_) db_ = kNoDatabase;
}

std::unique_ptr<EffectLog::Reader> EffectLog::open_reader(uint64_t offset, ReaderOptions options) {
  MutexLock lock(mutex_);
  const uint64_t end = end_.load(std::memory_order_relaxed);
  const uint64_t begin = blocks_.empty() ? end : blocks_.front()->begin;
  if (offset < begin || offset > end) return nullptr;
  std::unique_ptr<Reader> reader(new Reader(*this, offset, options));
  readers_.push_back(reader.get());
  update_active_locked();
  return reader;
}

uint64_t EffectLog::begin_offset() const {
  MutexLock lock(mutex_);
  return blocks_.empty() ? end_.load(std::memory_order_relaxed) : blocks_.front()->begin;
}

void EffectLog::set_backlog_bytes(size_t bytes) {
  MutexLock lock(mutex_);
  backlog_bytes_ = bytes;
  trim_locked();
}

void EffectLog::keep_backlog(bool keep) {
  MutexLock lock(mutex_);
  keeps_backlog_ = keep;
  update_active_locked();
}

size_t EffectLog::retained_bytes() const {
  MutexLock lock(mutex_);
  size_t bytes = 0;
  for (const auto& block : blocks_) bytes += block->capacity;
  return bytes;
}

void EffectLog::end_replicas() {
  MutexLock lock(mutex_);
  for (Reader* reader : readers_) {
    if (reader->options_.sees == EffectFor::replicas) lose_locked(*reader, Loss::stream_ended);
  }
}

void EffectLog::restart_at(uint64_t offset, unsigned db) {
  MutexLock lock(mutex_);
  for (Reader* reader : readers_) lose_locked(*reader, Loss::stream_ended);
  drop_all_locked();
  db_ = db;
  end_.store(offset, std::memory_order_release);
}

EffectLog::Reader::~Reader() {
  MutexLock lock(log_.mutex_);
  std::erase(log_.readers_, this);
  log_.update_active_locked();
  log_.update_wake_locked();
}

void EffectLog::Reader::set_waker(std::function<void()> waker) {
  auto shared = std::make_shared<const std::function<void()>>(std::move(waker));
  MutexLock lock(log_.mutex_);
  waker_ = std::move(shared);
}

bool EffectLog::Reader::wake_when(size_t bytes) {
  MutexLock lock(log_.mutex_);
  if (lost() || log_.end_.load(std::memory_order_relaxed) - offset() >= bytes) return true;
  wake_at_ = offset() + bytes;
  log_.wake_at_ = std::min(log_.wake_at_, wake_at_);
  return false;
}

// Passes over what the reader is not to see. Returns where the next such range begins.
uint64_t EffectLog::Reader::skip_private_locked() {
  if (options_.sees != EffectFor::file) return UINT64_MAX;
  for (const Range& range : log_.private_) {
    if (range.end <= offset()) continue;
    if (range.begin > offset()) return range.begin;
    offset_.store(range.end, std::memory_order_relaxed);
  }
  return UINT64_MAX;
}

EffectLog::Piece EffectLog::Reader::next(size_t bytes_max, uint64_t before) {
  MutexLock lock(log_.mutex_);
  if (lost()) return {};
  const uint64_t border = std::min(skip_private_locked(), before);
  const uint64_t at = offset();
  const uint64_t end = std::min(border, log_.end_.load(std::memory_order_relaxed));
  if (at >= end) return {};
  if (block_ == nullptr || block_->end() <= at) {
    const auto after =
        std::upper_bound(log_.blocks_.begin(), log_.blocks_.end(), at,
                         [](uint64_t offset, const auto& block) { return offset < block->begin; });
    block_ = *std::prev(after);
  }
  const uint64_t count = std::min<uint64_t>({bytes_max, block_->end() - at, end - at});
  offset_.store(at + count, std::memory_order_relaxed);
  return {{block_->bytes.get() + (at - block_->begin), count}, at, block_};
}

size_t EffectLog::Reader::read_some(char* into, size_t bytes_max) {
  size_t read = 0;
  while (read < bytes_max) {
    const Piece piece = next(bytes_max - read);
    if (piece.bytes.empty()) break;
    std::memcpy(into + read, piece.bytes.data(), piece.bytes.size());
    read += piece.bytes.size();
  }
  return read;
}

}  // namespace larder
