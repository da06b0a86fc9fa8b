#include "server/replication/replica.h"

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "base/random.h"
#include "protocol/output.h"
#include "server/engine/services.h"

namespace larder {
namespace {

// Smaller pieces are copied into the connection's buffer.
constexpr size_t kSharedBytesMin = 16 * 1024;

void wake_client(Workers& workers, const Replica::Place& place) {
  workers.visit(place.worker, [client = place.client](ClientsOfWorker& clients) {
    if (ClientView* view = clients.find(client)) view->feed();
  });
}

void kill_client(Workers& workers, const Replica::Place& place, bool after_reply) {
  workers.visit(place.worker, [client = place.client, after_reply](ClientsOfWorker& clients) {
    if (ClientView* view = clients.find(client)) view->kill(after_reply);
  });
}

}  // namespace

bool Replica::Facts::is_valkey_9() const {
  constexpr int64_t kFirstWithTimes = 9;
  const auto major = parse_int64(Bytes(version).substr(0, version.find('.')));
  return !gives_tail && major && *major >= kFirstWithTimes;
}

Replica::Facts Replica::facts() const {
  MutexLock lock(mutex_);
  return facts_;
}

void Replica::wake() { wake_client(workers_, place_); }

void Replica::cut() { kill_client(workers_, place_, false); }

void Replica::hang_up_behind_file() { kill_client(workers_, place_, true); }

// The waker may outlive the replica.
void Replica::watch(EffectLog::Reader& reader) {
  reader.set_waker([&workers = workers_, place = place_] { wake_client(workers, place); });
}

void Replica::resume(std::unique_ptr<EffectLog::Reader> reader, std::string answer) {
  MutexLock lock(mutex_);
  watch(*reader);
  acked_.store(reader->offset());
  reader_ = std::move(reader);
  text_ += answer;
  state_.store(State::online, std::memory_order_release);
}

void Replica::wait_for_file(bool answers, int64_t now_ms) {
  MutexLock lock(mutex_);
  answers_ = answers;
  waiting_since_ms_.store(now_ms);
  state_.store(State::waiting, std::memory_order_release);
}

void Replica::keep_alive() {
  {
    MutexLock lock(mutex_);
    const State now = state();
    const bool silent =
        now == State::waiting || (now == State::sending && pipe_ == nullptr && spool_ == nullptr);
    if (!silent) return;
    text_ += "\n";
  }
  wake();
}

void Replica::begin_file(std::unique_ptr<EffectLog::Reader> reader, const std::string& id,
                         std::shared_ptr<BytePipe> pipe) {
  {
    MutexLock lock(mutex_);
    if (state() == State::closed) return;
    watch(*reader);
    if (answers_) {
      text_ += "+FULLRESYNC " + id + " " + std::to_string(reader->offset()) + "\r\n";
    }
    reader_ = std::move(reader);
    pipe_ = std::move(pipe);
    if (pipe_ != nullptr) {
      mark_ = random_hex(Transfer::kMarkBytes);
      text_ += "$EOF:" + mark_ + "\r\n";
    }
    state_.store(State::sending, std::memory_order_release);
  }
  wake();
}

void Replica::begin_spool(std::shared_ptr<Spool> spool, uint64_t bytes) {
  {
    MutexLock lock(mutex_);
    if (state() == State::closed) return;
    text_ += "$" + std::to_string(bytes) + "\r\n";
    spool_ = std::move(spool);
    spool_bytes_ = bytes;
  }
  wake();
}

void Replica::acknowledge(uint64_t offset, uint64_t on_disk, int64_t now_ms) {
  acked_ms_.store(now_ms);
  if (offset > acked()) acked_.store(offset, std::memory_order_release);
  if (on_disk > acked_on_disk()) acked_on_disk_.store(on_disk, std::memory_order_release);
  State settling = State::settling;
  if (state_.compare_exchange_strong(settling, State::online)) wake();
}

bool Replica::fill(Output& out, size_t bytes_max) {
  bool more = true;
  bool cut_off = false;
  {
    MutexLock lock(mutex_);
    if (!text_.empty()) out.append(std::exchange(text_, {}));
    while (more && out.pending() < bytes_max) {
      const State now = state();
      more = now == State::sending  ? fill_file(out, bytes_max)
             : now == State::online ? fill_stream(out, bytes_max)
                                    : false;
    }
    if (is_online() && reader_ != nullptr) filled_to_ = reader_->offset();
    cut_off = reader_ != nullptr && reader_->lost();
  }
  if (!cut_off) return more;
  cut();
  return false;
}

bool Replica::fill_file(Output& out, size_t bytes_max) {
  if (pipe_ != nullptr) return fill_from_pipe(out, bytes_max);
  return spool_ != nullptr && fill_from_spool(out, bytes_max);
}

bool Replica::fill_from_pipe(Output& out, size_t bytes_max) {
  while (out.pending() < bytes_max) {
    BytePipe::End end = BytePipe::End::open;
    const BytePipe::Chunk chunk = pipe_->take(end);
    if (chunk != nullptr) {
      out.append_shared(*chunk, chunk);
      continue;
    }
    if (end == BytePipe::End::open) return false;
    if (end == BytePipe::End::broken) {
      cut();
      return false;
    }
    out.append(mark_);
    end_of_file(true);
    return true;
  }
  return true;
}

bool Replica::fill_from_spool(Output& out, size_t bytes_max) {
  while (out.pending() < bytes_max && spool_at_ < spool_bytes_) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(bytes_max, spool_bytes_ - spool_at_));
    char* const start = out.extend(wanted);
    const size_t got = spool_->read_at(spool_at_, start, wanted);
    out.end_at(start + got);
    spool_at_ += got;
    if (got > 0) continue;
    cut();
    return false;
  }
  if (spool_at_ == spool_bytes_) end_of_file(false);
  return true;
}

// One that takes a mark may not see anything behind it before it has said that it is ready.
void Replica::end_of_file(bool by_mark) {
  pipe_.reset();
  spool_.reset();
  if (facts_.file_only) hang_up_behind_file();
  State sending = State::sending;
  const bool settles = by_mark || facts_.file_only;
  state_.compare_exchange_strong(sending, settles ? State::settling : State::online);
}

bool Replica::fill_stream(Output& out, size_t bytes_max) {
  while (out.pending() < bytes_max) {
    const EffectLog::Piece piece = reader_->next(bytes_max - out.pending());
    if (piece.bytes.size() >= kSharedBytesMin) {
      out.append_shared(piece.bytes, piece.owner);
    } else if (!piece.bytes.empty()) {
      out.append(piece.bytes);
    } else {
      keeper_.all_sent();
      if (reader_->lost() || !reader_->wake_when()) return false;
    }
  }
  return true;
}

void Replica::sent(bool all) {
  sent_.store(all ? filled_to_ : kBlocked);
  keeper_.note_sent();
}

uint64_t Replica::bytes_behind() const {
  MutexLock lock(mutex_);
  return reader_ == nullptr ? 0 : log_.end_offset() - reader_->offset();
}

void Replica::closed() {
  {
    MutexLock lock(mutex_);
    const bool fell_behind = reader_ != nullptr && reader_->fell_behind();
    cut_off_.store(fell_behind || state() == State::sending);
    state_.store(State::closed, std::memory_order_release);
    if (pipe_ != nullptr) pipe_->close();
    reader_.reset();
    spool_.reset();
  }
  keeper_.replica_closed(*this);
}

const char* name_of(Replica::State state) {
  switch (state) {
    case Replica::State::waiting: return "wait_bgsave";
    case Replica::State::sending:
    case Replica::State::settling: return "send_bulk";
    default: return "online";
  }
}

}  // namespace larder
