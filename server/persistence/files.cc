#include "server/persistence/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace larder {
namespace {

// The kernel is made to write this often, so that the last fsync does not take all the time.
constexpr uint64_t kSyncBytes = 32 * 1024 * 1024;
constexpr mode_t kMode = 0644;

std::string reason(const char* what, const std::string& path) {
  return std::string(what) + " " + path + ": " + std::strerror(errno);
}

}  // namespace

ReplacingFile::ReplacingFile(std::string path, std::string temporary)
    : path_(std::move(path)), temporary_(std::move(temporary)) {
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (fd_ < 0) error_ = reason("can't create", temporary_);
}

ReplacingFile::~ReplacingFile() {
  if (fd_ < 0) return;
  close();
  ::unlink(temporary_.c_str());
}

void ReplacingFile::close() {
  ::close(fd_);
  fd_ = -1;
}

bool ReplacingFile::fail(const char* what) {
  error_ = reason(what, temporary_);
  if (fd_ >= 0) close();
  ::unlink(temporary_.c_str());
  return false;
}

bool ReplacingFile::write(Bytes bytes) {
  if (fd_ < 0) return false;
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return fail("can't write to");
    bytes.remove_prefix(static_cast<size_t>(wrote));
    bytes_ += static_cast<uint64_t>(wrote);
  }
  if (bytes_ - synced_ < kSyncBytes) return true;
  synced_ = bytes_;
  if (::fdatasync(fd_) != 0) return fail("can't sync");
  // What is on the disk need not be in memory as well.
  (void)::posix_fadvise(fd_, 0, static_cast<off_t>(bytes_), POSIX_FADV_DONTNEED);
  return true;
}

bool ReplacingFile::put_in_place() {
  if (fd_ < 0) return false;
  if (::fsync(fd_) != 0) return fail("can't sync");
  close();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail("can't rename");
  return sync_folder();
}

bool ReplacingFile::sync_folder() {
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (!synced) error_ = reason("can't sync the folder of", path_);
  if (fd >= 0) ::close(fd);
  return synced;
}

FileSource::FileSource(const std::string& path) {
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about {};
  if (fd_ < 0 || ::fstat(fd_, &about) != 0) {
    missing_ = errno == ENOENT;
    error_ = reason("can't open", path);
    return;
  }
  size_ = static_cast<uint64_t>(about.st_size);
  (void)::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

FileSource::~FileSource() {
  if (fd_ >= 0) ::close(fd_);
}

size_t FileSource::read(char* into, size_t bytes) {
  while (fd_ >= 0) {
    const ssize_t got = ::read(fd_, into, bytes);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) break;
  }
  error_ = std::string("can't read: ") + std::strerror(errno);
  return 0;
}

}  // namespace larder
