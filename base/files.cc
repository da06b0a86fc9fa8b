#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace larder {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  close();
  fd_ = other.release();
  return *this;
}

int Descriptor::release() { return std::exchange(fd_, -1); }

void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

size_t write_all(int fd, Bytes bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(fd, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<size_t>(count);
  }
  return written;
}

std::string failure(const std::string& what) { return what + ": " + std::strerror(errno); }

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string sync_folder(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return failure("open " + path);
  // Some file systems have nothing to do there and say so.
  if (::fsync(folder.get()) != 0 && errno != EINVAL && errno != EBADF) {
    return failure("fsync " + path);
  }
  return "";
}

std::optional<std::string> read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  std::string text;
  char piece[16 * 1024];
  ssize_t count = 0;
  while ((count = ::read(file.get(), piece, sizeof piece)) > 0) {
    text.append(piece, static_cast<size_t>(count));
  }
  const int error = errno;  // closing may change it
  if (count == 0) return text;
  errno = error;
  return {};
}

std::string replace_file(const std::string& path, Bytes text) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string fresh = folder_of(path) + "/temp_" + name;
  const auto failed = [&fresh](const char* what) {
    const int error = errno;
    std::string why = failure(what + (" " + fresh));
    ::unlink(fresh.c_str());
    errno = error;
    return why;
  };
  Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return failure("open " + fresh);
  if (write_all(file.get(), text) < text.size()) return failed("write");
  if (::fsync(file.get()) != 0) return failed("fsync");
  file.close();
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename");
  return sync_folder(folder_of(path));
}

uint64_t file_bytes(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace larder
