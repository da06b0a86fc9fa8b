// The folder of an append-only file: what is in it and what its manifest lists. Paths and names
// only; for one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/files.h"
#include "server/persistence/aof_manifest.h"

namespace larder {

// Where a text ends by itself is appended; made when it is not there with O_CREAT in `flags`.
Descriptor open_to_append(const std::string& path, int flags);

class AofFolder {
 public:
  // `file_name` as of appendfilename.
  AofFolder(std::string path, std::string file_name);

  const std::string& path() const { return path_; }
  std::string path_of(const AofFile& file) const { return path_of(file.name); }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  const AofManifest& manifest() const { return manifest_; }
  // Of the base and the increments.
  uint64_t bytes() const;

  // What follows returns what went wrong, or nothing.

  // The folder itself.
  std::string make();
  // Takes over what the manifest lists; without one nothing is.
  std::string read();
  // What Redis kept before 7 was one file beside the folder; it becomes the base.
  std::string adopt_single_file(const std::function<void(const std::string&)>& notice);
  // The manifest of an empty data set with the files it lists, as keys (RDB) or as requests.
  std::string make_first_base(bool rdb);
  std::string add_increment();
  // From now on the files are these.
  std::string list(AofManifest manifest);
  // What is listed as of no use any more.
  std::string delete_history();

 private:
  std::string save(const AofManifest& manifest) const;

  const std::string path_;
  AofManifest manifest_;
};

}  // namespace larder
