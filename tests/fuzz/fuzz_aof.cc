// Append-only files and their manifests, changed anywhere. A file is loaded, or loaded up to a
// missing end which is cut off, or refused; what was loaded is whole, and what was cut off is taken
// without a word the next time. A manifest that is taken means the same when it is written again.
//
//   | flags 1 B | share of the first file 1 B | base | increment |
//   | flags 1 B | manifest |
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/check.h"
#include "server/persistence/aof_load.h"
#include "tests/fuzz/input.h"
#include "tests/support/data_commands.h"
#include "tests/support/lone_server.h"

namespace larder {
namespace {

enum Flags : uint8_t { kManifest = 1, kNoTruncated = 2, kNoBase = 4 };

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/larder-fuzz-XXXXXX";
    CHECK(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  void write(const std::string& name, Bytes bytes) const {
    std::ofstream out(path_ + "/" + name, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    CHECK(out.good());
  }

 private:
  std::string path_;
};

struct Loaded {
  std::string error;
  int notices = 0;
};

Loaded load(const Folder& folder, const AofManifest& manifest, bool load_truncated) {
  LoneServer server(add_data_commands, {.shard_bits = 1, .databases = 4});
  Loaded loaded;
  {
    AofLoader loader(server.services(), {.folder = folder.path(),
                                         .load_truncated = load_truncated,
                                         .notice = [&](const std::string&) { ++loaded.notices; },
                                         .progress = {}});
    loaded.error = loader.load(manifest);
  }
  server.store().validate();
  server.store().settle_memory();
  return loaded;
}

void check_files(FuzzInput input, uint8_t flags) {
  static const Folder folder;
  AofManifest manifest;
  const size_t share = input.byte();
  const Bytes rest = input.rest();
  const Bytes base = rest.substr(0, rest.size() * share / 255);
  if ((flags & kNoBase) == 0) manifest.base = manifest.next_base(true);
  if (manifest.base) folder.write(manifest.base->name, base);
  const AofFile increment = manifest.add_increment();
  folder.write(increment.name, manifest.base ? rest.substr(base.size()) : rest);
  const Loaded first = load(folder, manifest, (flags & kNoTruncated) == 0);
  if (!first.error.empty()) return;
  CHECK(first.notices == 0 || (flags & kNoTruncated) == 0);
  const Loaded second = load(folder, manifest, false);
  CHECK(second.error.empty());
  CHECK(second.notices == 0);
}

void check_manifest(Bytes text) {
  AofManifest manifest;
  if (!manifest.parse(text).empty()) return;
  AofManifest again;
  CHECK(again.parse(manifest.text()).empty());
  CHECK(again.base == manifest.base);
  CHECK(again.increments == manifest.increments);
  CHECK(again.history == manifest.history);
  const AofFile fresh = manifest.add_increment();
  const AofFile base = manifest.next_base(true);
  manifest.replace_base(base, fresh);
  AofManifest last;
  CHECK(last.parse(manifest.text()).empty());
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace larder;
  FuzzInput input(data, size);
  const uint8_t flags = input.byte();
  if ((flags & kManifest) != 0) {
    check_manifest(input.rest());
  } else {
    check_files(input, flags);
  }
  return 0;
}
