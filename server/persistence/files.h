// Files as RDB sinks and sources: written aside and put in place whole, or not at all.
#pragma once

#include <cstdint>
#include <string>

#include "base/files.h"
#include "storage/rdb/io.h"

namespace larder {

// A file that replaces another one when it is complete. What goes wrong is kept as text.
class ReplacingFile : public Sink {
 public:
  // `path` is where it will be; it is written beside it as `temporary`.
  ReplacingFile(std::string path, std::string temporary);
  // Removes what was not put in place.
  ~ReplacingFile() override;
  ReplacingFile(const ReplacingFile&) = delete;
  ReplacingFile& operator=(const ReplacingFile&) = delete;

  bool write(Bytes bytes) override;
  // Brings everything to the disk, then gives the file its name. False: see error(); the old file
  // is as it was.
  bool put_in_place();
  const std::string& error() const { return error_; }
  uint64_t bytes() const { return bytes_; }

 private:
  bool fail(const char* what);

  const std::string path_;
  const std::string temporary_;
  Descriptor file_;
  uint64_t bytes_ = 0;
  uint64_t synced_ = 0;
  std::string error_;
};

class FileSource : public Source {
 public:
  explicit FileSource(const std::string& path);

  bool is_open() const { return static_cast<bool>(file_); }
  // There is no such file.
  bool is_missing() const { return missing_; }
  const std::string& error() const { return error_; }
  uint64_t size() const { return size_; }
  size_t read(char* into, size_t bytes) override;

 private:
  Descriptor file_;
  bool missing_ = false;
  uint64_t size_ = 0;
  std::string error_;
};

}  // namespace larder
