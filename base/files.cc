#include "base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace larder {

std::optional<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  char piece[16 * 1024];
  ssize_t count = 0;
  while ((count = ::read(fd, piece, sizeof piece)) > 0) {
    text.append(piece, static_cast<size_t>(count));
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  if (count < 0) return {};
  return text;
}

std::string replace_file(const std::string& path, Bytes text) {
  const std::string temporary = path + ".tmp" + std::to_string(::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return std::strerror(errno);
  size_t written = 0;
  bool ok = true;
  while (ok && written < text.size()) {
    const ssize_t count = ::write(fd, text.data() + written, text.size() - written);
    ok = count > 0;
    if (ok) written += static_cast<size_t>(count);
  }
  ok = ok && ::fsync(fd) == 0;
  ok = ::close(fd) == 0 && ok;
  ok = ok && std::rename(temporary.c_str(), path.c_str()) == 0;
  if (ok) return "";
  const std::string why = std::strerror(errno);
  ::unlink(temporary.c_str());
  return why;
}

}  // namespace larder
