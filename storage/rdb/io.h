// Where the bytes of an RDB file or payload go to and come from: a file, a socket, memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "base/bytes.h"

namespace larder {

class Sink {
 public:
  virtual ~Sink() = default;
  // Takes all bytes. False: it can take no more; why is the sink's to tell.
  virtual bool write(Bytes bytes) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  // Reads up to `bytes` bytes, at least one; may wait for them. 0: the end, or it is broken.
  virtual size_t read(char* into, size_t bytes) = 0;
};

class BytesSink : public Sink {
 public:
  explicit BytesSink(std::string& out) : out_(out) {}
  bool write(Bytes bytes) override {
    out_.append(bytes);
    return true;
  }

 private:
  std::string& out_;
};

class BytesSource : public Source {
 public:
  // A view; the bytes must stay.
  explicit BytesSource(Bytes bytes) : left_(bytes) {}
  size_t read(char* into, size_t bytes) override {
    const size_t taken = std::min(bytes, left_.size());
    std::memcpy(into, left_.data(), taken);
    left_.remove_prefix(taken);
    return taken;
  }

 private:
  Bytes left_;
};

}  // namespace larder
