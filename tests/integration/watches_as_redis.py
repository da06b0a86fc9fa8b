#!/usr/bin/env python3
"""Random WATCH, MULTI and EXEC of three connections that change the same keys, by every command
that gives or takes one away and in several databases: the same replies as redis-server's.

    watches_as_redis.py LARDER_SERVER [--seed N] [--rounds N]

Prints the seed; the first difference ends the run with code 1.
"""
import argparse
import os
import random
import sys
import time

from listeners import Client
import servers

RECENT = 20  # commands shown before a difference
CLIENTS = 3
STEPS = 40
KEYS = ["a", "b", "c", "l", "h", "none", "z"]
OPTIONS = ["--enable-debug-command", "yes"]
FIRST = ["FLUSHALL", "DEBUG SET-ACTIVE-EXPIRE 0", "MSET a 1 b 2 c x", "RPUSH l 1 2 3", "HSET h f v",
         "ZADD z 1 a", "SADD s a b"]
DUMPED = b"\x00\x01v\n\x00\x91\x08\xce\xb2\x198\x8a\xce"  # the string "v"
# A RESTORE REPLACE over an expired key is left out: Redis does not tell its watchers.
# "K" is one of the keys, "D" a database, "P" the payload.
COMMANDS = """
SET K v|SET K v NX|SET K v XX PXAT 1|SET K v GET|DEL K|DEL K K|INCR K|INCRBY K 0|APPEND K x
APPEND K ''|SETRANGE K 0 ''|GETSET K w|GETDEL K|GETEX K PERSIST|GETEX K EX 100|MSETNX K 1 K 2
EXPIRE K 1000|PEXPIRE K 0|PEXPIREAT K 1|PERSIST K|TOUCH K|EXISTS K|GET K|PFADD K a|SELECT D
SELECT 0|MOVE K 1|COPY K K|COPY K K REPLACE|COPY K K DB 1 REPLACE|RENAME K K|RENAMENX K K
SWAPDB 0 1|SWAPDB 0 0|SWAPDB 1 2|FLUSHDB|FLUSHDB ASYNC|FLUSHALL|RESTORE K 0 P
RESTORE K 1 x|RESTORE K 1 P ABSTTL|LPUSH l 1|LPOP l|LTRIM l 0 -1
LMOVE l l LEFT LEFT|LINSERT l BEFORE zz x|SORT l STORE K|HSET h f v|HSET h f 1|HDEL h f|HDEL h no
ZADD z 1 a|ZADD z NX 1 a|ZREM z q|SADD s a|SREM s a|SUNIONSTORE K none|BITOP AND K none none
GEOADD z 1 1 m|XADD x 9-9 a b|BLPOP l 0.001|PUBLISH c m|NOPE|GET|RESET|UNWATCH|MULTI|EXEC
DISCARD|WATCH K|PING""".replace("\n", "|").strip("|").split("|")
SCRIPTS = ["redis.call('SET', KEYS[1], 's') return 1", "return redis.call('DEL', KEYS[1])",
           "return redis.call('SELECT', '1')"]


def some_command(dice):
    if dice.random() < 0.05:
        return ["EVAL", dice.choice(SCRIPTS), "1", dice.choice(KEYS)]
    draw = {"K": lambda: dice.choice(KEYS), "D": lambda: dice.choice("012"), "P": lambda: DUMPED,
            "''": lambda: ""}
    return [draw[word]() if word in draw else word for word in dice.choice(COMMANDS).split(" ")]


def next_command(dice, queues):
    chance = dice.random()
    if queues:
        return ["EXEC"] if chance < 0.35 else some_command(dice)
    if chance < 0.3:
        return ["WATCH", dice.choice(KEYS), dice.choice(KEYS)]
    if chance < 0.5:
        return ["MULTI"]
    if chance < 0.55:
        return ["PEXPIRE", dice.choice(KEYS), "1"]
    return some_command(dice)


def asked(client, words):
    return client.ask([word if isinstance(word, bytes) else word.encode() for word in words])


def play(dice, both):
    """One round; the commands that led to a difference, or nothing."""
    for server in both:
        admin = Client(server)
        for line in FIRST:
            admin(*line.split(" "))
    clients = [[Client(server) for server in both] for _ in range(CLIENTS)]
    queues = [False] * CLIENTS
    played = []
    for _ in range(STEPS):
        number = dice.randrange(CLIENTS)
        words = next_command(dice, queues[number])
        mine, expected = [asked(client, words) for client in clients[number]]
        played.append((number, words))
        if mine != expected:
            return [*played[-RECENT:], f"larder {mine}", f"redis  {expected}"]
        if words[0] == "PEXPIRE" and words[2] == "1":
            time.sleep(0.003)  # both see it over at the next command
        if words[0] == "MULTI":
            queues[number] = True
        elif words[0] in ("EXEC", "DISCARD", "RESET"):
            queues[number] = False
    return []


def run(larder, seed, rounds):
    dice = random.Random(seed)
    both = [servers.Server("larder", larder, ["--threads", "2", *OPTIONS]),
            servers.Server("redis", "redis-server", OPTIONS)]
    try:
        for number in range(rounds):
            wrong = play(dice, both)
            if wrong:
                print(f"seed {seed}, round {number}:", *wrong, sep="\n ")
                return 1
    finally:
        for server in both:
            server.stop()
    print(f"seed {seed}: {rounds} rounds, no difference")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("larder")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    return run(os.path.abspath(given.larder), given.seed, given.rounds)


if __name__ == "__main__":
    sys.exit(main())
