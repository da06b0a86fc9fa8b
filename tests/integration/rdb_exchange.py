#!/usr/bin/env python3
"""Values and files go from larder-server to redis-server and back, of every type and encoding.

    rdb_exchange.py LARDER_SERVER
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from listeners import check, plain
import resp
import servers

LARDER = sys.argv[1]
# What Redis 7.0 calls otherwise than 7.2 and we do.
ENCODINGS = {"quicklist": "list", "listpack": "small", "intset": "small", "embstr": "string",
             "int": "string", "raw": "string"}


class Client(resp.Connection):
    def __call__(self, *words):
        kind, value = self.raw(*words)
        if kind == "error":
            raise AssertionError(f"{words[:3]!r:.200}: {value!r}")
        return flat((kind, value))

    def raw(self, *words):
        return self.ask([w if isinstance(w, bytes) else str(w).encode() for w in words])


def flat(reply):
    kind, value = reply
    if kind in ("array", "set"):
        return [flat(each) for each in value]
    return value


def fill(client):
    """Keys of every type, small and big, with and without expiries."""
    client("SET", "string", "hello"), client("SET", "int", 12345), client("SET", "min", -2**63)
    client("SET", "empty", ""), client("SET", "long", b"ab\x00\xff" * 3000)
    client("SET", "random", os.urandom(50_000)), client("SET", "zeros", b"\0" * 300_000)
    client("SET", "expiring", "x", "PX", 10_000_000)
    for name, count in (("small", 5), ("big", 3000)):
        client("RPUSH", f"list:{name}", *(f"item{i}" for i in range(count)))
        client("RPUSH", f"list:ints:{name}", *(i * i * 1000 - 5 for i in range(count)))
        client("SADD", f"set:{name}", *(f"member{i}" for i in range(count)))
        client("SADD", f"set:ints:{name}", *(i * 70_000 for i in range(count)))
        client("SADD", f"set:mixed:{name}", *(i if i % 2 else f"m{i}" for i in range(count)))
        client("HSET", f"hash:{name}", *(w for i in range(count) for w in (f"f{i}", i * 7)))
        client("ZADD", f"zset:{name}", *(w for i in range(count) for w in (i / 3, f"m{i}")))
        client("ZADD", f"zset:ints:{name}", *(w for i in range(count) for w in (i % 10, f"m{i}")))
        for i in range(count):
            client("XADD", f"stream:{name}", f"{i + 1}-{i % 3}", "field", i, "other", "x" * (i % 9))
        client("XADD", f"stream:{name}", "9999999-1", "another", "1")
        client("XDEL", f"stream:{name}", "2-1")
    client("RPUSH", "list:long", "a" * 20_000, "b"), client("HSET", "hash:long", "f", "v" * 1000)
    client("SADD", "set:long", "m" * 500), client("ZADD", "zset:long", 1.5, "m" * 500)
    client("ZADD", "zset:edges", "inf", "a", "-inf", "b", "1e-300", "c", "123456789012345", "d")
    client("PFADD", "hll", *range(1000)), client("SETRANGE", "bits", 1000, "x")
    client("XGROUP", "CREATE", "stream:small", "readers", "0")
    client("XREADGROUP", "GROUP", "readers", "alice", "COUNT", 3, "STREAMS", "stream:small", ">")
    client("XREADGROUP", "GROUP", "readers", "bob", "COUNT", 1, "STREAMS", "stream:small", ">")
    client("XACK", "stream:small", "readers", "1-0")
    client("XADD", "stream:empty", "5-5", "f", "v"), client("XDEL", "stream:empty", "5-5")
    client("PEXPIRE", "hash:small", 20_000_000), client("PEXPIRE", "stream:big", 30_000_000)
    library = "#!lua name=lib\nredis.register_function('f', function() return 7 end)"
    client("FUNCTION", "LOAD", "REPLACE", library)
    client("SELECT", 3), client("SET", "in three", "3"), client("RPUSH", "l", "1")
    client("SELECT", 0)


def value_of(client, key):
    kind = client("TYPE", key)
    if kind == b"string":
        return client("GET", key)
    if kind == b"list":
        return client("LRANGE", key, 0, -1)
    if kind == b"set":
        return sorted(client("SMEMBERS", key))
    if kind == b"zset":
        flat_pairs = client("ZRANGE", key, 0, -1, "WITHSCORES")
        return [(m, float(s)) for m, s in zip(flat_pairs[::2], flat_pairs[1::2])]
    if kind == b"hash":
        words = client("HGETALL", key)
        return dict(zip(words[::2], words[1::2]))
    if kind == b"stream":
        info = client("XINFO", "STREAM", key)
        facts = dict(zip(info[::2], info[1::2]))
        groups = client("XINFO", "GROUPS", key)
        pending = [client("XPENDING", key, g[1], "-", "+", 100) for g in groups]
        for each in pending:
            for entry in each:
                entry[2] = 0  # how long ago it was delivered
        kept = (b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added")
        return client("XRANGE", key, "-", "+"), [facts[k] for k in kept], groups, pending
    raise AssertionError(f"{key}: no type {kind}")


def encoding_class(client, key):
    """Small or big; a string; a list, whose name differs between versions."""
    name = client("OBJECT", "ENCODING", key).decode()
    if client("TYPE", key) == b"list":
        return "list"
    return ENCODINGS.get(name, name)


def compare(one, other, keys=None, times=True):
    for db in (0, 3):
        one("SELECT", db), other("SELECT", db)
        names = sorted(one("KEYS", "*"))
        check(f"keys of {db}", sorted(other("KEYS", "*")), names)
        for key in names:
            check(f"value of {key}", value_of(other, key), value_of(one, key))
            if times:
                check(f"time of {key}", other("PEXPIRETIME", key), one("PEXPIRETIME", key))
    one("SELECT", 0), other("SELECT", 0)


def payloads(source, target):
    """DUMP here, RESTORE there, and the same size class there."""
    target("FLUSHALL")
    for key in source("KEYS", "*"):
        expiry = source("PEXPIRETIME", key)
        target("RESTORE", key, max(expiry, 0), source("DUMP", key), "ABSTTL")
        kinds = encoding_class(source, key), encoding_class(target, key)
        # 7.0 has no packed sets: what it calls a table may be small in 7.2.
        if source("TYPE", key) != b"set":
            check(f"encoding of {key}", kinds[1], kinds[0])
    source("SELECT", 3), target("SELECT", 3)
    for key in source("KEYS", "*"):
        target("RESTORE", key, 0, source("DUMP", key))
    compare(source, target)


def start(name, folder, *options):
    program = LARDER if name == "larder" else "redis-server"
    server = servers.Server(name, program, ["--dir", folder, "--dbfilename", "dump.rdb", *options])
    client = Client(server.port, 2)
    for _ in range(200):
        if client.raw("PING")[0] == "simple":
            return server, client
        time.sleep(0.05)
    raise AssertionError(name + " does not end loading")


def files(writer, reader, options=()):
    """One saves, the other loads the file at its start, and so does the one that wrote it."""
    with tempfile.TemporaryDirectory() as folder:
        server, client = start(writer, folder, "--save", "", *options)
        fill(client)
        check("SAVE", client("SAVE"), b"OK")
        checked = subprocess.run(["redis-check-rdb", folder + "/dump.rdb"], capture_output=True,
                                 text=True)
        check(f"redis-check-rdb: {checked.stdout[-500:]}", checked.returncode, 0)
        for other in (reader, writer):
            with tempfile.TemporaryDirectory() as copy:
                shutil.copy(folder + "/dump.rdb", copy)
                loaded, reading = start(other, copy, "--save", "")
                compare(client, reading)
                check("function", reading("FCALL", "f", 0), 7)
                reading.close()
                loaded.stop()
        client.close()
        server.stop()


def reload(server, client):
    before = {key: value_of(client, key) for key in client("KEYS", "*")}
    check("reload", client("DEBUG", "RELOAD"), b"OK")
    check("after reload", {key: value_of(client, key) for key in client("KEYS", "*")}, before)


def migration(source, target, port):
    """Keys move there, one or many, and back."""
    source("FLUSHALL"), target("FLUSHALL")
    fill(source)
    wanted = value_of(source, "hash:big")
    check("one", source("MIGRATE", "127.0.0.1", port, "hash:big", 0, 5000), b"OK")
    check("moved", (source("EXISTS", "hash:big"), value_of(target, "hash:big")), (0, wanted))
    check("copy", source("MIGRATE", "127.0.0.1", port, "string", 2, 5000, "COPY"), b"OK")
    check("still here", source("GET", "string"), b"hello")
    kind, text = source.raw("MIGRATE", "127.0.0.1", port, "string", 2, 5000)
    check("busy", (kind, text), ("error", b"ERR Target instance replied with error: BUSYKEY "
                                          b"Target key name already exists."))
    refusal = source.raw("MIGRATE", "127.0.0.1", port, "", 2, 5000, "KEYS", "string", "int", "no")
    check("one of two is busy", refusal, (kind, text))
    check("the other went", (source("EXISTS", "string"), source("EXISTS", "int")), (1, 0))
    kind, text = source.raw("MIGRATE", "127.0.0.1", port, "string", 999, 5000, "REPLACE")
    check("no such database", (kind, text), ("error", b"ERR Target instance replied with error: "
                                                      b"ERR DB index is out of range"))
    kind, text = source.raw("MIGRATE", "127.0.0.1", port, "string", 0, 5000, "AUTH2", "who", "x")
    check("no such user", (kind, text.split(b": ", 1)[1].split()[0]), ("error", b"WRONGPASS"))
    check("still here", source("GET", "string"), b"hello")
    source("MULTI"), source("SET", "inner", "v")
    source("MIGRATE", "127.0.0.1", port, "inner", 0, 5000), source("EXISTS", "inner")
    check("in EXEC", source("EXEC"), [b"OK", b"OK", 0])
    script = ("redis.call('SET', KEYS[1], 'w') "
              "return {redis.call('MIGRATE', '127.0.0.1', ARGV[1], KEYS[1], 0, 5000, 'REPLACE'), "
              "redis.call('EXISTS', KEYS[1])}")
    check("in a script", source("EVAL", script, 1, "inner", port), [b"OK", 0])
    check("came", (target("GET", "inner"), target("DEL", "inner")), (b"w", 1))
    source("SET", "sent", "v"), source("ACL", "SETUSER", "mover", "on", ">x", "~*", "+migrate")
    source("AUTH", "mover", "x")
    check("without DEL", source("MIGRATE", "127.0.0.1", port, "sent", 0, 5000), b"OK")
    source("AUTH", "default", ""), source("ACL", "DELUSER", "mover")
    check("went", (source("EXISTS", "sent"), target("DEL", "sent")), (0, 1))
    names = sorted(source("KEYS", "*"))
    answer = source("MIGRATE", "127.0.0.1", port, "", 0, 5000, "REPLACE", "KEYS", *names)
    check("all", answer, b"OK")
    check("none left", source("DBSIZE"), 0)
    check("all there", sorted(target("KEYS", "*")), sorted(names + [b"hash:big"]))


def no_redis(client):
    """Who answers in another protocol has taken nothing."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        def talk():
            peer, _ = door.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
                while peer.recv(65536):
                    pass
        talker = threading.Thread(target=talk)
        talker.start()
        client("SET", "kept", "v")
        answer = client.raw("MIGRATE", "127.0.0.1", door.getsockname()[1], "kept", 0, 5000)
        check("answer", answer, ("error", b"IOERR error or timeout reading from target instance"))
        check("kept", client("GET", "kept"), b"v")
        talker.join()


def main():
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        debug = ("--enable-debug-command", "local")
        larder, here = start("larder", ours, "--save", "", *debug)
        redis, there = start("redis", theirs)
        fill(here)
        payloads(here, there)
        there("FLUSHALL"), fill(there)
        payloads(there, here)
        reload(larder, here)
        migration(here, there, redis.port)
        migration(there, here, larder.port)
        no_redis(here)
        here.close(), there.close()
        larder.stop(), redis.stop()
    files("larder", "redis")
    files("redis", "larder")
    files("larder", "redis", ("--rdbcompression", "no", "--rdbchecksum", "no"))
    print("every type went there and back")


main()
