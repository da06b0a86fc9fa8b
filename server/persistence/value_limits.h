// The options about small values, as storage wants them.
#pragma once

#include "server/engine/services.h"
#include "storage/rdb/value_store.h"

namespace larder {

inline ValueLimits value_limits(const LiveSettings& settings) {
  const auto size = [](const std::atomic<int64_t>& setting) {
    return static_cast<size_t>(setting.load(std::memory_order_relaxed));
  };
  return {
      .hash = {size(settings.hash_pack_fields_max), size(settings.hash_pack_bytes_max)},
      .set = {size(settings.set_integers_max),
              {size(settings.set_pack_members_max), size(settings.set_pack_bytes_max)}},
      .sorted_set = {size(settings.zset_pack_members), size(settings.zset_pack_member_bytes)},
      .list = ListLimits::of_option(settings.list_max_listpack_size.load()),
      .stream = {size(settings.stream_entries_max), size(settings.stream_bytes_max)},
  };
}

}  // namespace larder
