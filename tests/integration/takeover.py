#!/usr/bin/env python3
"""A replica that is told to lead and lacks acknowledged writes takes them from those that have them
(replication-ack, ADR 13). takeover.py LARDER_SERVER [test ...]
"""
import contextlib
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fault"))
import lab  # noqa: E402
import nodes  # noqa: E402
import certificates  # noqa: E402
from nodes import Cut, Node, assert_same_data, fill, wait_linked, wait_same_offset  # noqa: E402

NEVER_MS = lab.PATIENCE_S * 10_000  # a takeover that ends in time has not waited for nobody
QUORUM = ("--replication-ack", "quorum", "--replication-group-size", 3)


def larder(program, *more, **kind):
    return Node(program, *QUORUM, "--replication-takeover-timeout", NEVER_MS, *more, **kind)


class SecureNode(Node):
    """One whose links are TLS ones."""

    def __init__(self, program, authority, *options):
        self.tls_port = lab.free_port()
        super().__init__(program, *QUORUM, "--replication-takeover-timeout", NEVER_MS,
                         *certificates.server_options(authority, self.tls_port),
                         "--tls-replication", "yes", *options)

    @property
    def link_port(self):
        return self.tls_port


@contextlib.contextmanager
def torn_group(program, *siblings, make=larder):
    """The primary is dead; siblings have what was acknowledged last, the heir does not."""
    with make(program) as primary, make(program) as heir, Cut(primary) as link, \
            contextlib.ExitStack() as stack:
        for sibling in siblings:
            stack.enter_context(sibling)
            sibling.follow(primary)
        fill(primary, 20)
        heir.ask("REPLICAOF", "127.0.0.1", link.port)
        wait_linked(heir, *siblings)
        wait_same_offset(primary, heir, *siblings)
        link.cut()
        lab.wait_for(lambda: heir.info()["master_link_status"] == "down", "it is cut off")
        lab.wait_for(lambda: primary.raw("SET", "w", "acknowledged")[0] != "error", "a quorum")
        primary.ask("INCR", "number")
        wait_same_offset(primary, *siblings)
        primary.kill()
        for sibling in siblings:
            lab.wait_for(lambda: sibling.info()["master_link_status"] == "down", "it is dead")
            assert sibling.ask("GET", "w") == b"acknowledged"
        assert heir.ask("GET", "w") is None
        yield heir, *siblings


def leads(node):
    """Writes are taken again."""
    lab.wait_for(lambda: node.raw("SET", "after", "v")[0] != "error", "it leads")


def test_takes_what_a_sibling_has_more(program):
    with torn_group(program, larder(program)) as (heir, sibling):
        heir.ask("REPLICAOF", "NO", "ONE")
        lab.wait_for(lambda: "Taking over: waits for 1 more" in heir.log_text(), "takeover")
        assert heir.info()["role"] == "master", "Sentinel sends the siblings only then"
        assert heir.error("SET", "early", 1).startswith("READONLY")
        assert heir.ask("GET", "number:3") == b"21", "reads go on"
        sibling.follow(heir)
        leads(heir)
        assert [heir.ask("GET", key) for key in ("w", "number")] == [b"acknowledged", b"1"]
        wait_linked(sibling)
        wait_same_offset(heir, sibling)
        assert assert_same_data(heir, sibling) > 100
        assert int(heir.info("stats")["sync_full"]) == 0, "nothing was sent twice"
        assert int(sibling.info("stats")["sync_full"]) == 0


def test_takes_it_by_tls(program):
    authority = certificates.Authority()
    authority.issue("server")

    def secure(program):
        return SecureNode(program, authority)

    with torn_group(program, secure(program), make=secure) as (heir, sibling):
        heir.ask("REPLICAOF", "NO", "ONE")
        lab.wait_for(lambda: "Taking over: waits for 1 more" in heir.log_text(), "takeover")
        sibling.follow(heir)
        leads(heir)
        assert heir.ask("GET", "w") == b"acknowledged"
        wait_linked(sibling)
        wait_same_offset(heir, sibling)
        assert_same_data(heir, sibling)
        assert int(heir.info("stats")["sync_full"]) == 0, "nothing was sent twice"


def test_a_sibling_that_has_no_more_is_heard(program):
    with torn_group(program, larder(program)) as (behind, ahead):
        ahead.ask("REPLICAOF", "NO", "ONE")
        behind.follow(ahead)
        leads(ahead)
        wait_linked(behind)
        wait_same_offset(ahead, behind)
        assert behind.ask("GET", "w") == b"acknowledged"
        assert int(ahead.info("stats")["sync_full"]) == 0
        assert_same_data(ahead, behind)


def test_more_than_the_backlog_has(program):
    with larder(program, "--repl-backlog-size", "16kb") as primary, \
            larder(program, "--repl-backlog-size", "16kb") as sibling, \
            larder(program) as heir, Cut(primary) as link:
        sibling.follow(primary)
        heir.ask("REPLICAOF", "127.0.0.1", link.port)
        wait_linked(sibling, heir)
        heir_offset = nodes.offset(heir)
        link.cut()
        for i in range(40):
            lab.wait_for(lambda: primary.raw("SET", f"big:{i}", "v" * 50_000)[0] != "error", "ack")
        primary.kill()
        facts = sibling.info()
        assert int(facts["repl_backlog_first_byte_offset"]) > heir_offset + 1
        heir.ask("REPLICAOF", "NO", "ONE")
        sibling.follow(heir)
        leads(heir)
        assert heir.ask("STRLEN", "big:39") == 50_000
        assert int(sibling.info("stats")["sync_full"]) == 1, "the sibling gave all it has"
        wait_linked(sibling)
        wait_same_offset(heir, sibling)
        assert assert_same_data(heir, sibling) == 41


def test_an_heir_that_missed_a_change_of_primary(program):
    """The sibling follows under an id that the heir has never heard of."""
    with torn_group(program, larder(program), larder(program)) as (heir, second, third):
        second.ask("REPLICAOF", "NO", "ONE")
        third.follow(second)
        leads(second)
        wait_linked(third)
        second.ask("SET", "later", "acknowledged")
        second.kill()
        heir.ask("REPLICAOF", "NO", "ONE")
        third.follow(heir)
        leads(heir)
        assert heir.ask("GET", "later") == b"acknowledged"
        wait_linked(third)
        wait_same_offset(heir, third)
        assert_same_data(heir, third)
        assert int(heir.info("stats")["sync_full"]) == 0


def test_a_redis_sibling_is_not_waited_for(program):
    """It can't give what it has more: it is overwritten, as it is among Redis servers."""
    with torn_group(program, Node(nodes.REDIS)) as (heir, sibling):
        heir.ask("REPLICAOF", "NO", "ONE")
        sibling.follow(heir)
        leads(heir)
        wait_linked(sibling)
        wait_same_offset(heir, sibling)
        assert_same_data(heir, sibling)
        assert sibling.ask("GET", "w") is None


def test_nobody_comes(program):
    with torn_group(program, larder(program)) as (heir, _):
        heir.ask("CONFIG", "SET", "replication-takeover-timeout", 300)
        heir.ask("REPLICAOF", "NO", "ONE")
        lab.wait_for(lambda: "1 of the group did not come" in heir.log_text(), "it is over")
        heir.ask("CONFIG", "SET", "replication-ack", "none")
        leads(heir)


def test_those_who_know_nothing_are_not_heard(program):
    """An empty server may be one that had the write and was restarted."""
    with torn_group(program, larder(program)) as (heir, sibling), \
            larder(program, follows=heir) as empty:
        heir.ask("REPLICAOF", "NO", "ONE")
        lab.wait_for(lambda: "NOMASTERLINK" in empty.log_text(), "it was told to come later")
        assert heir.error("SET", "early", 1).startswith("READONLY")
        sibling.follow(heir)
        leads(heir)
        wait_linked(sibling, empty)
        wait_same_offset(heir, sibling, empty)
        assert empty.ask("GET", "w") == b"acknowledged"
        assert_same_data(heir, sibling, empty)


def test_told_to_follow_after_all(program):
    with torn_group(program, larder(program)) as (heir, sibling):
        heir.ask("REPLICAOF", "NO", "ONE")
        sibling.ask("CONFIG", "SET", "replication-ack", "none")
        sibling.ask("REPLICAOF", "NO", "ONE")
        heir.follow(sibling)
        wait_linked(heir)
        wait_same_offset(sibling, heir)
        assert heir.ask("GET", "w") == b"acknowledged"
        assert heir.error("SET", "k", "v").startswith("READONLY")


def test_a_sibling_that_gives_nothing(program):
    """Another that has the same is asked; when it can be reached again it follows."""
    with torn_group(program, larder(program), larder(program)) as (heir, sibling, third):
        with Cut(sibling) as link:
            link.cut()
            sibling.ask("CONFIG", "SET", "replica-announce-port", link.port)
            heir.ask("REPLICAOF", "NO", "ONE")
            sibling.follow(heir)
            lab.wait_for(lambda: "bytes more" in heir.log_text(), "it is tried")
            assert heir.error("SET", "early", 1).startswith("READONLY")
            third.follow(heir)
            leads(heir)
        wait_linked(sibling, third)
        wait_same_offset(heir, sibling, third)
        assert heir.ask("GET", "w") == b"acknowledged"
        assert_same_data(heir, sibling, third)



class Silent(Cut):
    """Says nothing at first."""

    def __init__(self, target):
        self.speaks = threading.Event()
        super().__init__(target)

    def accept(self):
        self.speaks.wait()
        super().accept()


def test_the_only_one_that_has_more_is_waited_for(program):
    """Beyond the patience that holds where another could be asked."""
    with torn_group(program, larder(program)) as (heir, sibling), Silent(sibling) as link:
        sibling.ask("CONFIG", "SET", "replica-announce-port", link.port)
        heir.ask("REPLICAOF", "NO", "ONE")
        sibling.follow(heir)
        lab.wait_for(lambda: "bytes more" in heir.log_text(), "it is tried")
        time.sleep(3.5)
        link.speaks.set()
        leads(heir)
        assert heir.ask("GET", "w") == b"acknowledged"
        assert heir.log_text().count("bytes more") == 1, "it was never left"


if __name__ == "__main__":
    lab.main()
