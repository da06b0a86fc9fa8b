#!/usr/bin/env python3
"""The memory limit under values of all sizes: `memory_limit.py <larder-server>`.

Values from 10 B to 5 MB are written at the limit. What the server counts stays within 1% of it, and
what the process holds comes within 10% of that, the program itself left out. Then the limit is
lowered: the server answers meanwhile, and comes down. At last one key only may be evicted.
"""

import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import resp  # noqa: E402
import servers  # noqa: E402

LIMIT = 100 * 1024 * 1024
PROGRAM_BYTES = 20 * 1024 * 1024
WRITES = 500
WAIT_S_MAX = 30


def memory(client):
    text = client.ask([b"INFO", b"memory"])[1].decode()
    fields = dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
    return int(fields["used_memory"]), int(fields["used_memory_rss"])


def holds_within(client, limit):
    """The process, too; a sanitizer's own memory can't be told from it."""
    return resp.SANITIZED or memory(client)[1] <= 1.1 * limit + PROGRAM_BYTES


def wait_until(what, holds):
    end = time.monotonic() + WAIT_S_MAX
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"not within {WAIT_S_MAX} s: {what}")
        time.sleep(0.05)


def fill(clients, data, rng):
    """The most that was counted, as a share of the limit."""
    most = 0
    for i in range(WRITES):
        size = int(10 ** rng.uniform(1, 6.7))
        key = b"key:%d" % rng.randrange(10_000)
        reply = clients[i % len(clients)].ask([b"SET", key, data[:size]])
        if reply[1] != b"OK":
            sys.exit(f"a write was refused: {reply}")
        most = max(most, memory(clients[0])[0] / LIMIT)
    return most


def only_victim_is_found(client):
    """The one key that may go is found, in whatever shard it is."""
    for policy in (b"volatile-random", b"volatile-ttl"):
        client.ask([b"CONFIG", b"SET", b"maxmemory-policy", policy])
        for i in range(12):
            client.ask([b"CONFIG", b"SET", b"maxmemory", b"0"])
            client.ask([b"FLUSHALL"])
            # Large by a small request: the buffer of a large one counts, too, for 0.1 s.
            client.ask([b"SETRANGE", b"victim:%d" % i, b"299999", b"x"])
            client.ask([b"EXPIRE", b"victim:%d" % i, b"1000"])
            limit = memory(client)[0] + 5000
            client.ask([b"CONFIG", b"SET", b"maxmemory", b"%d" % limit])
            client.ask([b"SETRANGE", b"keep", b"20000", b"x"])
            reply = client.ask([b"SET", b"a", b"b"])
            if reply[1] != b"OK":
                sys.exit(f"{policy.decode()}: a write was refused: {reply}")


def main():
    rng = random.Random(5)
    data = rng.randbytes(5_100_000)
    server = servers.Server("larder", sys.argv[1], [
        "--threads", "2", "--maxmemory", str(LIMIT), "--maxmemory-policy", "allkeys-adaptive",
        "--loglevel", "warning"])
    clients = [resp.Connection(server.port, 2) for _ in range(4)]
    most = fill(clients, data, rng)
    print(f"at most {100 * most:.2f}% of the limit were counted")
    if most > 1.01:
        sys.exit("more than 101%")
    wait_until("resident memory within 10% of the limit",
               lambda: holds_within(clients[0], LIMIT))
    low = LIMIT // 4
    clients[0].ask([b"CONFIG", b"SET", b"maxmemory", b"%d" % low])
    wait_until("a lowered limit", lambda: memory(clients[1])[0] <= low)
    wait_until("resident memory after the limit was lowered",
               lambda: holds_within(clients[1], low))
    only_victim_is_found(clients[0])
    for client in clients:
        client.close()
    server.stop()


if __name__ == "__main__":
    main()
