#!/usr/bin/env python3
"""Client-side caching with several clients on two workers, beside redis-server.

    tracking.py LARDER_SERVER
"""
import random
import sys
import threading
import time

from listeners import Client, check, run


def keys_told(client):
    kind, keys = client.push()
    check("kind", kind, "invalidate")
    return keys


def redirected(server):
    """A client that is told on behalf of others, in RESP2."""
    listener = Client(server)
    listener("SUBSCRIBE", "__redis__:invalidate")
    return listener


def keys_redirected(listener):
    kind, channel, keys = listener.push()
    check("form", (kind, channel), ("message", "__redis__:invalidate"))
    return keys


def the_reader_is_told_once(server):
    readers, writer = [Client(server, 3) for _ in range(4)], Client(server)
    for reader in readers:
        reader("CLIENT", "TRACKING", "ON")
        reader("GET", "k"), reader("GET", "k")
    writer("SET", "k", 1), writer("SET", "k", 2), writer("SET", "end", 1)
    for reader in readers:
        check("key", keys_told(reader), ["k"])
        check("nothing more", reader("PING"), "PONG")


def every_kind_of_change(server):
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    for change in (["SET", "k", 1], ["EXPIRE", "k", 100], ["RENAME", "k", "l"], ["DEL", "l"],
                   ["MSET", "k", 1, "l", 1], ["COPY", "k", "l", "REPLACE"], ["UNLINK", "l"],
                   ["APPEND", "k", "x"], ["MOVE", "k", 1]):
        reader("MGET", "k", "l", "m")
        writer(*change)
        touched = {word for word in change[1:] if word in ("k", "l")} - (
            {"k"} if change[0] == "COPY" else set())
        check(change[0], {keys_told(reader)[0] for _ in touched}, touched)
        writer("SET", "m", 1)
        check("end", keys_told(reader), ["m"])


def redirection(server):
    listener, reader, writer = redirected(server), Client(server), Client(server)
    check("on", reader("CLIENT", "TRACKING", "ON", "REDIRECT", listener.id), "OK")
    check("redir", reader("CLIENT", "GETREDIR"), listener.id)
    writer("MSET", "a", 1, "b", 1)
    reader("GET", "a")
    writer("INCR", "b"), writer("INCR", "a")
    check("key", keys_redirected(listener), ["a"])
    reader("GET", "b")
    writer("FLUSHDB")
    check("flush", keys_redirected(listener), None)
    fields = dict(each.split("=", 1) for each in writer("CLIENT", "LIST", "ID", reader.id).split())
    check("list", (fields["flags"], fields["redir"]), ("t", str(listener.id)))


def broken_redirection(server):
    listener, reader, writer = redirected(server), Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON", "REDIRECT", listener.id)
    reader("GET", "k")
    listener.close()
    while str(listener.id) in [line.split()[0][3:] for line in
                               writer("CLIENT", "LIST").strip().split("\n")]:
        time.sleep(0.01)
    writer("SET", "k", 1)
    check("push", reader.push(), ["tracking-redir-broken", listener.id])
    check("info", sorted(reader("CLIENT", "TRACKINGINFO")["flags"]), ["broken_redirect", "on"])


def broadcast(server):
    listener, reader, writer = redirected(server), Client(server), Client(server)
    other = Client(server, 3)
    reader("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a:", "PREFIX", "b:", "REDIRECT",
           listener.id)
    other("CLIENT", "TRACKING", "ON", "BCAST", "NOLOOP")
    writer("MSET", "a:1", 1, "a:2", 1, "c:1", 1)
    check("prefix a", sorted(keys_redirected(listener)), ["a:1", "a:2"])
    check("all", sorted(keys_told(other)), ["a:1", "a:2", "c:1"])
    other("SET", "b:own", 1)
    check("prefix b", keys_redirected(listener), ["b:own"])
    check("nothing of its own", other("PING"), "PONG")
    info = writer("INFO")
    check("prefixes", "tracking_total_prefixes:3\r\n" in info, True)
    check("clients", "tracking_clients:2\r\n" in info, True)
    reader.close(), other.close()
    while "tracking_total_prefixes:0\r\n" not in writer("INFO"):
        time.sleep(0.01)


def opt_in_and_out(server):
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON", "OPTIN")
    reader("GET", "no")
    reader("CLIENT", "CACHING", "YES"), reader("GET", "yes"), reader("GET", "late")
    writer("MSET", "no", 1, "late", 1, "yes", 1)
    check("opted in", keys_told(reader), ["yes"])
    for wrong in ("NOSUCH", "GET"):  # is the next command, too
        reader("CLIENT", "CACHING", "YES"), reader(wrong), reader("GET", "late")
    writer("SET", "late", 2)
    check("not opted in", reader("PING"), "PONG")
    reader("CLIENT", "TRACKING", "OFF"), reader("CLIENT", "TRACKING", "ON", "OPTOUT")
    reader("CLIENT", "CACHING", "NO"), reader("GET", "no"), reader("GET", "yes")
    writer("MSET", "no", 2, "yes", 2)
    check("opted out", keys_told(reader), ["yes"])
    check("nothing more", reader("PING"), "PONG")


def expired_and_evicted(server):
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    writer("SET", "k", 1, "PX", 30)
    reader("GET", "k")
    check("expired", keys_told(reader), ["k"])
    writer("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    writer("SET", "k", "x" * 100_000)
    reader("GET", "k")
    writer("CONFIG", "SET", "maxmemory", 1)
    writer("GET", "other")
    check("evicted", keys_told(reader), ["k"])
    writer("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")


def eviction_is_told_before_the_reply(server):
    reader, admin = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    info = dict(line.split(":", 1) for line in admin("INFO", "memory").splitlines() if ":" in line)
    reader("CONFIG", "SET", "maxmemory-policy", "volatile-random",
           "maxmemory", int(info["used_memory"]) + 150_000)
    reader("SETEX", "k", 1000, "v"), reader("GET", "k")
    reader("SETBIT", "big", 4_000_000, 0)
    reader.tell("GETBIT", "big", 0)
    check("evicted", keys_told(reader), ["k"])
    check("reply", reader.push(), 0)
    reader("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")


def what_was_waited_for_comes_before_what_it_changed(server):
    writer = Client(server)
    for i in range(20):
        reader = Client(server, 3)
        reader("CLIENT", "TRACKING", "ON")
        writer("RPUSH", "to", "a"), reader("LRANGE", "to", 0, -1)
        reader.tell("BLMOVE", "from", "to", "LEFT", "LEFT", 0)
        while "blocked_clients:1" not in writer("INFO", "clients"):
            time.sleep(0.005)
        writer("RPUSH", "from", f"x{i}")
        check("reply", reader.push(), f"x{i}")
        check("change", keys_told(reader), ["to"])
        reader.close()


def table_limit(server):
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    for i in range(250):
        reader("GET", f"k{i}")
    writer("CONFIG", "SET", "tracking-table-max-keys", 1)
    told = {keys_told(reader)[0] for _ in range(249)}
    check("told", len(told), 249)
    check("nothing more", reader("PING"), "PONG")
    check("keys", "tracking_total_keys:1\r\n" in writer("INFO", "stats"), True)
    writer("CONFIG", "SET", "tracking-table-max-keys", 1000000)


def the_limit_is_told_before_the_reply(server):
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    reader("MGET", "a", "b"), reader("MULTI")
    writer("CONFIG", "SET", "tracking-table-max-keys", 1)
    reader.tell("PING")
    check("told first", keys_told(reader)[0] in ("a", "b"), True)
    check("reply", reader.push(), "QUEUED")
    reader("DISCARD"), writer("CONFIG", "SET", "tracking-table-max-keys", 1000000)


def flush_empties_the_table(server):
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    reader("MGET", "a", "b")
    info = writer("INFO", "stats")
    check("keys", "tracking_total_keys:2\r\ntracking_total_items:2\r\n" in info, True)
    writer("FLUSHALL", "ASYNC")
    check("told", keys_told(reader), None)
    check("keys", "tracking_total_keys:0\r\n" in writer("INFO", "stats"), True)


def swapped_databases_are_told(server):
    if server.name == "redis":
        return
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    reader("GET", "k")
    writer("SWAPDB", 0, 1)
    check("told", keys_told(reader), None)


class Cache:
    """A client that keeps what it read until it is told: never may it keep what is not true."""

    def __init__(self, server, keys):
        self.client, self.keys, self.values = Client(server, 3), keys, {}
        self.client("CLIENT", "TRACKING", "ON")

    def take_pushes(self, wanted):
        """Reads until a reply; what is told on the way is dropped."""
        while True:
            reply = self.client.push()
            if isinstance(reply, list) and reply[:1] == ["invalidate"]:
                for key in reply[1] if reply[1] is not None else list(self.values):
                    self.values.pop(key, None)
            else:
                return reply

    def read(self, dice):
        key = dice.choice(self.keys)
        if key in self.values:
            return
        self.client.tell("GET", key)
        self.values[key] = self.take_pushes(key)

    def check(self, truth):
        self.client.tell("PING")
        self.take_pushes("PONG")
        for key, value in self.values.items():
            check(f"cached {key}", value, truth[key])


def larder_scripts_track_what_they_read(server):
    """As Redis since 7.2; 7.0 takes the declared keys."""
    reader, writer = Client(server, 3), Client(server)
    reader("CLIENT", "TRACKING", "ON")
    for script, call in (("EVAL", "get"), ("EVAL_RO", "get"), ("EVAL_RO", "ping"), ("EVAL", "set")):
        words = {"get": "'get', 'a'", "ping": "'ping'", "set": "'set', 'c', 1"}[call]
        reader(script, f"redis.call({words})", 2, "a", "b")
        writer("MSET", "a", 1, "b", 1)
        if call == "get":
            check("read", keys_told(reader), ["a"])
        check("nothing more", reader("PING"), "PONG")


def no_invalidation_is_lost(server):
    keys = [f"k{i}" for i in range(20)]
    caches = [Cache(server, keys) for _ in range(6)]
    stop = threading.Event()
    faults = []

    def write(seed):
        dice, client = random.Random(seed), Client(server)
        while not stop.is_set():
            for _ in range(20):
                key = dice.choice(keys)
                client.tell(*dice.choice([["SET", key, dice.random()], ["DEL", key],
                                          ["SET", key, 1, "PX", 1], ["APPEND", key, "x"]]))
            for _ in range(20):
                client.read()
        client.close()

    def read(cache, seed):
        try:
            dice = random.Random(seed)
            while not stop.is_set():
                cache.read(dice)
                cache.client.tell("PING")
                cache.take_pushes("PONG")
        except AssertionError as fault:
            faults.append(fault)

    for round_ in range(5):
        stop.clear()
        threads = [threading.Thread(target=write, args=(round_ * 10 + i,)) for i in range(2)]
        threads += [threading.Thread(target=read, args=(cache, i))
                    for i, cache in enumerate(caches)]
        for thread in threads:
            thread.start()
        time.sleep(0.6)
        stop.set()
        for thread in threads:
            thread.join()
        time.sleep(0.3)  # what has an expiry is gone, and told
        truth_client = Client(server)
        truth = dict(zip(keys, truth_client("MGET", *keys)))
        truth_client.close()
        for cache in caches:
            cache.check(truth)
    check("faults", faults, [])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], [
        the_reader_is_told_once, every_kind_of_change, redirection, broken_redirection, broadcast,
        opt_in_and_out, expired_and_evicted, eviction_is_told_before_the_reply,
        what_was_waited_for_comes_before_what_it_changed, table_limit,
        the_limit_is_told_before_the_reply,
        flush_empties_the_table, swapped_databases_are_told, larder_scripts_track_what_they_read,
        no_invalidation_is_lost]))
