#include "server/persistence/aof_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/numbers.h"

namespace larder {

AofReader::AofReader(int fd, uint64_t offset, std::string ahead)
    : fd_(fd), base_(offset), buffer_(std::move(ahead)) {}

// Sees to it that the buffer reaches `end`; false when the file doesn't. A length is not believed
// before its bytes have come.
bool AofReader::need(size_t end) {
  while (buffer_.size() < end && !ended_) {
    const size_t have = buffer_.size();
    buffer_.resize(have + kReadBytes);
    const ssize_t count = ::read(fd_, buffer_.data() + have, kReadBytes);
    buffer_.resize(have + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error_ = std::string("reading failed: ") + std::strerror(errno);
    if (count <= 0) ended_ = true;
  }
  return buffer_.size() >= end;
}

AofReader::Step AofReader::broken(size_t at, const char* why) {
  error_ = "at offset " + std::to_string(base_ + at) + ": " + why;
  return Step::broken;
}

// Finds the end of the line, in front of its \r\n.
AofReader::Step AofReader::read_line(size_t& at, size_t& end) {
  constexpr size_t kLineBytesMax = 64 * 1024;
  for (size_t from = at;;) {
    const size_t found = buffer_.find('\n', from);
    if (found != std::string::npos) {
      if (found == at || buffer_[found - 1] != '\r') return broken(at, "the line has no \\r\\n");
      end = found - 1;
      return Step::ok;
    }
    from = buffer_.size();
    if (from - at > kLineBytesMax) return broken(at, "the line does not end");
    if (!need(from + 1)) return Step::truncated;
  }
}

// A line like "$3".
AofReader::Step AofReader::read_number(size_t& at, char kind, int64_t most, int64_t& number) {
  if (!need(at + 1)) return Step::truncated;
  if (buffer_[at] != kind) {
    return broken(at, kind == '*' ? "'*' is missing" : "'$' is missing");
  }
  size_t end = 0;
  if (const Step step = read_line(at, end); step != Step::ok) return step;
  const auto value = parse_int64(Bytes(buffer_).substr(at + 1, end - at - 1));
  if (!value || *value < 0 || *value > most) return broken(at, "the length makes no sense");
  number = *value;
  at = end + 2;
  return Step::ok;
}

AofReader::Step AofReader::read_request(size_t& at) {
  int64_t count = 0;
  const size_t begin = at;
  if (const Step step = read_number(at, '*', kArgsMax, count); step != Step::ok) return step;
  if (count == 0) return broken(begin, "the request is empty");
  ranges_.clear();
  for (int64_t i = 0; i < count; ++i) {
    int64_t bytes = 0;
    if (const Step step = read_number(at, '$', kArgBytesMax, bytes); step != Step::ok) return step;
    const auto size = static_cast<size_t>(bytes);
    if (!need(at + size + 2)) return Step::truncated;
    if (buffer_[at + size] != '\r' || buffer_[at + size + 1] != '\n') {
      return broken(at + size, "\\r\\n is missing behind an argument");
    }
    ranges_.push_back({at, size});
    at += size + 2;
  }
  return Step::ok;
}

AofReader::Outcome AofReader::next() {
  if (at_ > kReadBytes) {  // what was read goes
    buffer_.erase(0, at_);
    base_ += at_;
    at_ = 0;
  }
  size_t at = at_;
  while (true) {
    if (!need(at + 1)) return error_.empty() ? Outcome::end : Outcome::broken;
    if (buffer_[at] != '#') break;
    size_t end = 0;
    const Step step = read_line(at, end);
    if (step == Step::truncated) return Outcome::truncated;
    if (step == Step::broken) return Outcome::broken;
    at_ = at = end + 2;
  }
  const Step step = read_request(at);
  if (step == Step::truncated) return error_.empty() ? Outcome::truncated : Outcome::broken;
  if (step == Step::broken) return Outcome::broken;
  args_.clear();
  for (const auto [begin, size] : ranges_) args_.push_back(Bytes(buffer_).substr(begin, size));
  at_ = at;
  return Outcome::request;
}

}  // namespace larder
