#!/usr/bin/env python3
"""Sends the same random commands to larder-server and to redis-server and compares the replies.

    same_as_redis.py LARDER_SERVER [--seed N] [--commands N]

Prints the seed; the first difference ends the run with code 1.
"""
import argparse
import collections
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

RECENT = 12  # commands shown before a difference
KEYS = ["a", "b", "c", "bits", "n"]
FIELDS = ["f", "g", "", "1", "01", "-7", "100000", "\x00\xff", "x" * 64, "y" * 65]
NUMBERS = ["0", "1", "-1", "7", "100", "-100", "9223372036854775807", "1e3", "x", "", " 1",
           "4294967296"]
# None ends within the run: the two servers would not see that at the same command.
LIVES = ["0", "-1", "1000000", "2000000", "x", "9223372036854775807", "1e6", ""]
LISTS = ["l", "m", "a"]
VALUES = ["", "x", "hello world", "12", "-3", "3.5", "\x00\xff\x01", "a" * 50,
          "9223372036854775807"]
ITEMS = VALUES + ["x", "y", "5", "-77", "300", "70000", "b" * 300, "c" * 9000]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, command):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            command + ["--port", str(self.port), "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder.name)
        for _ in range(100):
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port))
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.socket.makefile("rb")

    def ask(self, words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word.encode("latin-1")
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self.reply() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        return line

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def some(dice, words):
    return dice.choice(words)


def string_command(dice):
    key, other = some(dice, KEYS), some(dice, KEYS)
    value, number = some(dice, VALUES), some(dice, NUMBERS)
    life = some(dice, LIVES)
    small = str(dice.randint(-12, 60))
    options = some(dice, [[], ["NX"], ["XX"], ["GET"], ["EX", "5000"], ["PX", life], ["KEEPTTL"],
                          ["NX", "XX"], ["EX", life, "GET"], ["FOO"]])
    return some(dice, [
        ["SET", key, value] + options, ["GET", key], ["APPEND", key, value], ["STRLEN", key],
        ["SETRANGE", key, small, value], ["GETRANGE", key, small, str(dice.randint(-12, 60))],
        ["SUBSTR", key, small, "-1"], ["INCR", key], ["DECR", key], ["INCRBY", key, number],
        ["DECRBY", key, number], ["INCRBYFLOAT", key, number], ["GETSET", key, value],
        ["GETDEL", key], ["GETEX", key] + some(dice, [[], ["PERSIST"], ["EX", life], ["FOO"]]),
        ["SETNX", key, value], ["SETEX", key, life, value], ["PSETEX", key, life, value],
        ["MSET", key, value, other, number], ["MSETNX", key, value, other, number],
        ["MGET", key, other, "missing"], ["MSET", key],
        ["LCS", key, other] + some(dice, [[], ["LEN"], ["IDX"], ["IDX", "MINMATCHLEN", small],
                                          ["IDX", "WITHMATCHLEN"], ["LEN", "IDX"]])])


def key_command(dice):
    key, other, number = some(dice, KEYS), some(dice, KEYS), some(dice, NUMBERS)
    return some(dice, [
        ["DEL", key, other], ["UNLINK", key], ["EXISTS", key, other, key], ["TYPE", key],
        ["TOUCH", key, "missing"], ["RENAME", key, other], ["RENAMENX", key, other],
        ["COPY", key, other] + some(dice, [[], ["REPLACE"], ["DB", number], ["FOO"]]),
        ["MOVE", key, number], ["EXPIRE", key, some(dice, LIVES)] + some(
            dice, [[], ["NX"], ["XX"], ["GT"], ["LT"], ["NX", "GT"], ["GT", "LT"], ["FOO"]]),
        ["EXPIREAT", key, number], ["PERSIST", key], ["TTL", key], ["EXPIRETIME", key],
        ["OBJECT", "REFCOUNT", "missing"], ["DBSIZE"],
        ["SELECT", some(dice, ["0", "0", "1", "99", "x"])],
        ["SWAPDB", "0", number], ["PING"], ["PING", "a", "b"], ["ECHO", key], ["FOO", key],
        ["OBJECT", "FOO"], ["GET"], ["KEYS", "[ab"], ["EXPIRE", key, "5000"]])


def bit_command(dice):
    key, other = some(dice, KEYS), some(dice, KEYS)
    bit, offset = some(dice, ["0", "1", "2"]), str(dice.randint(-3, 200))
    low, high = str(dice.randint(-40, 90)), str(dice.randint(-40, 90))
    unit = some(dice, [[], ["BIT"], ["BYTE"]])
    steps = []
    for _ in range(dice.randint(0, 3)):
        kind = some(dice, ["u8", "i8", "i5", "u63", "i64", "u1", "u64", "x"])
        place = some(dice, ["#", ""]) + str(dice.randint(0, 40))
        amount = some(dice, ["1", "-1", "200", "-200", "9223372036854775807", "x"])
        steps += some(dice, [["GET", kind, place], ["SET", kind, place, amount],
                             ["INCRBY", kind, place, amount],
                             ["OVERFLOW", some(dice, ["WRAP", "SAT", "FAIL", "FOO"])]])
    return some(dice, [
        ["SETBIT", key, offset, bit], ["GETBIT", key, offset], ["BITCOUNT", key],
        ["BITCOUNT", "bits", low, high] + unit, ["BITPOS", "bits", bit, low],
        ["BITPOS", "bits", bit], ["BITPOS", "bits", bit, low, high] + unit,
        ["BITOP", some(dice, ["AND", "OR", "XOR", "NOT", "FOO"]), "c", key, other],
        ["BITOP", "NOT", "c", key], ["SET", "bits", some(dice, VALUES) * 3],
        ["BITFIELD", key] + steps, ["BITFIELD_RO", key] + steps])


def hash_command(dice):
    key, value, number = some(dice, ["h", "i", "a"]), some(dice, VALUES), some(dice, NUMBERS)
    field, other = some(dice, FIELDS), some(dice, FIELDS)
    count = some(dice, ["0", "-1", "100", "x", "9223372036854775807", "-9223372036854775808"])
    return some(dice, [
        ["HSET", key, field, value, other, number], ["HSET", key, field, number],
        ["HSET", key, field], ["HMSET", key, field, value, other], ["HMSET", key, field, value],
        ["HSETNX", key, field, value], ["HGET", key, field], ["HMGET", key, field, other],
        ["HGETALL", key], ["HKEYS", key], ["HVALS", key], ["HLEN", key], ["HEXISTS", key, field],
        ["HSTRLEN", key, field], ["HDEL", key, field, other], ["HINCRBY", key, field, number],
        ["HINCRBYFLOAT", key, field, number], ["HRANDFIELD", "missing", count],
        ["HRANDFIELD", key, some(dice, ["0", "100"])], ["HRANDFIELD", key, "100", "WITHVALUES"],
        ["HRANDFIELD", key, "1", "FOO"], ["HSCAN", key, some(dice, ["0", "0", "x"])] + some(
            dice, [["COUNT", "1000"], ["MATCH", "[a-f]*", "COUNT", "1000"], ["FOO"],
                   ["COUNT", "0"], ["COUNT", "x"], ["MATCH"]]),
        ["OBJECT", "ENCODING", "h"], ["TYPE", key]])


def set_command(dice):
    key, other, third = (some(dice, ["s", "t", "u", "a"]) for _ in range(3))
    member, second, number = some(dice, FIELDS), some(dice, FIELDS), some(dice, NUMBERS)
    limit = some(dice, [[], ["LIMIT", "1"], ["LIMIT", "x"], ["LIMIT", "-1"], ["FOO"]])
    return some(dice, [
        ["SADD", key, member, second, number], ["SADD", key, str(dice.randint(-70000, 70000))],
        ["SADD", key, number, "5"], ["SREM", key, member, number], ["SISMEMBER", key, member],
        ["SMISMEMBER", key, member, number], ["SCARD", key], ["SMEMBERS", key],
        ["SPOP", "missing"], ["SPOP", "missing", number], ["SPOP", key, "100000"],
        ["SRANDMEMBER", "missing", number], ["SRANDMEMBER", key, "100000"],
        ["SMOVE", key, other, member], ["SINTER", key, other], ["SUNION", key, other, third],
        ["SDIFF", key, other], ["SDIFF", key, other, third], ["SINTERSTORE", third, key, other],
        ["SUNIONSTORE", third, key, other], ["SDIFFSTORE", third, key, other],
        ["SINTERCARD", "2", key, other] + limit, ["SINTERCARD", number, key, other],
        ["SSCAN", key, "0"] + some(dice, [["COUNT", "1000"], ["MATCH", "[1-5a-d]*", "COUNT",
                                                              "1000"], ["FOO"]]),
        ["TYPE", key]])


def list_command(dice):
    key, other = some(dice, LISTS), some(dice, LISTS)
    value, number = some(dice, ITEMS), some(dice, NUMBERS)
    index, last = str(dice.randint(-12, 12)), str(dice.randint(-12, 12))
    end, end_too = some(dice, ["LEFT", "RIGHT", "left", "UP"]), some(dice, ["LEFT", "RIGHT"])
    values = [some(dice, ITEMS) for _ in range(dice.randint(1, 6))]
    search = some(dice, [[], ["RANK", index], ["COUNT", index], ["MAXLEN", index],
                         ["RANK", index, "COUNT", "0"], ["COUNT", "2", "MAXLEN", last], ["FOO"]])
    return some(dice, [
        ["LPUSH", key] + values, ["RPUSH", key] + values, ["RPUSH", key] + values * 20,
        ["LPUSHX", key, value], ["RPUSHX", key] + values, ["LPOP", key], ["RPOP", key],
        ["LPOP", key, some(dice, [number, "2", "50"])], ["RPOP", key, index], ["LLEN", key],
        ["LRANGE", key, index, last], ["LRANGE", key, "0", "-1"], ["LRANGE", key, number, last],
        ["LINDEX", key, index], ["LINDEX", key, number], ["LSET", key, index, value],
        ["LSET", key, number, value], ["LINSERT", key, "BEFORE", value, some(dice, ITEMS)],
        ["LINSERT", key, "AFTER", value, some(dice, ITEMS)], ["LREM", key, index, value],
        ["LTRIM", key, "-40", "40"], ["LTRIM", key, index, last], ["LPOS", key, value] + search,
        ["RPOPLPUSH", key, other], ["LMOVE", key, other, end, end_too],
        ["LMPOP", some(dice, ["2", "2", "1", number]), key, other, end],
        ["LMPOP", "2", key, other, end_too, "COUNT", number], ["DEL", key], ["COPY", key, other],
        ["RENAME", key, other], ["SET", "a", value], ["TYPE", key]])


UNORDERED = {"KEYS", "HKEYS", "HVALS", "HRANDFIELD", "SMEMBERS", "SINTER", "SUNION", "SDIFF",
             "SRANDMEMBER", "SPOP"}


ZSETS = ["z1", "z2", "z3", "a", "s"]
MEMBERS = ["a", "b", "c", "d", "e", "10", "7", "-3", "", "x" * 70]
# Scores that every version prints with the same digits.
SCORES = ["0", "1", "2", "3.5", "-1", "-2.25", "100", "inf", "-inf", "1e3", "x", "nan", ""]


def score_range(dice):
    return [some(dice, ["", "", "("]) + some(dice, SCORES) for _ in range(2)]


# Ranges of names are for sets of one score, which "lex" is.
def name_range(dice):
    return [some(dice, ["-", "+", "[a", "(b", "[c", "(", "[", "b", "[10"]) for _ in range(2)]


def zset_write(dice):
    key, other, member = some(dice, ZSETS), some(dice, ZSETS), some(dice, MEMBERS)
    score, rank = some(dice, SCORES), str(dice.randint(-7, 7))
    options = some(dice, [[], [], ["NX"], ["XX"], ["GT"], ["LT", "CH"], ["INCR"], ["XX", "INCR"],
                          ["NX", "GT"], ["CH"]])
    pairs = [word for _ in range(dice.randint(1, 4))
             for word in (some(dice, SCORES[:10]), some(dice, MEMBERS))]
    limit = some(dice, [[], ["LIMIT", rank, "2"], ["LIMIT", "0", "-1"], ["LIMIT", "1"]])
    inputs = ["2", other, some(dice, ZSETS)] + some(dice, [[], ["WEIGHTS", "2", "-1"], [
        "AGGREGATE", some(dice, ["MIN", "MAX", "SUM", "FOO"])], ["WEIGHTS", "1"]])
    return some(dice, [
        ["ZADD", key] + options + [score, member], ["ZADD", key] + options + pairs,
        ["ZADD", key] + pairs, ["ZINCRBY", key, score, member], ["ZREM", key, member],
        ["ZREMRANGEBYRANK", key, rank, rank], ["ZREMRANGEBYSCORE", key] + score_range(dice),
        ["ZADD", "lex", "0", member, "0", some(dice, MEMBERS)],
        ["ZREMRANGEBYLEX", "lex"] + name_range(dice), ["ZPOPMIN", key], ["ZPOPMAX", key, rank],
        ["ZMPOP", "2", key, other, some(dice, ["MIN", "MAX", "FOO"])],
        ["ZMPOP", "1", key, "MIN", "COUNT", rank],
        ["ZRANGESTORE", key, other] + score_range(dice) + ["BYSCORE"] + limit,
        ["ZRANGESTORE", key, other, rank, "-1"], ["ZUNIONSTORE", key] + inputs,
        ["ZINTERSTORE", key] + inputs, ["ZDIFFSTORE", key] + inputs[:3],
        ["GEOADD", key, some(dice, ["13.361389", "-179", "0", "181"]), "38.115556", member],
        ["GEOSEARCHSTORE", key, other, "FROMLONLAT", "13", "38", "BYRADIUS", "500", "km"]])


def zset_read(dice):
    key, other, member = some(dice, ZSETS), some(dice, ZSETS), some(dice, MEMBERS)
    rank, last = str(dice.randint(-7, 7)), str(dice.randint(-7, 7))
    scores = some(dice, [[], ["WITHSCORES"]])
    limit = some(dice, [[], [], ["LIMIT", rank, last], ["LIMIT", "0", "-1"]])
    way = some(dice, [[], ["REV"]])
    inputs = ["2", key, other] + some(dice, [[], ["WEIGHTS", "2", "-1"], ["AGGREGATE", "MIN"]])
    return some(dice, [
        ["ZRANGE", key, rank, last] + way + scores,
        ["ZRANGE", key] + score_range(dice) + ["BYSCORE"] + way + limit + scores,
        ["ZRANGE", "lex"] + name_range(dice) + ["BYLEX"] + way + limit,
        ["ZREVRANGE", key, rank, last] + scores,
        ["ZRANGEBYSCORE", key] + score_range(dice) + scores + limit,
        ["ZREVRANGEBYSCORE", key] + score_range(dice) + scores + limit,
        ["ZRANGEBYLEX", "lex"] + name_range(dice) + limit,
        ["ZREVRANGEBYLEX", "lex"] + name_range(dice) + limit,
        ["ZCOUNT", key] + score_range(dice), ["ZLEXCOUNT", "lex"] + name_range(dice),
        ["ZCARD", key], ["ZSCORE", key, member], ["ZMSCORE", key, member, "a"],
        ["ZRANK", key, member], ["ZREVRANK", key, member], ["ZUNION"] + inputs + scores,
        ["ZINTER"] + inputs + scores, ["ZDIFF"] + inputs[:3] + scores,
        ["ZINTERCARD"] + inputs[:3] + some(dice, [[], ["LIMIT", rank]]),
        ["ZRANDMEMBER", "missing", rank], ["OBJECT", "ENCODING", some(dice, ZSETS[:3])],
        ["GEODIST", key, member, "a", "km"], ["GEOHASH", key, member],
        ["GEOPOS", key, member, "a"],
        ["GEOSEARCH", key, "FROMLONLAT", "13", "38", "BYBOX", "900", "900", "km", "ASC",
         "WITHCOORD", "WITHDIST", "WITHHASH"]])


STREAMS = ["x1", "x2", "a"]
CONSUMERS = ["c1", "c2", "c3"]


def some_id(dice):
    return some(dice, ["0", "-", "+", "x", "", "0-0", "18446744073709551615-1"] + [
        f"{dice.randint(1, 60)}-{dice.randint(0, 2)}"] * 9 + [f"{dice.randint(1, 60)}"] * 3)


def stream_write(dice):
    key, one, other = some(dice, STREAMS), some_id(dice), some_id(dice)
    value, count = some(dice, VALUES), str(dice.randint(-1, 6))
    trim = some(dice, [["MAXLEN", count], ["MINID", one], ["MAXLEN", "=", "20"], ["MAXLEN", "x"],
                       ["MINID", "=", other, "LIMIT", "3"], ["FOO", "1"]])
    fields = some(dice, [["f", value], ["f", value, "g", "1"], ["f", value], ["f"]])
    return some(dice, [
        ["XADD", key, one] + fields, ["XADD", key, one] + fields, ["XADD", key, one] + fields,
        ["XADD", key] + trim + [one] + fields, ["XADD", key, "NOMKSTREAM", one] + fields,
        ["XADD", key, f"{dice.randint(1, 60)}-*"] + fields, ["XDEL", key, one, other],
        ["XTRIM", key] + trim, ["XGROUP", "CREATE", key, "g", one] + some(dice, [[], ["MKSTREAM"]]),
        ["XGROUP", "SETID", key, "g", one], ["XGROUP", "DESTROY", key, "g"],
        ["XGROUP", "CREATECONSUMER", key, "g", "c9"], ["DEL", key], ["COPY", key, "x2"],
        ["XGROUP", "DELCONSUMER", key, "g", some(dice, CONSUMERS)]])


def stream_read(dice):
    key, one, other = some(dice, STREAMS), some_id(dice), some_id(dice)
    consumer, count = some(dice, CONSUMERS), some(dice, ["1", "2", "10", "0", "-1", "x"])
    ranged = some(dice, [[], ["COUNT", count]])
    exclusive = some(dice, ["", "", "("])
    return some(dice, [
        ["XRANGE", key, exclusive + one, other] + ranged, ["XRANGE", key, "-", "+"] + ranged,
        ["XREVRANGE", key, one, exclusive + other] + ranged, ["XLEN", key],
        ["XREAD", "STREAMS", key, one], ["XREAD", "COUNT", count, "STREAMS", key, "x2", one, "0"],
        ["XREADGROUP", "GROUP", "g", consumer, "COUNT", count, "STREAMS", key, ">"],
        ["XREADGROUP", "GROUP", "g", consumer, "STREAMS", key, ">"],
        ["XREADGROUP", "GROUP", "g", consumer, "NOACK", "STREAMS", key, ">"],
        ["XREADGROUP", "GROUP", "g", consumer, "COUNT", count, "STREAMS", key, one],
        ["XACK", key, "g", one, other], ["XPENDING", key, "g"],
        ["XPENDING", key, "g", "-", "+", count], ["XPENDING", key, "g", one, other, "10", consumer],
        ["XCLAIM", key, "g", consumer, "0", one, other],
        ["XCLAIM", key, "g", consumer, "0", one, "FORCE", "JUSTID", "RETRYCOUNT", "4"],
        ["XAUTOCLAIM", key, "g", consumer, "0", one, "COUNT", count, "JUSTID"],
        ["XAUTOCLAIM", key, "g", consumer, "0", "-"], ["TYPE", key]])


def stream_command(dice):
    return some(dice, [stream_write, stream_read])(dice)


# Waits are over at once, or there is something.
def blocking_command(dice):
    key, other, end = some(dice, LISTS), some(dice, LISTS), some(dice, ["LEFT", "RIGHT"])
    zset, wait = some(dice, ZSETS), some(dice, ["0.001", "-1", "x", "1e-3"])
    return some(dice, [
        ["BLPOP", key, other, wait], ["BRPOP", key, wait], ["BRPOPLPUSH", key, other, wait],
        ["BLMOVE", key, other, end, "LEFT", wait], ["BLMPOP", wait, "2", key, other, end],
        ["BZPOPMIN", zset, "z1", wait], ["BZPOPMAX", zset, wait],
        ["BZMPOP", wait, "2", zset, "z2", "MIN", "COUNT", "2"],
        ["XREAD", "BLOCK", "1", "STREAMS", some(dice, STREAMS), "$"]])


def zset_command(dice):
    return some(dice, [zset_write, zset_read])(dice)


def comparable(words, reply):
    """Times may differ by a second between the two."""
    if words[0] in ("TTL", "EXPIRETIME") and isinstance(reply, int) and reply > 0:
        return reply // 10
    if words[0] in ("HSCAN", "SSCAN") and isinstance(reply, list):
        return [reply[0], sorted(reply[1])]
    if words[0] == "HGETALL" and isinstance(reply, list):
        return sorted(zip(reply[::2], reply[1::2]))
    if words[0] in UNORDERED and isinstance(reply, list):
        return sorted(reply)
    if words[0] == "XPENDING" and len(words) > 3 and isinstance(reply, list):
        return [row[:2] + row[3:] for row in reply]  # without the time since
    return reply


FAMILIES = [string_command, string_command, key_command, bit_command, hash_command, set_command,
            list_command, list_command, zset_command, zset_command, stream_command,
            stream_command, blocking_command]


def run(larder, seed, count):
    dice = random.Random(seed)
    ours = Server([larder])
    theirs = Server(["redis-server", "--save", "", "--appendonly", "no"])
    try:
        recent = collections.deque(maxlen=RECENT)
        for number in range(count):
            words = some(dice, FAMILIES)(dice)
            mine, expected = ours.ask(words), theirs.ask(words)
            if comparable(words, mine) != comparable(words, expected):
                for earlier in recent:
                    print(f"  before: {earlier}")
                print(f"seed {seed}, command {number}: {words}\n larder {mine}\n redis  {expected}")
                return 1
            recent.append((words, mine))
    finally:
        ours.stop()
        theirs.stop()
    print(f"seed {seed}: {count} commands, no difference")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("larder")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--commands", type=int, default=20000)
    given = parser.parse_args()
    return run(os.path.abspath(given.larder), given.seed, given.commands)


if __name__ == "__main__":
    sys.exit(main())
