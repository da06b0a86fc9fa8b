#include "server/engine/trouble.h"

#include "server/engine/append_only.h"
#include "server/engine/call.h"
#include "server/engine/errors.h"

namespace larder {
namespace {

constexpr const char* kSaveFailedText =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is configured "
    "to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
    "option). Please check the Redis logs for details about the RDB error.";

}  // namespace

Status disk_refusal(Services& services, uint32_t trouble) {
  if ((trouble & kSaveFailed) != 0) return Status::error(kSaveFailedText);
  if ((trouble & kAofFailed) == 0) return Status::ok();
  return Status::error("MISCONF Errors writing to the AOF file: " +
                       services.append_only->last_error());
}

Status replication_refusal(uint32_t trouble, const GateQuestion& question) {
  if ((trouble & kTooFewReplicas) != 0 && question.writes) {
    return Status::error("NOREPLICAS Not enough good replicas to write.");
  }
  if ((trouble & kReadOnlyReplica) != 0 && question.writes) {
    return Status::error(errors::kReadOnlyReplica);
  }
  if ((trouble & kStaleReplica) != 0 && !question.runs_stale) {
    return Status::error(
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
  }
  return Status::ok();
}

bool obeys(Call& call) { return call.now_ms() == Call::kNoClock; }

}  // namespace larder
