#include "server/persistence/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace larder {
namespace {

// The kernel is made to write this often, so that the last fsync does not take all the time.
constexpr uint64_t kSyncBytes = 32 * 1024 * 1024;
constexpr mode_t kMode = 0644;

}  // namespace

ReplacingFile::ReplacingFile(std::string path, std::string temporary)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      file_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode)) {
  if (!file_) error_ = failure("can't create " + temporary_);
}

ReplacingFile::~ReplacingFile() {
  if (file_) ::unlink(temporary_.c_str());
}

bool ReplacingFile::fail(const char* what) {
  error_ = failure(what + (" " + temporary_));
  file_.close();
  ::unlink(temporary_.c_str());
  return false;
}

bool ReplacingFile::write(Bytes bytes) {
  if (!file_) return false;
  if (write_all(file_.get(), bytes) < bytes.size()) return fail("can't write to");
  bytes_ += bytes.size();
  if (bytes_ - synced_ < kSyncBytes) return true;
  synced_ = bytes_;
  if (::fdatasync(file_.get()) != 0) return fail("can't sync");
  // What is on the disk need not be in memory as well.
  (void)::posix_fadvise(file_.get(), 0, static_cast<off_t>(bytes_), POSIX_FADV_DONTNEED);
  return true;
}

bool ReplacingFile::put_in_place() {
  if (!file_) return false;
  if (::fsync(file_.get()) != 0) return fail("can't sync");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail("can't rename");
  file_.close();
  error_ = sync_folder(folder_of(path_));
  return error_.empty();
}

FileSource::FileSource(const std::string& path)
    : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat about {};
  if (!file_ || ::fstat(file_.get(), &about) != 0) {
    missing_ = errno == ENOENT;
    error_ = failure("can't open " + path);
    return;
  }
  size_ = static_cast<uint64_t>(about.st_size);
  (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
}

size_t FileSource::read(char* into, size_t bytes) {
  while (file_) {
    const ssize_t got = ::read(file_.get(), into, bytes);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) break;
  }
  error_ = failure("can't read");
  return 0;
}

}  // namespace larder
