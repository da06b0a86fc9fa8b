#!/usr/bin/env python3
"""What counts as a change for save points (rdb_changes_since_last_save): the same commands count
the same here and in redis-server. changes_counted.py LARDER_SERVER"""
import os
import re
import sys

import listeners
from listeners import Client, check

COMMANDS = """
SET a 1 | SET a 1 XX KEEPTTL | GETSET a 3 | GETDEL a | MSET a 1 b 2 c 3 | MSETNX d 1 e 2 f 3
APPEND a 1 | SETRANGE a 0 x | SETRANGE a 0 | SETBIT bits 1 1 | BITFIELD bits GET u8 0
BITFIELD bits SET u8 0 1 SET u8 8 1 | BITFIELD bits SET u8 0 1 | BITOP AND dst bits bits
DEL a b c nokey | UNLINK d e | EXPIRE f 100 | EXPIRE f 100 NX | PERSIST f | EXPIRE f -1
SET a 1 | RENAME a b | RENAMENX b c | SET b 2 | RENAME c b | COPY b b3 | MOVE b3 1
RPUSH l 1 2 3 | LPUSH l 1 2 3 | LPUSHX l 1 2 | RPUSHX m 1 2 | LPOP l | LPOP l 2 | RPOP l 2
LSET l 0 x | LINSERT l BEFORE x y | RPUSH l a a a b | LREM l 0 a | LREM l 0 zz | LTRIM l 0 3
LTRIM l 0 100 | LTRIM l 5 1 | RPUSH l 1 2 3 | LMOVE l l2 LEFT RIGHT | RPOPLPUSH l l2
LMPOP 2 l l2 LEFT COUNT 2 | RPUSH l 1 2 3 | BLMOVE l l2 LEFT RIGHT 1 | BLMPOP 1 1 l LEFT COUNT 2
SADD s a b c d e f | SADD s a b | SADD s x a y | SREM s x y zz | SPOP s | SPOP s 2 | SPOP s 100
SADD s a b c | SADD t a b z | SMOVE s t c | SMOVE s t a | SMOVE s t nothere | SINTERSTORE d s t
SINTERSTORE d t t | SINTERSTORE d nokey t | SUNIONSTORE d t t
HSET h a 1 b 2 c 3 | HSET h a 1 d 3 | HSETNX h a 1 | HMSET h a 1 b 2 | HINCRBY h n 1
HINCRBYFLOAT h n 1.5 | HDEL h a b zz
ZADD z 1 a 2 b 3 c | ZADD z 1 a 2 b 4 c | ZADD z CH 1 a 3 b 9 d | ZADD z NX 1 e 2 f
ZADD z INCR 1 a | ZINCRBY z 0 a | ZREM z a b nothere | ZADD z 1 a 2 b 3 c 4 d 5 e
ZREMRANGEBYSCORE z 1 2 | ZREMRANGEBYRANK z 0 1 | ZREMRANGEBYLEX z - + | ZADD z 1 a 2 b 3 c 4 d
ZPOPMIN z | ZPOPMAX z 2 | ZPOPMIN z 9 | ZADD z 1 a 2 b 3 c 4 d | ZMPOP 1 z MIN COUNT 2
BZMPOP 1 1 z MIN COUNT 2 | ZADD z 1 a 2 b 3 c | ZUNIONSTORE u 2 z z | ZRANGESTORE u z 0 1
GEOADD g 1 1 a 2 2 b | GEOADD g CH 1 1 a 3 2 b | GEORADIUS g 1 1 1000 km STORE near
GEOSEARCHSTORE near g FROMMEMBER a BYRADIUS 1000 km | PFADD p a b c | PFADD p a | PFADD q
PFCOUNT p | PFCOUNT p | PFADD p x | PFCOUNT p q | PFCOUNT p | PFCOUNT none
PFMERGE q p | RPUSH sl 3 1 2 | SORT sl STORE sorted
XADD x 1-1 a 1 | XADD x MAXLEN 1 1-3 a 1 | XADD x 2-1 a 1 | XADD x 2-2 a 1 | XTRIM x MAXLEN 1
XADD x 2-3 a 1 | XDEL x 2-3 2-2 9-9 | XGROUP CREATE x g 0 | XSETID x 9-9 | XGROUP DESTROY x g
XADD y 1-1 a 1 | XADD y 2-1 a 1 | XADD y 3-1 a 1 | XGROUP CREATE y g 0
XGROUP CREATECONSUMER y g c | XGROUP CREATECONSUMER y g d | XGROUP CREATECONSUMER y g e
XCLAIM y g c 0 1-1
XCLAIM y g c 0 1-1 2-1 3-1 FORCE JUSTID | XDEL y 2-1 | XCLAIM y g d 0 1-1 2-1 JUSTID
XAUTOCLAIM y g e 0 0 COUNT 10 JUSTID | XACK y g 1-1 3-1 9-9
MULTI | SET a 1 | RPUSH l 1 2 | EXEC | FUNCTION FLUSH | PUBLISH a b | FLUSHDB
"""


def counted(client):
    return int(re.search(r"changes_since_last_save:(\d+)", client("INFO", "persistence")).group(1))


def test_larder_counts_as_redis(server):
    redis = listeners.servers.Server("redis", "redis-server", [])
    clients = Client(server), Client(redis)
    watchers = Client(server), Client(redis)
    try:
        for line in COMMANDS.strip().replace("\n", "|").split("|"):
            before = [counted(watcher) for watcher in watchers]
            replies = [client(*line.split()) for client in clients]
            if line.split()[0] != "SPOP":
                check(line, replies[0], replies[1])
            after = [counted(watcher) for watcher in watchers]
            check(line, after[0] - before[0], after[1] - before[1])
    finally:
        redis.stop()


def main():
    test = test_larder_counts_as_redis
    test.__name__ = test.__name__.removeprefix("test_")
    sys.exit(listeners.run(os.path.abspath(sys.argv[1]), [test]))


if __name__ == "__main__":
    main()
