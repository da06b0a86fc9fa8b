#!/usr/bin/env python3
"""Runs redis-cli in each of its modes, and redis-benchmark shortly, against larder-server.

    redis_cli_modes.py LARDER_SERVER
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "conformance"))
import servers  # noqa: E402

KEYS = 2000
LIMIT_S = 30


def run(server, *words, program="redis-cli", stdin="", seconds=LIMIT_S):
    """What it prints; a mode that never ends is stopped after `seconds`."""
    line = ["stdbuf", "-oL", "timeout", str(seconds), program, "-p", str(server.port), *words]
    done = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def need(text, *parts):
    for part in parts:
        if part not in text:
            raise SystemExit(f"expected {part!r} in:\n{text}")


def play(server):
    lines = "".join(f"SET key:{i} value:{i}\r\n" for i in range(KEYS))
    need(run(server, "--pipe", stdin=lines), f"errors: 0, replies: {KEYS}")
    found = run(server, "--scan", "--pattern", "key:*").split()
    if len(set(found)) != KEYS:
        raise SystemExit(f"--scan found {len(set(found))} keys")
    need(run(server, "--bigkeys"), f"Sampled {KEYS} keys", f"{KEYS} strings with")
    need(run(server, "--memkeys"), f"Sampled {KEYS} keys", f"{KEYS} strings with")
    need(run(server, "--hotkeys"), "maxmemory policy is not selected")
    need(run(server, "-3", "HELLO"), "proto 3")
    need(run(server, "-3", "--json", "MGET", "key:1", "none"), '["value:1",null]')
    need(run(server, "--csv", "MGET", "key:1", "none"), '"value:1",NULL')
    need(run(server, "-r", "3", "INCR", "n"), "1\n2\n3\n")
    need(run(server, stdin="GET key:1\nNOSUCH\nGET key:2\n"), "value:1", "ERR unknown", "value:2")
    need(run(server, "--stat", "-i", "0.1", seconds=1), "keys", str(KEYS + 1))
    need(run(server, "--latency", "-i", "0.1", "--raw", seconds=1), " ")
    need(run(server, "--lru-test", "100", seconds=2), "Gets/sec")
    tests = "ping_inline,ping_mbulk,set,get,incr,mset"
    text = run(server, "-q", "-n", "2000", "-c", "10", "-P", "4", "-t", tests,
               program="redis-benchmark")
    need(text, "PING_INLINE", "PING_MBULK", "SET:", "GET:", "INCR:", "MSET (10 keys):")
    if "rror" in text:
        raise SystemExit(text)


def main():
    server = servers.Server("larder", sys.argv[1], [])
    try:
        play(server)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
