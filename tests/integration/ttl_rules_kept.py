#!/usr/bin/env python3
"""A life that a TTL rule gave is the same after a restart: `ttl_rules_kept.py <larder-server>`.

The append-only file tells the time that was decided, so a server without rules, or with jitter,
comes to the same expiry.
"""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import resp  # noqa: E402
import servers  # noqa: E402

KEYS = [b"plain", b"timed", b"hash", b"slid", b"queued", b"script", b"eternal"]


def start(program, folder, *options):
    return servers.Server("larder", program, [
        "--dir", folder, "--appendonly", "yes", "--loglevel", "warning", *options])


def expiries(client):
    return [client.ask([b"PEXPIRETIME", key])[1] for key in KEYS]


def write(client):
    client.ask([b"SET", b"plain", b"v"])
    client.ask([b"SET", b"timed", b"v", b"EX", b"100000"])
    client.ask([b"HSET", b"hash", b"f", b"v"])
    client.ask([b"SET", b"slid", b"v", b"PX", b"100000"])
    client.ask([b"GET", b"slid"])
    for words in ([b"MULTI"], [b"SET", b"queued", b"v"], [b"INCR", b"n"], [b"EXEC"]):
        client.ask(words)
    client.ask([b"EVAL", b"return redis.call('SET', KEYS[1], 'v')", b"1", b"script"])
    client.ask([b"SET", b"eternal", b"v"])
    client.ask([b"PERSIST", b"eternal"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = start(sys.argv[1], folder, "--default-ttl", "1h", "--ttl-jitter", "50",
                       "--ttl-rule", "timed max=2h slid sliding=30m")
        client = resp.Connection(server.port, 2)
        write(client)
        before = expiries(client)
        client.close()
        server.stop()
        server = start(sys.argv[1], folder, "--ttl-jitter", "90", "--default-ttl", "5s")
        client = resp.Connection(server.port, 2)
        after = expiries(client)
        client.close()
        server.stop()
    print(dict(zip(KEYS, zip(before, after))))
    if before != after or -2 in before or before.count(-1) != 1 or before[-1] != -1:
        sys.exit("the lives are not what they were")


if __name__ == "__main__":
    main()
