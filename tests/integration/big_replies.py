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
    client, other = Client(server), Client(server)
    fill(client)
    done = threading.Event()

    def ask():
        for _ in range(10):
            client("HGETALL", "h")
        done.set()

    thread = threading.Thread(target=ask)
    thread.start()
    served = 0
    while not done.is_set():
        check("GET", other("GET", "none"), None)
        served += 1
        time.sleep(0.001)
    thread.join()
    check("some were served", served > 3, True)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], [all_elements_are_there, within_a_transaction, key_goes_meanwhile,
                               others_are_served]))
