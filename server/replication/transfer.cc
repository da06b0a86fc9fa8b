#include "server/replication/transfer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/numbers.h"

namespace larder {

size_t Transfer::fail(std::string why) {
  if (error_.empty()) error_ = std::move(why);
  ended_ = true;
  return 0;
}

bool Transfer::begin(Wire& wire) {
  wire_ = &wire;
  std::string line;
  if (!wire.read_line(line)) return fail(wire.error()) != 0;
  if (line[0] == '-') return fail("MASTER aborted replication with an error: " + line) != 0;
  if (line.starts_with("$EOF:") && line.size() == 5 + kMarkBytes) {
    mark_ = line.substr(5);
    return true;
  }
  const auto length = line[0] == '$' ? parse_int64(Bytes(line).substr(1)) : std::nullopt;
  if (!length || *length < 0) {
    return fail("Bad protocol from MASTER, the first byte is not '$' or no length follows: '" +
                line.substr(0, 60) + "'") != 0;
  }
  total_ = static_cast<uint64_t>(*length);
  return true;
}

size_t Transfer::read(char* into, size_t bytes) {
  if (ended_) return 0;
  const size_t got = by_mark() ? read_marked(into, bytes) : read_counted(into, bytes);
  bytes_ += got;
  return got;
}

size_t Transfer::read_counted(char* into, size_t bytes) {
  const uint64_t left = total_ - bytes_;
  if (left == 0) {
    ended_ = true;
    return 0;
  }
  const size_t got = wire_->read(into, static_cast<size_t>(std::min<uint64_t>(left, bytes)));
  return got > 0 ? got : fail(wire_->error());
}

// The last 40 bytes that came are held back: nothing is sent behind the mark, so it is there.
size_t Transfer::read_marked(char* into, size_t bytes) {
  constexpr size_t kChunk = 64 * 1024;
  while (held_.size() <= kMarkBytes) {
    if (held_ == mark_) {
      ended_ = true;
      return 0;
    }
    const size_t before = held_.size();
    held_.resize(before + kChunk);
    const size_t got = wire_->read(held_.data() + before, kChunk);
    held_.resize(before + got);
    if (got == 0) return fail(wire_->error());
  }
  const size_t taken = std::min(bytes, held_.size() - kMarkBytes);
  std::memcpy(into, held_.data(), taken);
  held_.erase(0, taken);
  return taken;
}

bool Transfer::finish() {
  std::vector<char> rest(4096);
  while (read(rest.data(), rest.size()) > 0) continue;
  return whole();
}

Spool::~Spool() {
  if (fd_ >= 0) ::close(fd_);
}

bool Spool::open(const std::string& folder) {
  fd_ = ::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  return fd_ >= 0;
}

std::string Spool::take(Transfer& from, const std::function<void()>& progress) {
  std::vector<char> buffer(256 * 1024);
  while (const size_t got = from.read(buffer.data(), buffer.size())) {
    if (!write({buffer.data(), got})) {
      return std::string("can't keep the full sync: ") + std::strerror(errno);
    }
    progress();
  }
  if (!from.whole()) return from.error();
  return ::lseek(fd_, 0, SEEK_SET) == 0 ? "" : std::strerror(errno);
}

bool Spool::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

size_t Spool::read_at(uint64_t offset, char* into, size_t bytes) const {
  const ssize_t got = ::pread(fd_, into, bytes, static_cast<off_t>(offset));
  return got > 0 ? static_cast<size_t>(got) : 0;
}

size_t Spool::read(char* into, size_t bytes) {
  while (interrupt_ == nullptr || !interrupt_->raised()) {
    const ssize_t got = ::read(fd_, into, bytes);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return 0;
  }
  return 0;
}

}  // namespace larder
