// Writes the base of an append-only file: a snapshot, which is a file of keys (RDB), or the same
// as requests. It gets its name when it is whole and on disk.
#pragma once

#include <functional>
#include <string>

#include "base/files.h"

namespace larder {

class Snapshot;

class AofBase {
 public:
  // Written under a name of its own in `folder` until it is complete.
  explicit AofBase(const std::string& folder);
  ~AofBase();
  AofBase(const AofBase&) = delete;
  AofBase& operator=(const AofBase&) = delete;

  // What follows returns what went wrong, or nothing; in this order.

  std::string write_keys(Snapshot& snapshot);
  // The keys become requests; `stop` is asked now and then.
  std::string translate(bool timestamps, std::function<bool()> stop);
  std::string complete(const std::string& path);

 private:
  std::string open_anew();

  const std::string temporary_;
  Descriptor file_;
};

}  // namespace larder
