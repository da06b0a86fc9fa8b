#include "server/engine/acl/log.h"

#include <algorithm>

namespace larder {
namespace {

bool is_similar(const AclLog::Entry& entry, const AclDenial& denial, int64_t now_ms) {
  const AclDenial& other = entry.denial;
  return now_ms - entry.updated_ms <= AclLog::kSimilarMs && other.reason == denial.reason &&
         other.context == denial.context && other.object == denial.object &&
         other.user == denial.user;
}

}  // namespace

void AclLog::add(AclDenial denial, int64_t now_ms, size_t entries_max) {
  denied_[static_cast<size_t>(denial.reason)].fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  const auto depth = static_cast<ptrdiff_t>(std::min(entries_.size(), kSimilarDepth));
  const auto end = entries_.begin() + depth;
  const auto found = std::find_if(
      entries_.begin(), end, [&](const Entry& entry) { return is_similar(entry, denial, now_ms); });
  if (found != end) {
    found->denial.client_info = std::move(denial.client_info);
    found->updated_ms = now_ms;
    ++found->count;
    std::rotate(entries_.begin(), found, found + 1);
    return;
  }
  entries_.push_front({std::move(denial), next_id_++, 1, now_ms, now_ms});
  if (entries_.size() > entries_max) entries_.resize(entries_max);
}

std::vector<AclLog::Entry> AclLog::newest(size_t count) const {
  std::lock_guard lock(mutex_);
  const auto taken = static_cast<ptrdiff_t>(std::min(count, entries_.size()));
  return {entries_.begin(), entries_.begin() + taken};
}

void AclLog::reset() {
  std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace larder
