// What the append-only file goes by; the options of the same names in redis.conf.
#pragma once

#include <cstdint>
#include <string>

namespace larder {

enum class AofSync : uint8_t { always, everysec, no };

struct AofOptions {
  bool enabled = false;
  AofSync sync = AofSync::everysec;
  std::string folder = "appendonlydir";      // appenddirname, in the working directory
  std::string file_name = "appendonly.aof";  // appendfilename
  bool load_truncated = true;
  bool rdb_base = true;                      // aof-use-rdb-preamble
  bool timestamps = false;
  bool no_sync_on_rewrite = false;
  bool keep_history = false;                 // aof-disable-auto-gc
  int64_t growth_percent = 100;              // 0: never rewritten by itself
  uint64_t rewrite_bytes_min = 64 << 20;
};

}  // namespace larder
