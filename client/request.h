// Requests in the form servers read them: *2\r\n $3\r\nGET\r\n $1\r\nk\r\n
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>

#include "base/bytes.h"

namespace larder {

// "*3\r\n" or "$3\r\n"; appended to `out`.
void append_header(std::string& out, char kind, size_t count);
void append_argument(std::string& out, Bytes argument);
// `args` holds the command's name and its arguments, at least one.
void append_request(std::string& out, std::span<const Bytes> args);

// Many requests for one round trip.
class Pipeline {
 public:
  void add(std::initializer_list<Bytes> args) { add({args.begin(), args.size()}); }
  void add(std::span<const Bytes> args) {
    append_request(bytes_, args);
    ++size_;
  }
  void clear() {
    bytes_.clear();
    size_ = 0;
  }
  size_t size() const { return size_; }
  Bytes bytes() const { return bytes_; }

 private:
  std::string bytes_;
  size_t size_ = 0;
};

}  // namespace larder
