#!/usr/bin/env python3
"""Clients that wait for lists, many at a time, on larder-server and on redis-server.

    blocking_lists.py LARDER_SERVER [--only larder | redis] [--seconds N]

What holds for Redis must hold for larder, so every case is played against both. The stress at the
end counts: what was pushed is popped once, and nobody waits while there is something.
"""
import argparse
import os
import random
import socket
import sys
import threading
import time

from same_as_redis import Server

PATIENCE_S = 10


class Client:
    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.settimeout(PATIENCE_S)
        self.file = self.socket.makefile("rb")
        self.id = self.ask("CLIENT", "ID")

    def send(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))

    def ask(self, *words):
        self.send(*words)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b":" else line[:-2].decode()

    def quiet(self):
        """Nothing has arrived."""
        self.socket.settimeout(0.05)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_S)

    def close(self):
        self.file.close()
        self.socket.close()


class Cases:
    def __init__(self, server):
        self.server = server
        self.main = Client(server)

    def waiting(self, *words):
        """A client that waits with this command, seen by the server."""
        client = Client(self.server)
        before = self.blocked()
        client.send(*words)
        self.until(lambda: self.blocked() == before + 1)
        return client

    def blocked(self):
        text = self.main.ask("INFO", "clients")
        return int(text.split("blocked_clients:")[1].split("\r\n")[0])

    def until(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.005)

    def clear(self):
        self.until(lambda: self.blocked() == 0)
        self.main.ask("FLUSHALL")

    def order_of_arrival(self):
        first = self.waiting("BLPOP", "a", 0)
        second = self.waiting("BRPOP", "b", "a", 0)
        third = self.waiting("BLPOP", "a", 0)
        assert self.main.ask("RPUSH", "a", 1, 2) == 2
        assert first.reply() == ["a", "1"]
        assert second.reply() == ["a", "2"]
        assert third.quiet()
        assert self.main.ask("LPUSH", "a", 3) == 1
        assert third.reply() == ["a", "3"]
        assert self.main.ask("EXISTS", "a") == 0

    def first_key_that_has_some(self):
        self.main.ask("RPUSH", "b", "x", "y")
        client = Client(self.server)
        assert client.ask("BLPOP", "a", "b", "c", 0) == ["b", "x"]
        assert client.ask("BRPOP", "a", "b", 0) == ["b", "y"]
        waiter = self.waiting("BLPOP", "a", "b", "c", 0)
        self.main.ask("RPUSH", "c", 1)
        assert waiter.reply() == ["c", "1"]

    def the_push_is_whole(self):
        waiter = self.waiting("BLPOP", "a", 0)
        assert self.main.ask("LPUSH", "a", 1, 2, 3) == 3
        assert waiter.reply() == ["a", "3"]
        assert self.main.ask("LRANGE", "a", 0, -1) == ["2", "1"]

    def transactions(self):
        waiter = self.waiting("BLPOP", "a", 0)
        self.main.ask("MULTI")
        for words in (["RPUSH", "a", 1], ["DEL", "a"], ["RPUSH", "a", 2]):
            assert self.main.ask(*words) == "+QUEUED"
        assert self.main.ask("EXEC") == [1, 1, 1]
        assert waiter.reply() == ["a", "2"]
        self.main.ask("MULTI")
        self.main.ask("BLPOP", "a", 0)
        self.main.ask("BLMOVE", "a", "b", "LEFT", "LEFT", 0)
        self.main.ask("BLMPOP", 0, 1, "a", "LEFT")
        assert self.main.ask("EXEC") == [None, None, None]

    def another_type_meanwhile(self):
        waiter = self.waiting("BLPOP", "a", 0)
        self.main.ask("SET", "a", 1)
        assert waiter.quiet()
        assert self.main.ask("RPUSH", "a", 1).startswith("-WRONGTYPE")
        self.main.ask("DEL", "a")
        self.main.ask("RPUSH", "a", "x")
        assert waiter.reply() == ["a", "x"]
        self.main.ask("SET", "s", 1)
        assert waiter.ask("BLPOP", "s", 0).startswith("-WRONGTYPE")

    def keys_that_come_by_other_ways(self):
        waiter = self.waiting("BLPOP", "a", 0)
        self.main.ask("RPUSH", "other", "x")
        self.main.ask("RENAME", "other", "a")
        assert waiter.reply() == ["a", "x"]
        waiter = self.waiting("BLPOP", "a", 0)
        self.main.ask("RPUSH", "other", "x")
        self.main.ask("COPY", "other", "a")
        assert waiter.reply() == ["a", "x"]
        waiter = self.waiting("BLPOP", "a", 0)
        self.main.ask("LMOVE", "other", "a", "LEFT", "LEFT")
        assert waiter.reply() == ["a", "x"]

    def moves(self):
        waiter = self.waiting("BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
        self.main.ask("RPUSH", "a", 1, 2)
        assert waiter.reply() == "1"
        assert self.main.ask("LRANGE", "b", 0, -1) == ["1"]
        assert waiter.ask("BRPOPLPUSH", "a", "b", 0) == "2"
        chain = self.waiting("BLMOVE", "x", "y", "LEFT", "RIGHT", 0)
        end = self.waiting("BLPOP", "y", 0)
        self.main.ask("RPUSH", "x", "through")
        assert chain.reply() == "through"
        assert end.reply() == ["y", "through"]
        self.main.ask("SET", "s", 1)
        waiter = self.waiting("BRPOPLPUSH", "a", "s", 0)
        self.main.ask("RPUSH", "a", "kept")
        assert waiter.reply().startswith("-WRONGTYPE")
        assert self.main.ask("LRANGE", "a", 0, -1) == ["kept"]
        waiter = self.waiting("BLMOVE", "ring", "ring", "LEFT", "RIGHT", 0)
        self.main.ask("RPUSH", "ring", 1, 2)
        assert waiter.reply() == "1"
        assert self.main.ask("LRANGE", "ring", 0, -1) == ["2", "1"]

    def only_the_source_is_waited_for(self):
        first = self.waiting("BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
        second = self.waiting("BRPOPLPUSH", "a", "c", 0)
        self.main.ask("MULTI")
        self.main.ask("RPUSH", "c", "x")
        self.main.ask("RPUSH", "a", 1)
        assert self.main.ask("EXEC") == [1, 1]
        assert first.reply() == "1"
        assert second.quiet()
        self.main.ask("RPUSH", "a", 2)
        assert second.reply() == "2"
        assert self.main.ask("LRANGE", "c", 0, -1) == ["2", "x"]

    def many_at_once(self):
        waiter = self.waiting("BLMPOP", 0, 2, "a", "b", "RIGHT", "COUNT", 2)
        self.main.ask("RPUSH", "b", 1, 2, 3)
        assert waiter.reply() == ["b", ["3", "2"]]
        assert waiter.ask("BLMPOP", 0, 2, "a", "b", "LEFT") == ["b", ["1"]]

    def time_outs(self):
        client = Client(self.server)
        for words in (["BLPOP", "a", "b", 0.1], ["BRPOP", "a", "0.1"],
                      ["BRPOPLPUSH", "a", "b", 0.1], ["BLMOVE", "a", "b", "LEFT", "LEFT", 0.1],
                      ["BLMPOP", 0.1, 1, "a", "LEFT"]):
            start = time.monotonic()
            client.send(*words)
            assert client.file.readline() == b"*-1\r\n"
            assert 0.09 < time.monotonic() - start < 5
        self.main.ask("RPUSH", "a", 1)
        assert self.main.ask("LLEN", "a") == 1  # a client whose time was over takes nothing
        for words, error in ((["BLPOP", "a", "x"], "not a float"), (["BLPOP", "a", -1], "negative"),
                             (["BLMPOP", "nan", 1, "a", "LEFT"], "not a float")):
            assert error in client.ask(*words)

    def unblocked(self):
        waiter = self.waiting("BLPOP", "a", 0)
        assert self.main.ask("CLIENT", "UNBLOCK", waiter.id) == 1
        assert waiter.reply() is None
        waiter.send("BLPOP", "a", 0)
        self.until(lambda: self.main.ask("CLIENT", "UNBLOCK", waiter.id, "ERROR") == 1)
        assert waiter.reply() == "-UNBLOCKED client unblocked via CLIENT UNBLOCK"
        assert self.main.ask("CLIENT", "UNBLOCK", waiter.id) == 0
        assert self.main.ask("RPUSH", "a", 1) == 1
        assert self.main.ask("LLEN", "a") == 1

    def gone(self):
        first = self.waiting("BLPOP", "a", 0)
        second = self.waiting("BLPOP", "a", 0)
        first.close()
        self.until(lambda: self.blocked() == 1)
        self.main.ask("RPUSH", "a", "x")
        assert second.reply() == ["a", "x"]
        killed = self.waiting("BLPOP", "a", 0)
        self.main.ask("CLIENT", "KILL", "ID", killed.id)
        self.until(lambda: self.blocked() == 0)
        self.main.ask("RPUSH", "a", "y")
        assert self.main.ask("LRANGE", "a", 0, -1) == ["y"]

    def requests_behind_wait_their_turn(self):
        waiter = self.waiting("BLPOP", "a", 0)
        waiter.send("PING")
        assert waiter.quiet()
        self.main.ask("RPUSH", "a", 1)
        assert waiter.reply() == ["a", "1"]
        assert waiter.reply() == "+PONG"

    def other_databases(self):
        waiter = self.waiting("BLPOP", "a", 0)
        self.main.ask("SELECT", 3)
        self.main.ask("RPUSH", "a", "elsewhere")
        assert waiter.quiet()
        self.main.ask("MOVE", "a", 0)
        assert waiter.reply() == ["a", "elsewhere"]
        self.main.ask("SELECT", 0)

    def all(self):
        for case in (self.order_of_arrival, self.first_key_that_has_some, self.the_push_is_whole,
                     self.transactions, self.another_type_meanwhile,
                     self.keys_that_come_by_other_ways, self.moves,
                     self.only_the_source_is_waited_for, self.many_at_once, self.time_outs,
                     self.unblocked, self.gone, self.requests_behind_wait_their_turn,
                     self.other_databases):
            case()
            self.clear()
            print(f"  {case.__name__} ok", flush=True)


def consume(server, keys, taken, dice):
    client = Client(server)
    while True:
        some = dice.sample(keys, dice.randint(1, len(keys)))
        words = dice.choice([["BLPOP", *some, 0], ["BRPOP", *some, 0],
                             ["BLMPOP", 0, len(some), *some, "LEFT", "COUNT", 3]])
        reply = client.ask(*words)
        got = reply[1] if isinstance(reply[1], list) else [reply[1]]
        taken += [value for value in got if value != "end"]
        if "end" in got:
            return


def produce(server, keys, name, dice, seconds):
    client, made = Client(server), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch = [f"{name}:{made + i}" for i in range(dice.randint(1, 3))]
        made += len(batch)
        client.ask(dice.choice(["LPUSH", "RPUSH"]), dice.choice(keys), *batch)
    return made


def stress(server, seconds):
    """Producers and consumers on keys of many shards; lost or doubled items fail."""
    keys = [f"queue:{i}" for i in range(6)]
    taken = [[] for _ in range(8)]
    consumers = [threading.Thread(target=consume, args=(server, keys, mine, random.Random(i)),
                                  daemon=True) for i, mine in enumerate(taken)]
    made = [0] * 4

    def run(number):
        made[number] = produce(server, keys, number, random.Random(100 + number), seconds)

    producers = [threading.Thread(target=run, args=(i,)) for i in range(len(made))]
    for thread in consumers + producers:
        thread.start()
    for thread in producers:
        thread.join()
    client = Client(server)
    for key in keys:  # enough for every consumer, which takes up to three
        client.ask("RPUSH", key, *["end"] * 3 * len(consumers))
    for thread in consumers:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a consumer waits though there is something"
    left = [value for key in keys for value in client.ask("LRANGE", key, 0, -1)]
    all_taken = [value for mine in taken for value in mine] + [v for v in left if v != "end"]
    assert len(all_taken) == sum(made), f"{sum(made)} pushed, {len(all_taken)} found"
    assert len(set(all_taken)) == len(all_taken), "an item was popped twice"
    print(f"  stress ok: {sum(made)} items")


def play(command, seconds):
    server = Server(command)
    try:
        Cases(server).all()
        stress(server, seconds)
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("larder")
    parser.add_argument("--only", choices=["larder", "redis"])
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    if given.only != "redis":
        print("larder")
        play([os.path.abspath(given.larder), "--threads", "2"], given.seconds)
    if given.only != "larder":
        print("redis")
        play(["redis-server", "--save", ""], given.seconds)


if __name__ == "__main__":
    sys.exit(main())
