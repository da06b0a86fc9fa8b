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

KEYS = [b"plain", b"timed", b"hash", b"slid", b"queued", b"script", b"read:copied", b"read:timed",
        b"eternal", b"read:set", b"read:persisted"]
ETERNAL = 3  # at the end
LOADED = [b"loaded:%d" % i for i in range(50)]


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
    for key in LOADED:
        client.ask([b"SET", key, b"v"])
        client.ask([b"PERSIST", key])
    # Commands that read a key, and so renew its life, before they give it another.
    for key in (b"read:source", b"read:timed", b"read:set", b"read:persisted"):
        client.ask([b"SET", key, b"v", b"PX", b"100000"])
    client.ask([b"COPY", b"read:source", b"read:copied"])
    client.ask([b"GETEX", b"read:timed", b"PX", b"50000"])
    client.ask([b"GETSET", b"read:set", b"w"])
    client.ask([b"GETEX", b"read:persisted", b"PERSIST"])


def stay_eternal(client):
    """A write to a key that was loaded does not make it."""
    lives = []
    for key in LOADED:
        client.ask([b"APPEND", key, b"v"])
        lives.append(client.ask([b"TTL", key])[1])
    if set(lives) != {-1}:
        sys.exit(f"keys that were to live for good: {lives}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = start(sys.argv[1], folder, "--default-ttl", "1h", "--ttl-jitter", "50",
                       "--ttl-rule",
                       "timed max=2h slid sliding=30m read:* default=none sliding=30m")
        client = resp.Connection(server.port, 2)
        write(client)
        before = expiries(client)
        client.close()
        server.stop()
        server = start(sys.argv[1], folder, "--ttl-jitter", "90", "--default-ttl", "5s")
        client = resp.Connection(server.port, 2)
        after = expiries(client)
        stay_eternal(client)
        client.ask([b"SAVE"])
        client.close()
        server.stop()
        server = start(sys.argv[1], folder, "--appendonly", "no", "--default-ttl", "5s")
        client = resp.Connection(server.port, 2)
        stay_eternal(client)
        client.close()
        server.stop()
    print(dict(zip(KEYS, zip(before, after))))
    if before != after or min(before) < -1 or before.index(-1) != len(KEYS) - ETERNAL:
        sys.exit("the lives are not what they were")


if __name__ == "__main__":
    main()
