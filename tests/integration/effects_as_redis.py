#!/usr/bin/env python3
"""What random commands left in larder-server comes back from its append-only file: in a second
larder-server and in a real redis-server, with every type, value and time. And the reverse: a file
that redis-server wrote, loaded here.

    effects_as_redis.py LARDER_SERVER [--seed N] [--commands N]

Prints the seed; the first difference ends the run with code 1.
"""
import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

from same_as_redis import FAMILIES, Server, some

# Kept whole by everybody; the server's own choices of time must not matter.
OPTIONS = ["--appendonly", "yes", "--appendfsync", "no", "--save", ""]
STREAMS = ["st", "su"]
LISTS = ["l", "m"]
DATABASES = 4


class Keeper(Server):
    """A server whose folder outlives it."""

    def __init__(self, command, folder, options=()):
        self.path = folder
        super().__init__(command + ["--dir", folder] + OPTIONS + list(options))
        deadline = time.monotonic() + 20
        while self.ask(["PING"]) != b"+PONG\r\n":
            assert time.monotonic() < deadline, "the server does not get ready"
            time.sleep(0.02)

    def end(self):
        self.ask_quietly(["SHUTDOWN", "NOSAVE"])
        self.process.wait(timeout=20)
        self.folder.cleanup()

    def ask_quietly(self, words):
        try:
            self.ask(words)
        except (OSError, ValueError):
            pass


def timed_command(dice):
    key, other = some(dice, ["a", "b", "tmp"]), some(dice, ["a", "b", "c"])
    life = some(dice, ["1", "5", "20", "500000", "900000"])
    return some(dice, [
        ["SET", key, "v", "PX", life], ["SET", key, "w", "EX", "5000", "GET"],
        ["SET", key, "x", "KEEPTTL", "GET"], ["GETEX", key, "PX", life], ["GETEX", key, "PERSIST"],
        ["PEXPIRE", key, life], ["PEXPIRE", key, "-1"], ["PEXPIREAT", key, "1000"],
        ["PSETEX", key, life, "y"], ["SETEX", key, "4000", "z"], ["EXPIRE", other, "7000", "NX"],
        ["INCRBYFLOAT", "n", "0.1"], ["HINCRBYFLOAT", "h", "f", "0.3"], ["SADD", key, "m"],
        ["PEXPIRE", some(dice, ["l", "s", "h", "z1", "st"]), some(dice, ["15", "600000"])],
        ["COPY", key, other, "REPLACE"], ["RENAME", key, other], ["GETSET", key, "g"],
        ["GETDEL", key], ["PERSIST", key], ["SETRANGE", key, "3", "abc"], ["TTL", key]])


def taking_command(dice):
    key, other = some(dice, LISTS), some(dice, LISTS)
    count = str(dice.randint(1, 4))
    return some(dice, [
        ["SPOP", "s"], ["SPOP", "s", count], ["SPOP", "t", "100"], ["SADD", "s", "1", "2", "q"],
        ["BLPOP", key, other, "0.001"], ["BRPOP", key, "0.001"],
        ["BLMOVE", key, other, "LEFT", "RIGHT", "0.001"], ["BRPOPLPUSH", key, other, "0.001"],
        ["BLMPOP", "0.001", "2", key, other, "RIGHT", "COUNT", count],
        ["LMPOP", "2", key, other, "LEFT", "COUNT", count], ["RPUSH", key, "1", "x", "2.5"],
        ["BZPOPMIN", "z1", "z2", "0.001"], ["BZPOPMAX", "z2", "0.001"],
        ["BZMPOP", "0.001", "2", "z1", "z3", "MAX", "COUNT", count],
        ["ZMPOP", "2", "z2", "z3", "MIN", "COUNT", count], ["ZADD", "z1", "1.5", "a", "2", "b"],
        ["SORT", "l", "ALPHA", "STORE", "m"], ["SORT", "s", "BY", "nosort", "STORE", "l"],
        ["GEOADD", "geo", "13.361389", "38.115556", "P", "15.087269", "37.502669", "C"],
        ["GEORADIUS", "geo", "15", "37", "300", "km", "STORE", "z3"],
        ["GEOSEARCHSTORE", "z2", "geo", "FROMLONLAT", "15", "37", "BYRADIUS", "300", "km",
         "COUNT", "1", "ANY"],
        ["PFADD", "hll", count, str(dice.random())], ["PFMERGE", "hll2", "hll"],
        ["BITOP", "OR", "c", "a", "b"], ["SMOVE", "s", "t", "1"]])


def stream_command(dice):
    key, group = some(dice, STREAMS), some(dice, ["g1", "g2"])
    consumer, count = some(dice, ["c1", "c2", "c3"]), str(dice.randint(1, 4))
    number = str(dice.randint(1, 30))
    return some(dice, [
        ["XADD", key, "*", "f", "v"], ["XADD", key, "*", "f", "v", "g", number],
        ["XADD", key, "MAXLEN", "~", "20", "*", "f", "w"],
        ["XADD", key, "MAXLEN", count, "*", "f", "x"], ["XADD", key, "NOMKSTREAM", "*", "f", "y"],
        ["XADD", key, "MINID", "~", number + "-1", number + "-*", "f", "z"],
        ["XTRIM", key, "MAXLEN", "~", number], ["XTRIM", key, "MAXLEN", number],
        ["XDEL", key, number + "-1"], ["XGROUP", "CREATE", key, group, "$", "MKSTREAM"],
        ["XGROUP", "CREATE", key, group, "0"], ["XGROUP", "CREATECONSUMER", key, group, consumer],
        ["XGROUP", "DELCONSUMER", key, group, consumer], ["XGROUP", "SETID", key, group, "0"],
        ["XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", key, ">"],
        ["XREADGROUP", "GROUP", group, consumer, "STREAMS", "st", "su", ">", ">"],
        ["XREADGROUP", "GROUP", group, consumer, "NOACK", "COUNT", count, "STREAMS", key, ">"],
        ["XAUTOCLAIM", key, group, consumer, "0", "0", "COUNT", count],
        ["XAUTOCLAIM", key, group, consumer, "0", "0", "JUSTID"],
        ["XDEL-FIRST", key], ["XACK-FIRST", key, group], ["XCLAIM-FIRST", key, group, consumer],
        ["XCLAIM-FIRST", key, group, consumer, "RETRYCOUNT", "5", "LASTID", number + "-9"]])


SCRIPTS = [
    "redis.call('INCR', KEYS[1]) return redis.call('PEXPIRE', KEYS[1], 700000)",
    "redis.call('SADD', 's', ARGV[1], 'x') return redis.call('SPOP', 's')",
    "redis.call('SET', KEYS[1], ARGV[1], 'EX', 3000) redis.call('SELECT', 1) "
    "redis.call('APPEND', KEYS[1], 'z')",
    "redis.call('XADD', 'st', '*', 'by', 'script') return redis.pcall('LPUSH', 's', 'wrong')",
    "redis.call('RPUSH', 'l', 1, 2) redis.call('LMPOP', 1, 'l', 'LEFT') error('half way')",
    "return redis.call('GET', 'tmp')"]


def script_command(dice):
    key = some(dice, ["a", "b", "n", "tmp"])
    return ["EVAL", some(dice, SCRIPTS), "1", key, str(dice.randint(0, 9))]


# In a form of their own, for a server that does not know them.
def own_command(dice):
    key = some(dice, ["a", "b", "c"])
    return some(dice, [
        ["SET", key, "q", "IFEQ", "v"], ["SET", key, "r", "IFNE", "v", "PX", "800000"],
        ["DELIFEQ", key, "q"], ["DELEX", key], ["DELEX", key, "IFNE", "r"],
        ["MSETEX", "2", key, "1", "b", "2", "EX", "9000"],
        ["MSETEX", "2", key, "3", "c", "4", "KEEPTTL"], ["HGETDEL", "h", "FIELDS", "2", "f", "g"]])


EFFECTFUL = [timed_command, taking_command, stream_command, script_command]


def first_id(server, key):
    entries = server.ask(["XRANGE", key, "-", "+", "COUNT", "1"])
    return entries[0][0].decode() if isinstance(entries, list) and entries else "1-1"


def real_words(server, words):
    """Commands about an entry that is there."""
    if words[0] == "XDEL-FIRST":
        return ["XDEL", words[1], first_id(server, words[1])]
    if words[0] == "XACK-FIRST":
        return ["XACK", words[1], words[2], first_id(server, words[1])]
    if words[0] == "XCLAIM-FIRST":
        return ["XCLAIM"] + words[1:4] + ["0", first_id(server, words[1])] + words[4:]
    return words


def waiting_client(server, dice):
    """A pop that is served by a later push, or by an older element."""
    server.ask(["SELECT", "0"])
    waiter = Server.__new__(Server)
    waiter.socket = __import__("socket").create_connection(("127.0.0.1", server.port))
    waiter.file = waiter.socket.makefile("rb")
    words = some(dice, [["BLPOP", "l", "0"], ["BLMOVE", "l", "m", "LEFT", "LEFT", "0"],
                        ["BLMPOP", "0", "1", "l", "LEFT", "COUNT", "2"]])
    waiter.socket.sendall(b"".join([b"*%d\r\n" % len(words)] + [
        b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words]))
    server.ask(["DEL", "l"]) if dice.random() < 0.5 else None
    server.ask(["TYPE", "l"])
    if server.ask(["TYPE", "l"]) not in (b"+none\r\n", b"+list\r\n"):
        server.ask(["DEL", "l"])
    if server.ask(["TYPE", "m"]) not in (b"+none\r\n", b"+list\r\n"):
        server.ask(["DEL", "m"])
    server.ask(["MULTI"])
    server.ask(["RPUSH", "l", "p1", "p2", "p3"])
    server.ask(["INCR", "pushes"])
    server.ask(["EXEC"])
    waiter.socket.settimeout(10)
    waiter.reply()
    waiter.socket.close()


def exercise(server, dice, count, families):
    for _ in range(count):
        chance = dice.random()
        if chance < 0.004:
            waiting_client(server, dice)
        elif chance < 0.03:
            server.ask(["MULTI"])
            for _ in range(dice.randint(0, 5)):
                words = some(dice, families)(dice)
                if words[0] not in ("SELECT", "SWAPDB") and not words[0].endswith("-FIRST"):
                    server.ask(words)
            server.ask(["EXEC"])
        else:
            server.ask(real_words(server, some(dice, families)(dice)))
        if chance > 0.9995:
            server.ask(["BGREWRITEAOF"])
            server.ask(["CONFIG", "SET", "aof-timestamp-enabled", some(dice, ["yes", "no"])])
        if chance > 0.998:
            time.sleep(0.03)  # short lives end
    time.sleep(0.1)


def pending_of(server, key, group):
    entries = server.ask(["XPENDING", key, group, "-", "+", "100000"])
    return [(entry[0], entry[1], entry[3]) for entry in entries]


def stream_facts(server, key):
    facts = server.ask(["XINFO", "STREAM", key])
    named = dict(zip(facts[::2], facts[1::2]))
    wanted = [b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added"]
    groups = []
    for group in server.ask(["XINFO", "GROUPS", key]):
        about = dict(zip(group[::2], group[1::2]))
        name = about[b"name"].decode("latin-1")
        consumers = server.ask(["XINFO", "CONSUMERS", key, name])
        groups.append(([about[fact] for fact in (b"name", b"last-delivered-id", b"entries-read")],
                       sorted(consumer[1] for consumer in consumers),
                       pending_of(server, key, name)))
    return [named[fact] for fact in wanted], groups, server.ask(["XRANGE", key, "-", "+"])


def value_of(server, kind, key):
    if kind == b"+string\r\n":
        return server.ask(["GET", key])
    if kind == b"+list\r\n":
        return server.ask(["LRANGE", key, "0", "-1"])
    if kind == b"+set\r\n":
        return sorted(server.ask(["SMEMBERS", key]))
    if kind == b"+hash\r\n":
        pairs = server.ask(["HGETALL", key])
        return sorted(zip(pairs[::2], pairs[1::2]))
    if kind == b"+zset\r\n":
        return server.ask(["ZRANGE", key, "0", "-1", "WITHSCORES"])
    return stream_facts(server, key)


def contents(server):
    found = {}
    for db in range(DATABASES):
        server.ask(["SELECT", str(db)])
        for name in sorted(server.ask(["KEYS", "*"])):
            key = name.decode("latin-1")
            kind = server.ask(["TYPE", key])
            found[db, name] = (kind, server.ask(["PEXPIRETIME", key]), value_of(server, kind, key))
    return found


def compare(what, expected, found):
    for place in sorted(expected.keys() | found.keys()):
        if expected.get(place) != found.get(place):
            print(f"{what}, db {place[0]}, key {place[1]!r}:\n before {expected.get(place)}\n"
                  f" after  {found.get(place)}")
            return False
    return True


def loaded(command, folder, options=()):
    copy = tempfile.mkdtemp()
    try:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        server = Keeper(command, copy, options)
        found = contents(server)
        server.end()
        return found
    finally:
        shutil.rmtree(copy)


def written_by(command, seed, count, families, readers):
    folder = tempfile.mkdtemp()
    try:
        server = Keeper(command, folder)
        exercise(server, random.Random(seed), count, families)
        expected = contents(server)
        server.end()
        check = subprocess.run(
            ["redis-check-aof", f"{folder}/appendonlydir/appendonly.aof.manifest"],
            capture_output=True, text=True, check=False)
        if check.returncode != 0:
            print(check.stdout, check.stderr)
            return False
        if command == ["redis-server"]:  # it does not bring everything back itself (entries-read)
            expected = loaded(command, folder)
        return all(compare(f"{command[0]} read by {reader[0]}", expected, loaded(reader, folder))
                   for reader in readers)
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("larder")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--commands", type=int, default=6000)
    given = parser.parse_args()
    larder, redis = [os.path.abspath(given.larder)], ["redis-server"]
    print(f"seed {given.seed}")
    families = FAMILIES + EFFECTFUL * 3
    good = written_by(larder, given.seed, given.commands, families + [own_command],
                      [larder, redis])
    good = good and written_by(redis, given.seed, given.commands, families, [larder])
    print("no difference" if good else "DIFFERENT")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
