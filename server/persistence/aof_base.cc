#include "server/persistence/aof_base.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <utility>

#include "server/persistence/files.h"
#include "server/persistence/request_base.h"
#include "server/persistence/snapshot.h"

namespace larder {
namespace {

// The disk is given a base in pieces, so that the last sync is short.
constexpr uint64_t kSyncEveryBytes = 32 << 20;

class DescriptorSink : public Sink {
 public:
  explicit DescriptorSink(int fd) : fd_(fd) {}
  bool write(Bytes bytes) override {
    if (write_all(fd_, bytes) < bytes.size()) {
      error_ = failure("Write error writing append only file on disk");
      return false;
    }
    unsynced_ += bytes.size();
    if (unsynced_ >= kSyncEveryBytes) {
      (void)::fdatasync(fd_);
      unsynced_ = 0;
    }
    return true;
  }
  const std::string& error() const { return error_; }

 private:
  const int fd_;
  uint64_t unsynced_ = 0;
  std::string error_;
};

}  // namespace

AofBase::AofBase(const std::string& folder)
    : temporary_(folder + "/temp-rewriteaof-bg-" + std::to_string(::getpid()) + ".aof") {}

AofBase::~AofBase() {
  if (file_) ::unlink(temporary_.c_str());
}

std::string AofBase::open_anew() {
  constexpr int kAnew = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  file_ = Descriptor(::open(temporary_.c_str(), kAnew, 0644));
  return file_ ? "" : failure("open " + temporary_);
}

std::string AofBase::write_keys(Snapshot& snapshot) {
  if (std::string error = open_anew(); !error.empty()) return error;
  DescriptorSink sink(file_.get());
  if (snapshot.run(sink)) return "";
  return sink.error().empty() ? "it was cancelled" : sink.error();
}

// Both have the same name: the keys are read from a file without one.
std::string AofBase::translate(bool timestamps, std::function<bool()> stop) {
  FileSource keys(temporary_);
  if (!keys.is_open()) return keys.error();
  ::unlink(temporary_.c_str());
  if (std::string error = open_anew(); !error.empty()) return error;
  DescriptorSink sink(file_.get());
  const std::string error =
      write_requests(keys, sink, {.timestamp = timestamps, .stop = std::move(stop)});
  return sink.error().empty() ? error : sink.error();
}

std::string AofBase::complete(const std::string& path) {
  if (::fsync(file_.get()) != 0) return failure("fsync " + temporary_);
  if (std::rename(temporary_.c_str(), path.c_str()) != 0) return failure("rename " + temporary_);
  file_.close();
  return "";
}

}  // namespace larder
