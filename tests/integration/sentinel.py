#!/usr/bin/env python3
"""Redis Sentinel watches a group of Larders: it finds the replicas, fails over when told to and
when the primary dies, and makes the old primary a replica. sentinel.py LARDER_SERVER [test ...]

Sentinel is the same program as redis-server, so nothing more has to be installed.
"""
import contextlib
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fault"))
import lab  # noqa: E402
import nodes  # noqa: E402
import resp  # noqa: E402

PATIENCE_S = 40


class Sentinel(nodes.Node):
    def __init__(self, primary):
        self.port = lab.free_port()
        self.config = lab.folder()
        path = os.path.join(self.config.name, "sentinel.conf")
        with open(path, "w") as out:
            out.write(f"port {self.port}\nbind 127.0.0.1\n"
                      f"sentinel monitor group 127.0.0.1 {primary.port} 1\n"
                      "sentinel down-after-milliseconds group 2000\n"
                      "sentinel failover-timeout group 6000\n"
                      "sentinel parallel-syncs group 2\n")
        nodes.servers.Server.__init__(self, "sentinel", nodes.REDIS, ["--sentinel"],
                                      port=self.port, config=[path])
        self.connection = None

    def primary_port(self):
        return int(self.ask("SENTINEL", "get-master-addr-by-name", "group")[1][1])

    def __exit__(self, *args):
        super().__exit__(*args)
        self.config.cleanup()


def member(program, folder, follows=None):
    """A server with a configuration file, which Sentinel has rewritten."""
    path = os.path.join(folder, f"larder-{lab.free_port()}.conf")
    open(path, "w").close()
    return nodes.Node(program, follows=follows, config=[path])


def discovered(sentinel, count):
    lab.wait_for(lambda: len(sentinel.ask("SENTINEL", "replicas", "group")) == count,
                 "replicas are found", PATIENCE_S)

    def healthy():
        said = sentinel.ask("SENTINEL", "replicas", "group")
        facts = [dict(zip([w[1] for w in each[1][::2]], [w[1] for w in each[1][1::2]]))
                 for each in said]
        return all(f[b"flags"] == b"slave" and f[b"master-link-status"] == b"ok" for f in facts)
    lab.wait_for(healthy, "replicas are healthy", PATIENCE_S)


def of_port(members, port):
    return next(each for each in members if each.port == port)


def test_told_to_fail_over(program):
    with lab.folder() as folder, member(program, folder) as a, \
            member(program, folder, a) as b, member(program, folder, a) as c:
        nodes.wait_linked(b, c)
        with Sentinel(a) as sentinel:
            discovered(sentinel, 2)
            a.ask("SET", "k", "v")
            nodes.wait_same_offset(a, b, c)
            sentinel.ask("SENTINEL", "failover", "group")
            lab.wait_for(lambda: sentinel.primary_port() != a.port, "another leads", PATIENCE_S)
            leader = of_port((b, c), sentinel.primary_port())
            others = [each for each in (a, b, c) if each is not leader]
            lab.wait_for(lambda: all(each.info().get("master_port") == str(leader.port)
                                     for each in others), "all follow it", PATIENCE_S)
            nodes.wait_linked(*others, patience_s=PATIENCE_S)
            leader.ask("SET", "k", "w")
            nodes.wait_same_offset(leader, *others)
            assert [each.ask("GET", "k") for each in (a, b, c)] == [b"w"] * 3
            assert leader.info()["role"] == "master"


class Ledger(threading.Thread):
    """Writes numbers through whoever Sentinel says leads; notes those that were acknowledged."""

    def __init__(self, sentinel, members):
        super().__init__(daemon=True)
        self.sentinel, self.members, self.over = sentinel.client(), members, False
        self.acknowledged, self.number = [], 0

    def leader(self):
        _, said = self.sentinel.ask([b"SENTINEL", b"get-master-addr-by-name", b"group"])
        return resp.Connection(int(said[1][1]), 2)

    def run(self):
        while not self.over:
            try:
                client = self.leader()
                client.socket.settimeout(3)
                while not self.over:
                    self.number += 1
                    kind, _ = client.ask([b"SET", b"n:%d" % self.number, b"%d" % self.number])
                    if kind == "error":
                        break
                    self.acknowledged.append(self.number)
            except (OSError, resp.Closed, RuntimeError):
                pass
            time.sleep(0.05)

    def stop(self):
        self.over = True
        self.join(lab.PATIENCE_S)


def agree(sentinel, members):
    """All but the one that Sentinel names follow it, and Sentinel is done: it waits without end for
    one that is killed before."""
    leader = sentinel.primary_port()
    facts = [member.info() for member in members if member.port != leader]
    said = [word for _, word in sentinel.ask("SENTINEL", "master", "group")]
    return dict(zip(said[::2], said[1::2]))[b"flags"] == b"master" and all(
        fact.get("master_port") == str(leader) and fact["master_link_status"] == "up"
        for fact in facts)


@contextlib.contextmanager
def ledger_of_group(program):
    """Three servers under Sentinel, and writes to them: at the end all that was acknowledged is
    there, everywhere."""
    with lab.folder() as folder, member(program, folder) as a, \
            member(program, folder, a) as b, member(program, folder, a) as c:
        members = [a, b, c]
        for each in members:
            each.ask("CONFIG", "SET", "replication-ack", "quorum", "replication-group-size", 3)
            each.ask("CONFIG", "REWRITE")
        nodes.wait_linked(b, c)
        with Sentinel(a) as sentinel:
            discovered(sentinel, 2)
            ledger = Ledger(sentinel, members)
            ledger.start()
            yield sentinel, members, ledger
            ledger.stop()
            lab.wait_for(lambda: agree(sentinel, members), "one leads", PATIENCE_S)
            leader = of_port(members, sentinel.primary_port())
            lost = [n for n in ledger.acknowledged if leader.ask("GET", f"n:{n}") is None]
            print(f"{len(ledger.acknowledged)} acknowledged writes, {len(lost)} lost")
            assert not lost, f"{len(lost)} of {len(ledger.acknowledged)} lost: {lost[:10]}"
            nodes.wait_same_offset(leader, *[m for m in members if m is not leader])
            nodes.assert_same_data(leader, *[m for m in members if m is not leader])


def wait_writes(ledger, count=200):
    before = len(ledger.acknowledged)
    lab.wait_for(lambda: len(ledger.acknowledged) > before + count, "writes", PATIENCE_S)


def crash_rounds(program, rounds):
    """kill -9 of the primary under load, again and again: what was acknowledged is there."""
    with ledger_of_group(program) as (sentinel, members, ledger):
        for _ in range(rounds):
            wait_writes(ledger)
            old = of_port(members, sentinel.primary_port())
            old.kill()
            lab.wait_for(lambda: sentinel.primary_port() != old.port, "another leads", PATIENCE_S)
            revive(old)
            lab.wait_for(lambda: agree(sentinel, members), "the others follow", PATIENCE_S)


def revive(node):
    """The same command line again: without --replicaof it begins as a primary."""
    node.process = nodes.servers.subprocess.Popen(
        node.process.args, stdin=nodes.servers.subprocess.DEVNULL, stdout=node.log, stderr=node.log)
    node.wait()


def test_told_to_fail_over_under_load(program):
    """The old primary lives and takes writes until it is told; a client that still knows it asks
    it for some seconds."""
    with ledger_of_group(program) as (sentinel, members, ledger):
        for _ in range(int(os.environ.get("ROUNDS", "1"))):
            wait_writes(ledger)
            old = sentinel.primary_port()
            lab.wait_for(lambda: sentinel.raw("SENTINEL", "failover", "group")[0] != "error",
                         "it is told", PATIENCE_S)
            lab.wait_for(lambda: sentinel.primary_port() != old, "another leads", PATIENCE_S)
            lab.wait_for(lambda: agree(sentinel, members), "the others follow", PATIENCE_S)


def test_crashes(program):
    crash_rounds(program, int(os.environ.get("ROUNDS", "1")))


if __name__ == "__main__":
    lab.main()
