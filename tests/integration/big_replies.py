#!/usr/bin/env python3
"""Replies of thousands of elements are whole, and leave other clients alone.

    big_replies.py LARDER_SERVER
"""
import sys
import threading
import time

from listeners import Client, check, run

COUNT = 50_000


def fill(client):
    for start in range(0, COUNT, 500):
        names = [f"m{i}" for i in range(start, start + 500)]
        client("SADD", "s", *names)
        client("HSET", "h", *(word for name in names for word in (name, "v" + name)))


def all_elements_are_there(server):
    client = Client(server)
    fill(client)
    names = {f"m{i}" for i in range(COUNT)}
    pairs = {name: "v" + name for name in names}
    members = client("SMEMBERS", "s")
    check("count", len(members), COUNT)
    check("members", set(members) == names, True)
    check("fields", set(client("HKEYS", "h")) == names, True)
    check("values", set(client("HVALS", "h")) == set(pairs.values()), True)
    flat = client("HGETALL", "h")
    check("pairs", dict(zip(flat[::2], flat[1::2])) == pairs, True)
    check("map", Client(server, 3)("HGETALL", "h") == pairs, True)


def other_structures(server):
    client = Client(server)
    items = [f"item{i}" for i in range(COUNT)]
    for start in range(0, COUNT, 500):
        some = items[start:start + 500]
        client("RPUSH", "l", *some)
        client("ZADD", "z", *(w for i, name in enumerate(some, start) for w in (i, name)))
        client("SADD", "a", *some)
        client("SADD", "b", *(f"item{i}" for i in range(2 * start, 2 * start + 1000)))
    check("LRANGE", client("LRANGE", "l", 0, -1) == items, True)
    check("part", client("LRANGE", "l", 1000, -1001) == items[1000:-1000], True)
    check("ZRANGE", client("ZRANGE", "z", 0, -1) == items, True)
    check("REV", client("ZRANGE", "z", 0, -1, "REV") == items[::-1], True)
    scores = client("ZRANGEBYSCORE", "z", "(9", "+inf", "WITHSCORES")
    check("scores", scores == [w for i in range(10, COUNT) for w in (items[i], str(i))], True)
    some = client("ZRANGE", "z", 100, "inf", "BYSCORE", "LIMIT", 5, 3000)
    check("LIMIT", some == items[105:3105], True)
    a, b = set(items), {f"item{i}" for i in range(2 * COUNT)}
    for command, expected in ("SINTER", a & b), ("SUNION", a | b), ("SDIFF", a - b):
        members = client(command, "a", "b")
        check(command, (set(members) == expected, len(members)), (True, len(expected)))
    check("SDIFF", set(client("SDIFF", "b", "a", "none")) == b - a, True)
    check("SINTERCARD", client("SINTERCARD", 2, "a", "b"), COUNT)
    check("SINTERCARD", client("SINTERCARD", 2, "b", "a", "LIMIT", 3000), 3000)
    check("nothing", client("SINTER", "a", "b", "none"), [])


def draws(server):
    client = Client(server)
    client("HSET", "few", "f", "1", "g", "2"), client("SADD", "some", "a", "b", "c")
    client("ZADD", "zset", 1, "a", 2, "b")
    drawn = client("SRANDMEMBER", "some", -100_000)
    check("SRANDMEMBER", (len(drawn), set(drawn)), (100_000, {"a", "b", "c"}))
    pairs = client("HRANDFIELD", "few", -50_000, "WITHVALUES")
    check("HRANDFIELD", (len(pairs), set(zip(pairs[::2], pairs[1::2]))),
          (100_000, {("f", "1"), ("g", "2")}))
    nested = Client(server, 3)("ZRANDMEMBER", "zset", -5000, "WITHSCORES")
    check("ZRANDMEMBER", (len(nested), {name for name, _ in nested}), (5000, {"a", "b"}))
    check("none", client("SRANDMEMBER", "none", -2**62), [])


def served_beside(server, work):
    """What `work` returns, and the GETs of another client meanwhile."""
    other, results = Client(server), []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    served = 0
    while thread.is_alive():
        check("GET", other("GET", "none"), None)
        served += 1
        time.sleep(0.001)
    return results[0], served


# Redis tries, and may fill the memory.
def larder_refuses_endless_draws(server):
    client = Client(server)
    client("SADD", "some", "a", "b"), client("SADD", "wide", "x" * 1_000_000)
    for count in -2**62, -2**28:
        check("refused", client("SRANDMEMBER", "some", count), "ERR value is out of range")
    client.socket.settimeout(100)  # a gibibyte is drawn before it is seen
    reply, served = served_beside(server, lambda: client("SRANDMEMBER", "wide", -5000))
    check("refused", reply, "ERR value is out of range")
    check("others have their turn between any two long elements", served > 100, True)


# A range read while the list is turned round: each reply is of one moment.
def replies_are_of_one_moment(server):
    client, writer = Client(server), Client(server)
    count = 20_000
    for start in range(0, count, 500):
        client("RPUSH", "ring", *range(start, start + 500))
    over = threading.Event()

    def turn():
        while not over.is_set():
            writer("LMOVE", "ring", "ring", "LEFT", "RIGHT")

    thread = threading.Thread(target=turn)
    thread.start()
    for _ in range(20):
        items = list(map(int, client("LRANGE", "ring", 0, -1)))
        at = items.index(0)
        check("in order", items[at:] + items[:at] == list(range(count)), True)
    over.set()
    thread.join()


def within_a_transaction(server):
    client = Client(server)
    fill(client)
    client("MULTI"), client("SMEMBERS", "s"), client("DEL", "s"), client("HLEN", "h")
    members, gone, fields = client("EXEC")
    check("replies", (len(members), gone, fields), (COUNT, 1, COUNT))


def key_goes_meanwhile(server):
    client, other = Client(server), Client(server)
    for _ in range(5):
        fill(client)
        client.tell("SMEMBERS", "s")
        other("DEL", "s")
        members = client.push()
        check("no repetition", len(set(members)), len(members))
        check("alive", client("PING"), "PONG")


# Not a measurement: only that a GET need not wait until all of it is written.
def others_are_served(server):
    client = Client(server)
    fill(client)
    replies, served = served_beside(server, lambda: [client("HGETALL", "h") for _ in range(10)])
    check("whole", [len(reply) for reply in replies], [2 * COUNT] * 10)
    check("some were served", served > 3, True)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], [all_elements_are_there, other_structures, draws,
                               larder_refuses_endless_draws, replies_are_of_one_moment,
                               within_a_transaction, key_goes_meanwhile, others_are_served]))
