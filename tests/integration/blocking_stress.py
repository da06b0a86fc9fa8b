#!/usr/bin/env python3
"""Queues of every kind under disturbance, on larder-server and on redis-server.

    blocking_stress.py LARDER_SERVER [--only larder | redis] [--seconds N] [--seed N]

Consumers wait for lists, sorted sets and streams with short time-outs; a disturber unblocks them
and kills those that work in the reliable way (BLMOVE to a list of their own, consumer groups). At
the end each job must be found where it may be, once: nothing is lost, nothing is served twice.
"""
import argparse
import os
import random
import sys
import threading
import time

from blocking_lists import Client
from same_as_redis import Server

KEYS = 5          # of each kind, on several shards
CONSUMERS = 4     # of each kind
KINDS = ("popped", "moved", "scored", "streamed")
GROUP = "workers"


class Consumer:
    """Takes jobs of one kind until it is told to stop."""

    def __init__(self, stress, kind, number):
        self.stress, self.kind, self.name = stress, kind, f"{kind}:{number}"
        self.keys = [f"{kind}:queue:{i}" for i in range(KEYS)]
        self.dice = random.Random(f"{stress.seed} {self.name}")
        self.client, self.taken = None, []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stress.over.is_set():
            try:
                if self.client is None:
                    self.client = Client(self.stress.server)
                getattr(self, self.kind)()
            except (OSError, ValueError):  # killed
                self.client = None

    def wait_s(self):
        return self.dice.choice(["0.01", "0.05", "0.2", "1"])

    def some(self):
        return self.dice.sample(self.keys, self.dice.randint(1, KEYS))

    def ask(self, *words):
        reply = self.client.ask(*words)
        if reply is None or (isinstance(reply, str) and reply.startswith("-UNBLOCKED")):
            return None
        assert not (isinstance(reply, str) and reply.startswith("-")), reply
        return reply

    def popped(self):
        keys = self.some()
        reply = self.ask(*self.dice.choice([
            ["BLPOP", *keys, self.wait_s()], ["BRPOP", *keys, self.wait_s()],
            ["BLMPOP", self.wait_s(), len(keys), *keys, "RIGHT", "COUNT", 2]]))
        if reply:
            self.taken += reply[1] if isinstance(reply[1], list) else [reply[1]]

    def moved(self):
        """Its own list holds what it has; the list is read at the end."""
        self.ask("BLMOVE", self.dice.choice(self.keys), self.name, "LEFT", "RIGHT", self.wait_s())

    def scored(self):
        keys = self.some()
        reply = self.ask(*self.dice.choice([
            ["BZPOPMIN", *keys, self.wait_s()], ["BZPOPMAX", *keys, self.wait_s()],
            ["BZMPOP", self.wait_s(), len(keys), *keys, "MIN", "COUNT", 2]]))
        if reply and isinstance(reply[1], list):
            self.taken += [pair[0] for pair in reply[1]]
        elif reply:
            self.taken.append(reply[1])

    def streamed(self):
        """Acknowledges half of what it gets; the rest stays pending."""
        keys = self.some()
        reply = self.ask("XREADGROUP", "GROUP", GROUP, self.name, "COUNT", 3, "BLOCK",
                         self.dice.randint(1, 200), "STREAMS", *keys, *[">"] * len(keys))
        for key, entries in reply or []:
            for entry, (_, job) in entries:
                if self.dice.random() < 0.5 and self.ask("XACK", key, GROUP, entry) == 1:
                    self.taken.append(job)


class Stress:
    def __init__(self, server, seed):
        self.server, self.seed, self.over = server, seed, threading.Event()
        self.main = Client(server)
        for i in range(KEYS):
            self.main.ask("XGROUP", "CREATE", f"streamed:queue:{i}", GROUP, "$", "MKSTREAM")
        self.consumers = [Consumer(self, kind, i) for kind in KINDS for i in range(CONSUMERS)]
        self.made = {kind: [] for kind in KINDS}
        self.disturbed = 0

    def produce(self, number, until):
        client, dice = Client(self.server), random.Random(f"{self.seed} {number}")
        count = 0
        while time.monotonic() < until:
            kind = dice.choice(KINDS)
            key = f"{kind}:queue:{dice.randrange(KEYS)}"
            jobs = [f"job:{number}:{count + i}" for i in range(dice.randint(1, 3))]
            count += len(jobs)
            if kind == "scored":
                client.ask("ZADD", key, *[w for job in jobs for w in (dice.randrange(9), job)])
            elif kind == "streamed":
                for job in jobs:
                    client.ask("XADD", key, "*", "job", job)
            else:
                client.ask(dice.choice(["LPUSH", "RPUSH"]), key, *jobs)
            self.made[kind] += jobs

    def disturb(self, until):
        client, dice = Client(self.server), random.Random(f"{self.seed} disturber")
        while time.monotonic() < until:
            victim = dice.choice(self.consumers)
            connection = victim.client
            if connection is None:
                continue
            if victim.kind in ("moved", "streamed") and dice.random() < 0.2:
                client.ask("CLIENT", "KILL", "ID", connection.id)
                self.disturbed += 1
            else:
                self.disturbed += client.ask("CLIENT", "UNBLOCK", connection.id,
                                             dice.choice(["TIMEOUT", "ERROR"]))

    def run(self, seconds):
        until = time.monotonic() + seconds
        others = [threading.Thread(target=self.produce, args=(i, until)) for i in range(3)]
        others.append(threading.Thread(target=self.disturb, args=(until,)))
        for thread in others + [each.thread for each in self.consumers]:
            thread.start()
        for thread in others:
            thread.join()
        time.sleep(0.5)
        self.over.set()
        for each in self.consumers:
            each.thread.join(10)
            assert not each.thread.is_alive(), f"{each.name} waits for ever"
        for kind in KINDS:
            self.check(kind)

    def left(self, kind):
        keys = [f"{kind}:queue:{i}" for i in range(KEYS)]
        if kind == "scored":
            return [job for key in keys for job in self.main.ask("ZRANGE", key, 0, -1)]
        if kind == "streamed":
            return [job for key in keys for job in self.pending(key)]
        keys += [each.name for each in self.consumers if each.kind == kind == "moved"]
        return [job for key in keys for job in self.main.ask("LRANGE", key, 0, -1)]

    def pending(self, key):
        """Delivered and not acknowledged, or not delivered yet."""
        jobs = dict((entry, job) for entry, (_, job) in self.main.ask("XRANGE", key, "-", "+"))
        last = dict(zip(*[iter(self.main.ask("XINFO", "GROUPS", key)[0])] * 2))["last-delivered-id"]
        order = lambda entry: tuple(map(int, entry.split("-")))
        waiting = self.main.ask("XPENDING", key, GROUP, "-", "+", 1_000_000)
        of_consumers = [self.main.ask("XPENDING", key, GROUP, "-", "+", 1_000_000, each.name)
                        for each in self.consumers if each.kind == "streamed"]
        assert sorted(row[0] for rows in of_consumers for row in rows) == sorted(
            row[0] for row in waiting), "the consumers' lists are not the group's"
        return [jobs[row[0]] for row in waiting] + [
            job for entry, job in jobs.items() if order(entry) > order(last)]

    def check(self, kind):
        made = self.made[kind]
        found = [job for each in self.consumers if each.kind == kind for job in each.taken]
        found += self.left(kind)
        lost = set(made) - set(found)
        twice = len(found) - len(set(found))
        # An acknowledgement whose answer was lost with its client.
        unsure = CONSUMERS * self.disturbed if kind == "streamed" else 0
        assert len(lost) <= unsure and not twice, f"{kind}: lost {lost}, {twice} served twice"
        print(f"  {kind}: {len(made)} jobs, each once")


def play(command, seconds, seed):
    server = Server(command)
    try:
        stress = Stress(server, seed)
        stress.run(seconds)
        print(f"  disturbed {stress.disturbed} times")
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("larder")
    parser.add_argument("--only", choices=["larder", "redis"])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    if given.only != "redis":
        print("larder")
        play([os.path.abspath(given.larder), "--threads", "2"], given.seconds, given.seed)
    if given.only != "larder":
        print("redis")
        play(["redis-server", "--save", ""], given.seconds, given.seed)


if __name__ == "__main__":
    sys.exit(main())
