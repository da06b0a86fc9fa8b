// The manifest of an append-only file: which files it is made of, in the order in which they are
// loaded. One line a file, in Redis's form:
//
//   file appendonly.aof.3.base.rdb seq 3 type b     the data as it was when file 7 was begun
//   file appendonly.aof.7.incr.aof seq 7 type i     what was written since
//   file appendonly.aof.8.incr.aof seq 8 type i     ... the last one grows
//   file appendonly.aof.2.base.rdb seq 2 type h     of no use any more, about to be deleted
//
// Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

struct AofFile {
  std::string name;
  uint64_t sequence = 0;

  bool operator==(const AofFile&) const = default;
};

class AofManifest {
 public:
  // `file_name` as of appendfilename; the names of new files begin with it.
  explicit AofManifest(std::string file_name = "appendonly.aof")
      : file_name_(std::move(file_name)) {}

  std::optional<AofFile> base;
  std::vector<AofFile> increments;
  std::vector<AofFile> history;  // the newest first, as in Redis

  bool empty() const { return !base && increments.empty(); }
  // Adds the next file behind the last. Numbers are never used twice.
  AofFile add_increment();
  // What replaces the base, when it is there: not yet part of the manifest.
  AofFile next_base(bool rdb) const;
  // `fresh` holds all that the base and the increments before `first_kept` did.
  void replace_base(AofFile fresh, const AofFile& first_kept);

  std::string text() const;
  // Takes over what a manifest's text says. Returns what is wrong with it, with the line, or
  // nothing.
  std::string parse(Bytes text);
  // Where it lives, beside the files it names.
  std::string manifest_name() const { return file_name_ + ".manifest"; }
  const std::string& file_name() const { return file_name_; }

 private:
  std::string parse_line(const std::string& line);
  uint64_t last_increment() const;

  std::string file_name_;
};

}  // namespace larder
