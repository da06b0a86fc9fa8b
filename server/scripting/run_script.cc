#include "server/scripting/run_script.h"

#include "base/numbers.h"
#include "server/engine/dispatcher.h"
#include "server/engine/errors.h"
#include "server/engine/trouble.h"

namespace larder {
namespace {

constexpr size_t kFirstKey = 3;

// A replica without its primary runs only scripts that say they may, and a server that must not be
// written to only those that say they do not, or say nothing: these are stopped when they do it.
Status allowed(ScriptJob& job, bool read_only) {
  const uint32_t trouble = job.call.settings().trouble.load(std::memory_order_relaxed);
  const bool writes = !job.flags.compatible && !job.flags.no_writes;
  if (trouble != 0 && !obeys(job.call)) [[unlikely]] {
    const bool will_write = writes && !read_only;
    Status refusal = will_write ? disk_refusal(job.call.services(), trouble) : Status::ok();
    if (refusal.is_ok()) {
      refusal = replication_refusal(trouble, {will_write, job.flags.allow_stale});
    }
    if (!refusal.is_ok()) return refusal;
  }
  if (!writes) return Status::ok();
  if (read_only) {
    return Status::error("ERR Can not execute a script with write flag using *_ro command.");
  }
  if (job.out_of_memory && !job.flags.allow_oom) return Status::error(errors::kOutOfMemory);
  return Status::ok();
}

}  // namespace

Status split_keys(Call& call, const char* not_a_number, ScriptJob& job) {
  const std::optional<int64_t> count = parse_int64(call.arg(2));
  const size_t most = call.arg_count() - kFirstKey;
  if (!count) return Status::error(not_a_number);
  if (*count > static_cast<int64_t>(most)) {
    return Status::error("ERR Number of keys can't be greater than number of args");
  }
  if (*count < 0) return Status::error("ERR Number of keys can't be negative");
  job.keys = call.args().subspan(kFirstKey, static_cast<size_t>(*count));
  job.args = call.args().subspan(kFirstKey + static_cast<size_t>(*count));
  return Status::ok();
}

Status run_script(ScriptJob& job, bool read_only) {
  job.out_of_memory = job.call.dispatcher().is_out_of_memory();
  if (Status status = allowed(job, read_only); !status.is_ok()) return status;
  job.read_only = read_only || job.flags.no_writes;
  return job.call.services().scripts.run(job);
}

}  // namespace larder
