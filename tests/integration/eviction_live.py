#!/usr/bin/env python3
"""The live server evicts as the simulator says: `eviction_live.py <larder-server> <larder-sim>`.

Replays a trace made from a seed, cache-aside, on the server at a memory limit, with one and two
workers; then on larder-sim, at the number of keys the server had in the mean once it was full
(what the policy itself keeps grows, so the keys get a little fewer). The miss ratios must be within
half a point (adaptive: two), and what EVICTION ADVISE says of that policy within four. And a small
limit is spent on keys.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import resp  # noqa: E402
import servers  # noqa: E402

REQUESTS = 60_000
VALUE = b"v" * 1000
# adaptive draws its samples by a hash that is another in every process: in so short a trace it
# finds its setting sooner or later.
POINTS_MAX = {"lru": 0.5, "s3fifo": 0.5, "adaptive": 2}
ADVICE_POINTS_MAX = 4  # some 1,600 reads are sampled: a standard deviation is 1.2
KEYS_IN_A_MEGABYTE = 8_000  # a third of it is tables, references and the adviser
CONNECTIONS = 4


def make_trace(seed):
    rng = random.Random(seed)
    keys = 20_000
    weights = [1 / (rank + 1) ** 0.9 for rank in range(keys)]
    return [b"key:%d" % key for key in rng.choices(range(keys), weights, k=REQUESTS)]


def live(server, trace, policy):
    """(miss ratio, the same as the adviser sees it, keys in the mean of the later half)"""
    clients = [resp.Connection(server.port, 2) for _ in range(CONNECTIONS)]
    misses, sizes = 0, []
    for i, key in enumerate(trace):
        client = clients[i % CONNECTIONS]
        if i > len(trace) / 2 and i % 1000 == 0:
            sizes.append(client.ask([b"DBSIZE"])[1])
        if client.ask([b"GET", key])[1] is not None:
            continue
        misses += 1
        if client.ask([b"SET", key, VALUE])[1] != b"OK":
            sys.exit("SET was refused")
    advice = json.loads(clients[0].ask([b"EVICTION", b"ADVISE", b"JSON"])[1])
    for client in clients:
        client.close()
    advised = 1 - advice["hit_ratio_by_policy"][policy]
    return misses / len(trace), advised, sum(sizes) // len(sizes)


def simulated(sim, trace, policy, objects):
    with tempfile.NamedTemporaryFile("wb", suffix=".csv") as file:
        file.write(b"\n".join(trace))
        file.flush()
        done = subprocess.run([sim, file.name, "--policy", policy, "--size", str(objects),
                               "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["runs"][0]["miss_ratio"]


def keys_in_a_megabyte(program):
    server = servers.Server("larder", program, ["--threads", "2", "--maxmemory", "1mb"])
    client = resp.Connection(server.port, 2)
    for i in range(20_000):
        client.ask([b"SET", b"key:%05d" % i, b"v" * 64])
    keys = client.ask([b"DBSIZE"])[1]
    server.stop()
    return keys


def main():
    program, sim = sys.argv[1:3]
    keys = keys_in_a_megabyte(program)
    print(f"{keys} keys of 73 bytes in a megabyte")
    faults = keys < KEYS_IN_A_MEGABYTE
    trace = make_trace(seed=7)
    for policy, points_max in POINTS_MAX.items():
        for threads in ("1", "2"):
            server = servers.Server("larder", program, [
                "--threads", threads, "--maxmemory", "4mb", "--maxmemory-policy",
                "allkeys-" + policy, "--loglevel", "warning"])
            ratio, advised, keys = live(server, trace, policy)
            server.stop()
            expected = simulated(sim, trace, policy, keys)
            points = 100 * (ratio - expected)
            print(f"{policy:9} {threads} worker(s), {keys} keys: miss ratio {100 * ratio:.2f}%, "
                  f"simulated {100 * expected:.2f}%, {points:+.2f} points, "
                  f"advised {100 * (advised - ratio):+.2f}")
            faults += abs(points) > points_max or 100 * abs(advised - ratio) > ADVICE_POINTS_MAX
    sys.exit(f"{faults} further off than they may be" if faults else 0)


if __name__ == "__main__":
    main()
