// The rows of the append-only file's options, and how its room gets them.
#include <array>
#include <climits>

#include "server/admin/option_rows.h"

namespace larder {
namespace {

using Kind = OptionKind;

std::string apply_append_only(const Options& options, OptionTargets& to) {
  if (to.append_only) to.append_only(options);
  return "";
}

constexpr OptionSpec row(Bytes name, Kind kind, Bytes standard, Bytes summary) {
  return {.name = name, .kind = kind, .standard = standard, .section = OptionSection::persistence,
          .summary = summary, .apply = apply_append_only};
}

constexpr OptionSpec fixed_row(Bytes name, Bytes standard, Bytes summary) {
  return {.name = name, .standard = standard, .section = OptionSection::persistence,
          .summary = summary, .fixed = true, .guarded = true, .file_name = true};
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
    row("appendonly", Kind::boolean, "no", "Keep every write in an append-only file."),
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
        "Begin a new append-only file with an RDB file; a rewritten one always does."),
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
