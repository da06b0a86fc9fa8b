// Files as the server uses them: errors come back as text, a rename is on disk when it returned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void close();

 private:
  int fd_;
};

// Writes all bytes at the descriptor's place. Returns how many went; fewer: errno says why.
size_t write_all(int fd, Bytes bytes);
// The text of errno with what failed in front: "open /x/y: No such file or directory".
std::string failure(const std::string& what);
// The folder that a path is in.
std::string folder_of(const std::string& path);
// Makes names that were made, changed or removed in a folder durable. Returns what went wrong, or
// nothing.
std::string sync_folder(const std::string& path);

// All of a small file. Nothing when it can't be read: errno says why.
std::optional<std::string> read_file(const std::string& path);
// Writes a small file in one step that a crash can't halve: beside it ("temp_<name>"), sync,
// rename. Returns what went wrong, or nothing; errno says it, too.
std::string replace_file(const std::string& path, Bytes text);

// Bytes of a file, 0 when it is not there.
uint64_t file_bytes(const std::string& path);
bool file_exists(const std::string& path);

}  // namespace larder
