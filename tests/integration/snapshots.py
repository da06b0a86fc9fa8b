#!/usr/bin/env python3
"""A file is the state of one moment, however many clients write while it is made.

    snapshots.py LARDER_SERVER

Transactions add the same number to a counter, to another one in another shard, to a member of a
sorted set and to a field of a big hash. In the file, and after loading it, all sums are the same.
"""
import os
import shutil
import sys
import tempfile
import threading
import time

from listeners import Client, check
import servers

LARDER = sys.argv[1]
PAIRS, FIELDS, ROUNDS = 50, 20_000, 4


def prepare(client):
    for start in range(0, FIELDS, 1000):
        fields = range(start, start + 1000)
        client("HSET", "hash", *(word for i in fields for word in (f"field{i}", 0)))
        client("ZADD", "zset", *(word for i in fields for word in (0, f"member{i}")))
        client("MSET", *(word for i in fields for word in (f"filler{i}", "x" * 50)))


def write(server, number, stop, faults):
    client = Client(server)
    i = number
    try:
        while not stop.is_set():
            i = (i * 1103515245 + 12345) % 2**31
            pair, amount, field = i % PAIRS, i % 7, i % FIELDS
            client("MULTI")
            client("INCRBY", f"one:{pair}", amount)
            client("INCRBY", f"other:{pair}", amount)
            client("ZINCRBY", "zset", amount, f"member{field}")
            client("HINCRBY", "hash", f"field{field}", amount)
            client("SET", f"filler{field}", "y" * (i % 100))
            client("EXEC")
    except (OSError, AssertionError) as fault:
        faults.append(fault)


def sums(client):
    def total(words):
        return sum(int(word) for word in words if word is not None)

    pairs = [[client("GET", f"{name}:{i}") for i in range(PAIRS)] for name in ("one", "other")]
    return (pairs[0] == pairs[1], total(pairs[0]), total(client("HVALS", "hash")),
            total(client("ZRANGE", "zset", 0, -1, "WITHSCORES")[1::2]))


def saved(client):
    client("BGSAVE")
    while "rdb_bgsave_in_progress:1" in client("INFO", "persistence"):
        time.sleep(0.01)
    check("saved", "rdb_last_bgsave_status:ok" in client("INFO", "persistence"), True)


def go_on_while_the_saver_rests(client):
    """A big value may be changed once it is written, whatever rdb-key-save-delay says."""
    client("CONFIG", "SET", "rdb-key-save-delay", 1_000_000_000)
    client("BGSAVE")
    check("changed", client("HDEL", "hash", "field0"), 1)
    check("still saving", "rdb_bgsave_in_progress:1" in client("INFO", "persistence"), True)
    client("CONFIG", "SET", "rdb-key-save-delay", 0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = servers.Server("larder", LARDER, ["--threads", "2", "--dir", folder])
        client = Client(server)
        prepare(client)
        stop, faults = threading.Event(), []
        writers = [threading.Thread(target=write, args=(server, n, stop, faults), daemon=True)
                   for n in range(4)]
        for writer in writers:
            writer.start()
        for _ in range(ROUNDS):
            time.sleep(0.2)
            saved(client)
            with tempfile.TemporaryDirectory() as copy:
                shutil.copy(os.path.join(folder, "dump.rdb"), copy)
                loaded = servers.Server("larder", LARDER, ["--threads", "2", "--dir", copy])
                reading = Client(loaded)
                while reading("PING") != "PONG":
                    time.sleep(0.01)
                same, one, fields, members = sums(reading)
                check("pairs", same, True)
                check("sums", (fields, members), (one, one))
                check("something was written", one > 0, True)
                reading.close()
                loaded.stop()
        stop.set()
        for writer in writers:
            writer.join()
        check("writers", faults, [])
        go_on_while_the_saver_rests(client)
        client.close()
        server.stop()
    print(f"{ROUNDS} snapshots are of one moment each")


main()
