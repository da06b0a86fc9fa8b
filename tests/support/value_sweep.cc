#include "tests/support/value_sweep.h"

#include <map>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/quoting.h"

namespace larder {
namespace {

// K stands for the key, '!' marks what changes something.
const std::map<std::string_view, std::vector<std::string>> kRequests = {
    {"string",
     {"GET K", "STRLEN K", "GETRANGE K 0 -1", "BITCOUNT K", "BITPOS K 1", "PFCOUNT K", "INCR K",
      "INCRBYFLOAT K 1.5", "PFADD K x", "!APPEND K tail", "!SETRANGE K 3 xyz", "!SETBIT K 77 1"}},
    {"list",
     {"LLEN K", "LRANGE K 0 -1", "LINDEX K 3", "LINDEX K -2", "LPOS K a", "SORT K ALPHA",
      "!LPUSH K head", "!RPUSH K tail", "!LINSERT K BEFORE tail x", "!LSET K 1 other",
      "!LREM K 0 a", "!RPOPLPUSH K K", "!LMOVE K K LEFT RIGHT", "!LTRIM K 1 -2", "!LPOP K 5"}},
    {"set",
     {"SCARD K", "SMEMBERS K", "SISMEMBER K a", "SMISMEMBER K 1 a text", "SRANDMEMBER K -9",
      "SSCAN K 0 COUNT 100", "SORT K ALPHA", "SINTER K K", "!SADD K 1 x 99999999999", "!SREM K 1 a",
      "!SUNIONSTORE K K", "!SPOP K 3", "!SDIFFSTORE other K K2"}},
    {"zset",
     {"ZCARD K", "ZRANGE K 0 -1 WITHSCORES", "ZRANGE K -inf +inf BYSCORE LIMIT 1 5",
      "ZRANGEBYLEX K - +", "ZREVRANGE K 0 -1", "ZRANK K a", "ZSCORE K b", "ZCOUNT K -1 (7",
      "ZRANDMEMBER K -5 WITHSCORES", "ZSCAN K 0", "GEOPOS K a", "GEODIST K a b",
      "!ZADD K 3 x 2 a", "!ZINCRBY K -4 b", "!ZUNIONSTORE K 2 K K2", "!ZREM K a",
      "!ZREMRANGEBYRANK K 0 0", "!ZPOPMIN K", "!ZPOPMAX K 3"}},
    {"hash",
     {"HLEN K", "HGETALL K", "HGET K a", "HMGET K a f text", "HKEYS K", "HSTRLEN K a",
      "HRANDFIELD K -5 WITHVALUES", "HSCAN K 0 COUNT 100", "HTTL K FIELDS 3 a b f",
      "HPEXPIRETIME K FIELDS 2 a f", "!HSET K a 1 x y", "!HINCRBY K x2 4", "!HPERSIST K FIELDS 1 a",
      "!HEXPIRE K 100 FIELDS 2 a f", "!HDEL K a f"}},
    {"stream",
     {"XLEN K", "XRANGE K - +", "XREVRANGE K + - COUNT 3", "XREAD STREAMS K 0",
      "XINFO STREAM K FULL COUNT 0", "XINFO STREAM K", "XINFO GROUPS K", "XINFO CONSUMERS K group",
      "XPENDING K group", "XPENDING K group - + 10", "XPENDING K group IDLE 1 - + 10 consumer",
      "!XREADGROUP GROUP group consumer STREAMS K >",
      "!XREADGROUP GROUP group consumer STREAMS K 0",
      "!XCLAIM K group other 0 1-0 2-0", "!XAUTOCLAIM K group other 0 0", "!XACK K group 1-0 2-0",
      "!XGROUP CREATE K fresh 0 ENTRIESREAD 2", "!XREADGROUP GROUP fresh c COUNT 2 STREAMS K >",
      "!XGROUP SETID K group 2-0", "!XGROUP DELCONSUMER K group consumer", "!XADD K * f v",
      "!XADD K MAXLEN ~ 5 * f v", "!XDEL K 1-0 3-0", "!XTRIM K MAXLEN 2", "!XSETID K 5-0",
      "!XGROUP DESTROY K group"}},
};

// Reading and changing of any type.
const std::vector<std::string> kOfAll = {
    "OBJECT ENCODING K",   "OBJECT IDLETIME K", "PTTL K",
    "DUMP K", "!COPY K K2 REPLACE", "!EXPIRE K 1000",
    "!PERSIST K",          "!RENAME K K3",      "!RENAME K3 K"};

void ask(LoneServer& server, const std::string& key, std::string text) {
  const bool changes = text[0] == '!';
  if (changes) text.erase(0, 1);
  auto words = split_line(text);
  CHECK(words);
  for (std::string& word : *words) {
    if (word[0] == 'K' && word.size() <= 2) word.replace(0, 1, key);
  }
  (void)server.ask(*words);
  if (changes) server.store().validate();
}

}  // namespace

void sweep_value(LoneServer& server, const std::string& key) {
  std::string type = server.ask({"TYPE", key});  // +zset\r\n
  type = type.substr(1, type.size() - 3);
  for (const std::string& request : kOfAll) ask(server, key, request);
  const auto found = kRequests.find(type);
  if (found == kRequests.end()) return;
  for (const std::string& request : found->second) ask(server, key, request);
  ask(server, key, "!COPY K K2 REPLACE");
  ask(server, key, "!UNLINK K");
  ask(server, key + "2", "!DEL K");
}

}  // namespace larder
