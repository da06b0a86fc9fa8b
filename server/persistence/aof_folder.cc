#include "server/persistence/aof_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace larder {
namespace {

// An RDB file of version 10 without keys and without checksum: the base of a new, empty file.
constexpr Bytes kEmptyRdb("REDIS0010\xff\0\0\0\0\0\0\0\0", 18);

}  // namespace

Descriptor open_to_append(const std::string& path, int flags) {
  return Descriptor(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0644));
}

AofFolder::AofFolder(std::string path, std::string file_name)
    : path_(std::move(path)), manifest_(std::move(file_name)) {}

uint64_t AofFolder::bytes() const {
  uint64_t bytes = manifest_.base ? file_bytes(path_of(*manifest_.base)) : 0;
  for (const AofFile& file : manifest_.increments) bytes += file_bytes(path_of(file));
  return bytes;
}

std::string AofFolder::make() {
  if (::mkdir(path_.c_str(), 0755) == 0 || errno == EEXIST) return "";
  return failure("Can't make the folder of the append only file " + path_);
}

std::string AofFolder::read() {
  manifest_ = AofManifest(manifest_.file_name());
  const std::string path = path_of(manifest_.manifest_name());
  if (!file_exists(path)) return "";
  const auto text = read_file(path);
  if (!text) return failure("read " + path);
  const std::string wrong = manifest_.parse(*text);
  return wrong.empty() ? "" : "Invalid AOF manifest file " + path + ": " + wrong;
}

// A server that died in between has listed the file but not moved it.
std::string AofFolder::adopt_single_file(const std::function<void(const std::string&)>& notice) {
  const std::string& old = manifest_.file_name();
  const AofFile base{old, 1};
  const bool listed = manifest_.base == base && manifest_.increments.empty();
  if (!listed && !manifest_.empty()) return "";
  if (!file_exists(old) || (listed && file_exists(path_of(old)))) return "";
  if (std::string error = make(); !error.empty()) return error;
  manifest_.base = base;
  if (std::string error = save(manifest_); !error.empty()) return error;
  if (std::rename(old.c_str(), path_of(old).c_str()) != 0) return failure("rename " + old);
  notice("Moved " + old + " into " + path_ + " as the base of the append only file");
  return sync_folder(".");
}

std::string AofFolder::make_first_base(bool rdb) {
  if (std::string error = make(); !error.empty()) return error;
  const AofFile base = manifest_.next_base(rdb);
  const Bytes nothing = rdb ? kEmptyRdb : Bytes();
  if (std::string error = replace_file(path_of(base), nothing); !error.empty()) return error;
  manifest_.base = base;
  return "";
}

std::string AofFolder::add_increment() {
  const std::string path = path_of(manifest_.add_increment());
  if (!open_to_append(path, O_CREAT)) return failure("Can't make " + path);
  return save(manifest_);
}

std::string AofFolder::list(AofManifest manifest) {
  std::string error = save(manifest);
  if (error.empty()) manifest_ = std::move(manifest);
  return error;
}

std::string AofFolder::delete_history() {
  if (manifest_.history.empty()) return "";
  for (const AofFile& file : manifest_.history) ::unlink(path_of(file).c_str());
  manifest_.history.clear();
  return save(manifest_);
}

std::string AofFolder::save(const AofManifest& manifest) const {
  return replace_file(path_of(manifest.manifest_name()), manifest.text());
}

}  // namespace larder
