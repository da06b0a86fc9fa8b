#!/usr/bin/env python3
"""What a planned restart keeps: the data, the place in the replication stream.

warm_restart.py LARDER_SERVER [test ...]
"""
import itertools
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fault"))
import lab  # noqa: E402
import nodes  # noqa: E402
from nodes import Node, Writer, fill, settle  # noqa: E402
from nodes import wait_linked, wait_same_offset  # noqa: E402

BACKLOG = ("--repl-backlog-size", "64mb")


def syncs(node):
    facts = node.info("stats")
    return int(facts["sync_full"]), int(facts["sync_partial_ok"])


def write_some(node, seed, count=300):
    with Writer(node, seed) as writer:
        lab.wait_for(lambda: writer.count > count, "writes")


def replica_comes_back(primary, replica):
    """It goes on where it was, though much was written while it was away."""
    fill(primary)
    wait_linked(replica)
    write_some(primary, 1)
    primary.ask("SELECT", 1)
    primary.ask("SET", "last", "in another database")
    primary.ask("SELECT", 0)
    wait_same_offset(primary, replica)
    full, partial = syncs(primary)
    replica.restart(meanwhile=lambda: write_some(primary, 2))
    wait_linked(replica)
    settle(primary, replica)
    assert syncs(primary) == (full, partial + 1), (full, partial, syncs(primary))
    write_some(primary, 3)
    settle(primary, replica)


def test_replica_of_larder(program):
    with Node(program, *BACKLOG) as primary, Node(program, follows=primary) as replica:
        replica_comes_back(primary, replica)


def test_replica_of_redis(program):
    with Node(nodes.REDIS, *BACKLOG) as primary, Node(program, follows=primary) as replica:
        replica_comes_back(primary, replica)


def test_redis_as_a_replica(program):
    with Node(program, *BACKLOG) as primary, Node(nodes.REDIS, follows=primary) as replica:
        replica_comes_back(primary, replica)


def test_replica_restarted_under_load(program):
    """Its file and the place it says belong together, in the middle of everything."""
    with Node(program, *BACKLOG) as primary, Node(program, follows=primary) as replica:
        fill(primary)
        wait_linked(replica)
        full, partial = syncs(primary)
        with Writer(primary, 4), Writer(primary, 5):
            for _ in range(3):
                time.sleep(0.3)
                replica.restart()
                wait_linked(replica)
        settle(primary, replica)
        assert syncs(primary) == (full, partial + 3), syncs(primary)


def test_replica_restarted_behind_a_select(program):
    """The place in the stream is in a database, too."""
    with Node(program, *BACKLOG) as primary, Node(program, follows=primary) as replica:
        primary.ask("SET", "first", 1)
        wait_linked(replica)
        nodes.wait_same_offset(primary, replica)
        full, partial = syncs(primary)
        replica.ask("CLIENT", "PAUSE", 60_000, "WRITE")
        client = primary.client()
        client.ask([b"SELECT", b"5"])
        client.ask([b"SET", b"second", b"2"])
        time.sleep(0.2)  # SELECT is done there, SET waits
        replica.restart()
        wait_linked(replica)
        nodes.wait_same_offset(primary, replica)
        assert syncs(primary) == (full, partial + 1), syncs(primary)
        assert replica.ask("DBSIZE") == 1
        assert "db5:keys=1" in replica.ask("INFO", "keyspace").decode()


def test_replicas_of_a_primary_that_was_restarted(program):
    with Node(program, *BACKLOG) as primary, Node(program, follows=primary) as ours, \
            Node(nodes.REDIS, follows=primary) as theirs:
        fill(primary)
        wait_linked(ours, theirs)
        wait_same_offset(primary, ours, theirs)
        write_some(primary, 6)
        old = primary.info()
        primary.ask("SET", "short", "life", "PX", 300)
        primary.restart(meanwhile=lambda: time.sleep(0.4))
        wait_linked(ours, theirs)
        assert syncs(primary) == (0, 2), syncs(primary)
        now = primary.info()
        assert now["master_replid2"] == old["master_replid"], now
        assert now["master_replid"] != old["master_replid"]
        settle(primary, ours, theirs)
        assert primary.ask("EXISTS", "short") == 0
        write_some(primary, 7)
        settle(primary, ours, theirs)
        assert {ours.info()["master_replid"], theirs.info()["master_replid"]} == \
            {now["master_replid"]}


def test_reads_of_what_expired_while_a_primary_ends(program):
    """The last save takes its time; what is read meanwhile does not come into the stream."""
    with Node(program, *BACKLOG) as primary, Node(program, follows=primary) as replica:
        fill(primary)
        wait_linked(replica)
        wait_same_offset(primary, replica)
        primary.ask("CONFIG", "SET", "rdb-key-save-delay", 1500)
        for i in range(50):
            primary.ask("SET", f"short:{i}", "life", "PX", 100 + i * 4)
        reader = primary.client()

        def read():
            try:
                while True:
                    for i in range(50):
                        reader.ask([b"GET", b"short:%d" % i])
            except (nodes.resp.Closed, OSError):
                pass

        thread = nodes.threading.Thread(target=read)
        thread.start()
        primary.restart()
        thread.join()
        wait_linked(replica)
        assert syncs(primary) == (0, 1), syncs(primary)
        settle(primary, replica)


def test_a_file_older_than_the_replica(program):
    """A primary that was killed comes back with less than its replica has: a full sync."""
    with Node(program, *BACKLOG) as primary, Node(program, follows=primary) as replica:
        fill(primary)
        wait_linked(replica)
        primary.ask("SAVE")
        write_some(primary, 8)
        primary.kill()
        primary.start()
        lab.wait_for(lambda: syncs(primary) == (1, 0), "a full sync")
        wait_linked(replica)
        settle(primary, replica)


def test_old_primary_follows_its_heir(program):
    with Node(program, *BACKLOG) as primary, Node(program, *BACKLOG, follows=primary) as replica:
        fill(primary)
        wait_linked(replica)
        wait_same_offset(primary, replica)

        def promote():
            replica.ask("REPLICAOF", "NO", "ONE")
            write_some(replica, 9)

        primary.line += ["--replicaof", "127.0.0.1", str(replica.port)]
        primary.restart(meanwhile=promote)
        wait_linked(primary)
        settle(replica, primary)
        assert syncs(replica) == (0, 1), syncs(replica)


KEYS = 60_000
READS = 120_000
PART = 20_000  # reads before and after a restart that are compared


class Reader:
    """Reads through: zipf-like keys, and what is missed is set."""

    def __init__(self, seed=11):
        rng = random.Random(seed)
        weights = list(itertools.accumulate(1 / (i + 1) for i in range(KEYS)))
        self.keys = rng.choices(range(KEYS), cum_weights=weights, k=READS + PART)
        self.at = 0

    def hit_ratio(self, node, reads):
        client, hits = node.client(), 0
        value = b"v" * 500
        for _ in range(0, reads, 50):
            batch = [b"key:%d" % key for key in self.keys[self.at:self.at + 50]]
            self.at += len(batch)
            client.send(b"".join(nodes.resp.encode([b"GET", key]) for key in batch))
            missed = [key for key in batch if client.read()[1] is None]
            hits += len(batch) - len(missed)
            client.send(b"".join(nodes.resp.encode([b"SET", key, value]) for key in missed))
            for _ in missed:
                client.read()
        client.close()
        return hits / reads


def keeps_its_hit_ratio(program, policy):
    with Node(program, "--maxmemory", "12mb", "--maxmemory-policy", policy) as node:
        reader = Reader()
        reader.hit_ratio(node, READS - PART)
        before = reader.hit_ratio(node, PART)
        evicted = int(node.info("stats")["evicted_keys"])
        assert evicted > 1000, "the limit is not felt"
        node.restart()
        after = reader.hit_ratio(node, PART)
        print(f"{policy}: {before:.4f} before, {after:.4f} after the restart")
        assert after > before - 0.01, f"{policy}: {before:.4f} before, {after:.4f} after"
        path = os.path.join(node.folder.name, "dump.rdb")
        code, said = lab.run_to_end("redis-check-rdb", [path])
        assert code == 0, said


def test_hit_ratio_adaptive(program):
    keeps_its_hit_ratio(program, "allkeys-adaptive")


def test_hit_ratio_s3fifo(program):
    keeps_its_hit_ratio(program, "allkeys-s3fifo")


def test_hit_ratio_lru(program):
    keeps_its_hit_ratio(program, "allkeys-lru")


def test_hit_ratio_lfu(program):
    keeps_its_hit_ratio(program, "allkeys-lfu")


def test_uses_go_to_redis_and_back(program):
    """A file of each is loaded by the other, and says how keys were used."""
    for policy, word, given in (("allkeys-lfu", "FREQ", 77), ("allkeys-lru", "IDLETIME", 5000)):
        options = ("--maxmemory", "100mb", "--maxmemory-policy", policy, "--lfu-decay-time", "0")
        with Node(program, *options) as ours, Node(nodes.REDIS, *options) as theirs:
            for one, other in ((ours, theirs), (theirs, ours)):
                one.ask("FLUSHALL")
                one.ask("SET", "other", "value")
                payload = one.ask("DUMP", "other")
                one.ask("RESTORE", "key", 0, payload, word, given)
                assert abs(one.ask("OBJECT", word, "key") - given) < given * 0.02
                one.ask("SAVE")
                shutil.copy(os.path.join(one.folder.name, "dump.rdb"),
                            os.path.join(other.folder.name, "dump.rdb"))
                other.kill()
                other.start()
                got = other.ask("OBJECT", word, "key")
                assert abs(got - given) < given * 0.02, (one.name, policy, got)


if __name__ == "__main__":
    lab.main()
