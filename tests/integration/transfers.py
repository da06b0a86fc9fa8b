#!/usr/bin/env python3
"""Transfers between accounts in transactions, from many connections: the sum never changes.

Some clients WATCH, read, compute and EXEC; some use INCRBY inside MULTI; one reads all accounts in
a transaction all the while. Usage: transfers.py LARDER_SERVER [--seed N]
"""
import argparse
import os
import random
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "conformance"))
import resp  # noqa: E402
import servers  # noqa: E402

ACCOUNTS, START, WATCHERS, BLIND, ROUNDS = 8, 1000, 3, 3, 300
NAMES = [b"account:%d" % i for i in range(ACCOUNTS)]


def must(reply):
    kind, value = reply
    if kind == "error":
        raise RuntimeError(value.decode())
    return value


def execute(connection, *commands):
    """Runs a transaction; None when a watched key had changed."""
    must(connection.ask([b"MULTI"]))
    for command in commands:
        must(connection.ask(command))
    return must(connection.ask([b"EXEC"]))


def watched(connection, rng):
    done = 0
    while done < ROUNDS:
        a, b = rng.sample(NAMES, 2)
        must(connection.ask([b"WATCH", a, b]))
        old_a, old_b = (int(value) for _, value in must(connection.ask([b"MGET", a, b])))
        amount = rng.randrange(10)
        done += execute(connection, [b"SET", a, b"%d" % (old_a - amount)],
                        [b"SET", b, b"%d" % (old_b + amount)]) is not None


def blind(connection, rng):
    for _ in range(ROUNDS):
        a, b = rng.sample(NAMES, 2)
        amount = b"%d" % rng.randrange(10)
        execute(connection, [b"DECRBY", a, amount], [b"INCRBY", b, amount])


def total(connection):
    return sum(int(value) for _, value in execute(connection, *([b"GET", n] for n in NAMES)))


def play(port, seed):
    def in_thread(work, number):
        def run():
            try:
                work(resp.Connection(port, 2), random.Random(f"{seed} {number}"))
            except Exception as error:  # shown by the main thread
                failures.append(repr(error))
        return threading.Thread(target=run)

    failures = []
    auditor = resp.Connection(port, 2)
    for name in NAMES:
        must(auditor.ask([b"SET", name, b"%d" % START]))
    threads = [in_thread(watched, i) for i in range(WATCHERS)]
    threads += [in_thread(blind, WATCHERS + i) for i in range(BLIND)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if total(auditor) != ACCOUNTS * START:
            failures.append(f"the sum was {total(auditor)}")
            break
    for thread in threads:
        thread.join()
    if total(auditor) != ACCOUNTS * START:
        failures.append("the sum at the end is wrong")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("larder")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print("seed", options.seed)
    server = servers.Server("larder", options.larder, ["--threads", "2"])
    failures = play(server.port, options.seed)
    server.stop()
    print("\n".join(failures) or "the sum held")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
