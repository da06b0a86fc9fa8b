// The rows of the append-only file's options, and how its room gets them.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string>

#include "base/files.h"
#include "server/admin/log.h"
#include "server/admin/option_rows.h"

namespace larder {
namespace {

using Kind = OptionKind;

std::string apply_append_only(const Options& options, OptionTargets& to) {
  if (to.append_only) to.append_only(options);
  return "";
}

// Files can be made in that folder, or where it is to be made.
bool can_write_in(const std::string& folder) {
  if (::access((folder + "/.").c_str(), W_OK | X_OK) == 0) return true;
  return errno == ENOENT && ::access(".", W_OK | X_OK) == 0;
}

// Switching on is refused where it could only fail.
std::string apply_switch(const Options& options, OptionTargets& to) {
  const std::string& folder = options.text("appenddirname");
  if (to.append_only && options.is_on("appendonly") && !can_write_in(folder)) {
    to.log.warning(failure("Can't write in " + folder));
    return "Unable to turn on AOF. Check server logs.";
  }
  return apply_append_only(options, to);
}

constexpr OptionSpec row(Bytes name, Kind kind, Bytes standard, Bytes summary) {
  return {.name = name, .kind = kind, .standard = standard, .section = OptionSection::persistence,
          .summary = summary, .apply = apply_append_only};
}

constexpr OptionSpec fixed_row(Bytes name, Bytes standard, Bytes summary) {
  return {.name = name, .standard = standard, .section = OptionSection::persistence,
          .summary = summary, .fixed = true, .guarded = true, .file_name = true};
}

constexpr OptionSpec switch_row() {
  OptionSpec option =
      row("appendonly", Kind::boolean, "no", "Keep every write in an append-only file.");
  option.loaded_from = true;
  option.apply = apply_switch;
  return option;
}

constexpr OptionSpec sync_row() {
  OptionSpec option = row("appendfsync", Kind::choice, "everysec",
                          "When the append-only file is synced to disk: before a write is "
                          "answered, once a second, or when the system likes.");
  option.choices = "everysec always no";
  return option;
}

constexpr OptionSpec growth_row() {
  OptionSpec option = row("auto-aof-rewrite-percentage", Kind::integer, "100",
                          "Growth, in percent since it was last rewritten, at which the "
                          "append-only file is rewritten; 0: never by itself.");
  option.high = INT_MAX;
  return option;
}

constexpr std::array kRows = std::to_array<OptionSpec>({
    switch_row(),
    sync_row(),
    fixed_row("appenddirname", "appendonlydir", "Folder of the append-only file, within dir."),
    fixed_row("appendfilename", "appendonly.aof", "Beginning of the names of its files."),
    row("no-appendfsync-on-rewrite", Kind::boolean, "no",
        "Do not sync the append-only file while it is rewritten."),
    growth_row(),
    row("auto-aof-rewrite-min-size", Kind::memory, "67108864",
        "Bytes below which the append-only file is not rewritten by itself."),
    row("aof-load-truncated", Kind::boolean, "yes",
        "Start although the append-only file ends in the middle of a request: cut that off."),
    row("aof-use-rdb-preamble", Kind::boolean, "yes",
        "Begin the append-only file with an RDB file; otherwise with requests, which take longer "
        "to write and to load."),
    row("aof-timestamp-enabled", Kind::boolean, "no",
        "Note the time in the append-only file, once a second; older versions of Redis can't read "
        "that."),
    row("aof-disable-auto-gc", Kind::boolean, "no",
        "Keep the files that a rewrite has replaced, and list them in the manifest."),
    {.name = "aof-rewrite-incremental-fsync", .kind = Kind::boolean, .standard = "yes",
     .section = OptionSection::persistence,
     .summary = "Kept for redis.conf: a rewritten file is always synced in pieces.",
     .standing = Standing::moot},
});

}  // namespace

std::span<const OptionSpec> append_only_options() { return kRows; }

AofOptions aof_options(const Options& options) {
  AofOptions aof;
  const std::string& sync = options.text("appendfsync");
  aof.enabled = options.is_on("appendonly");
  aof.sync = sync == "always" ? AofSync::always : sync == "no" ? AofSync::no : AofSync::everysec;
  aof.folder = options.text("appenddirname");
  aof.file_name = options.text("appendfilename");
  aof.load_truncated = options.is_on("aof-load-truncated");
  aof.rdb_base = options.is_on("aof-use-rdb-preamble");
  aof.timestamps = options.is_on("aof-timestamp-enabled");
  aof.no_sync_on_rewrite = options.is_on("no-appendfsync-on-rewrite");
  aof.keep_history = options.is_on("aof-disable-auto-gc");
  aof.growth_percent = options.integer("auto-aof-rewrite-percentage");
  aof.rewrite_bytes_min = static_cast<uint64_t>(options.integer("auto-aof-rewrite-min-size"));
  return aof;
}

}  // namespace larder
