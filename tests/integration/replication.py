#!/usr/bin/env python3
"""Replication between Larder and a real Redis, both ways, and among Larders.

replication.py LARDER_SERVER [test ...]
"""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fault"))
import lab  # noqa: E402
import nodes  # noqa: E402
import resp  # noqa: E402
from nodes import Cut, Node, Writer, fill, settle  # noqa: E402
from nodes import wait_linked, wait_online, wait_same_offset  # noqa: E402


def follow_under_load(primary, *replicas):
    """Full sync while somebody writes, the stream behind it, a cut, and what comes then."""
    fill(primary)
    with Cut(primary) as link:
        with Writer(primary, 1), Writer(primary, 2):
            for replica in replicas:
                replica.ask("REPLICAOF", "127.0.0.1", link.port)
            wait_linked(*replicas)
            assert all(replica.ask("ROLE")[3][1] == b"connected" for replica in replicas)
            time.sleep(0.5)
            before = int(primary.info("stats")["sync_full"])
            link.cut()
            lab.wait_for(lambda: all(r.info()["master_link_status"] == "down" for r in replicas),
                         "cut")
            time.sleep(0.3)
            link.mend()
            wait_linked(*replicas)
            assert int(primary.info("stats")["sync_full"]) == before, "the cut cost a full sync"
            counted = primary.info("stats")["sync_partial_ok"]
            assert int(counted) >= len(replicas), f"partial: {counted}"
            for node, way, count in [(primary, "output", len(replicas)),
                                     *((replica, "input", 1) for replica in replicas)]:
                sent = int(node.info("stats")[f"total_net_repl_{way}_bytes"])
                assert sent > count * 50_000, f"{node.name} {way}: {sent}"
        settle(primary, *replicas)


BACKLOG = ("--repl-backlog-size", "64mb")


def must_be_held(client):
    client.socket.settimeout(0.2)
    try:
        raise AssertionError(f"answered {client.read()} that no replica has")
    except TimeoutError:
        client.socket.settimeout(lab.PATIENCE_S)


def test_redis_follows_larder(program):
    with Node(program, *BACKLOG) as primary, Node(nodes.REDIS) as replica:
        follow_under_load(primary, replica)


def times_of(node, key, fields):
    return [time[1] for time in node.ask("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)]


def test_valkey_follows_larder(program):
    """From 9 on it reads fields with times, in a form of its own. Beside it a Redis-like replica
    gets the other form."""
    if shutil.which(nodes.VALKEY) is None:
        print(f"   no {nodes.VALKEY} here")
        return
    with Node(program, *BACKLOG) as primary, Node(nodes.VALKEY) as replica, \
            Node(program) as other:
        fill(primary)
        names = [f"f{k}" for k in range(3000)]
        for key, count in (("timed:small", 5), ("timed:large", 3000)):
            primary.ask("HSET", key, *[word for name in names[:count] for word in (name, "v")])
            for k in range(0, count, 2):
                primary.ask("HPEXPIRE", key, 1_000_000 + k, "FIELDS", 1, names[k])
        for each in (replica, other):
            each.follow(primary)
        wait_linked(replica, other)
        primary.ask("HPEXPIRE", "timed:small", 10, "FIELDS", 1, "f1")
        primary.ask("HPEXPIRE", "hash:5", 2_000_000, "FIELDS", 1, "f2")
        lab.wait_for(lambda: primary.ask("HLEN", "timed:small") == 4, "its time has come")
        wait_same_offset(primary, replica, other)
        for node in (replica, other):
            for key, fields in (("timed:small", names[:5]), ("timed:large", names),
                                ("hash:5", names[:6])):
                wanted = times_of(primary, key, fields)
                assert times_of(node, key, fields) == wanted, f"times of {key} on {node.name}"
        settle(primary, replica, other)


def test_larder_follows_redis(program):
    with Node(nodes.REDIS, *BACKLOG) as primary, Node(program) as replica:
        follow_under_load(primary, replica)


def test_larder_follows_redis_from_a_file(program):
    with Node(nodes.REDIS) as primary, Node(program) as replica:
        primary.ask("CONFIG", "SET", "repl-diskless-sync", "no")
        fill(primary)
        replica.follow(primary)
        wait_linked(replica)
        settle(primary, replica)


def test_larder_follows_larder(program):
    with Node(program, *BACKLOG) as primary, Node(program) as one, Node(program) as two:
        two.ask("CONFIG", "SET", "repl-diskless-load", "on-empty-db")
        follow_under_load(primary, one, two)


def test_chains(program):
    """Larder behind Redis behind Larder behind Larder; the stream is one and the same."""
    with Node(program, *BACKLOG) as top, Node(program, *BACKLOG) as middle, \
            Node(nodes.REDIS) as low, Node(program) as last:
        fill(top)
        with Writer(top, 3):
            for replica, primary in ((middle, top), (low, middle), (last, low)):
                replica.follow(primary)
                wait_linked(replica)
        settle(top, middle, low, last)
        assert len({node.info()["master_replid"] for node in (top, middle, low, last)}) == 1


def test_siblings_of_a_promoted_replica_go_on(program):
    no_pings = ("--repl-ping-replica-period", 3600)  # one may reach all but the heir
    with Node(program, *no_pings) as primary, Node(program) as heir, Node(program) as sibling, \
            Node(nodes.REDIS) as cousin:
        fill(primary)
        for replica in (heir, sibling, cousin):
            replica.follow(primary)
        wait_linked(heir, sibling, cousin)
        wait_same_offset(primary, heir, sibling, cousin)
        heir.ask("REPLICAOF", "NO", "ONE")
        heir.ask("SET", "written", "by the heir")
        for replica in (sibling, cousin, primary):
            replica.follow(heir)
        wait_linked(sibling, cousin, primary)
        settle(heir, sibling, cousin, primary)
        assert int(heir.info("stats")["sync_full"]) == 0, heir.info("stats")
        assert heir.info()["master_replid2"] != "0" * 40


def test_replicas_of_an_heir_go_on_under_load(program):
    """What the heir writes at once belongs to its new history: nobody gets it under the old one."""
    with Node(program) as primary, Node(program, follows=primary) as heir, \
            Node(program, follows=heir) as one, Node(program, follows=heir) as two:
        fill(primary)
        wait_linked(heir, one, two)
        wait_same_offset(primary, heir, one, two)
        synced = heir.info("stats")["sync_full"]
        with Writer(heir, 1), Writer(heir, 2):
            heir.ask("REPLICAOF", "NO", "ONE")
            lab.wait_for(lambda: int(heir.info("stats")["sync_partial_ok"]) >= 2, "they are back")
        settle(heir, one, two)
        assert heir.info("stats")["sync_full"] == synced, "nothing was sent twice"


def test_replicas_are_told_what_nobody_did(program):
    with Node(program, "--enable-debug-command", "yes") as primary, \
            Node(program, follows=primary) as one, Node(nodes.REDIS) as other:
        other.follow(primary)
        wait_linked(one, other)
        primary.ask("DEBUG", "REPLICATE", "SET", "told", "v")
        primary.ask("SET", "written", "v")
        wait_same_offset(primary, one, other)
        assert [node.ask("GET", "told") for node in (primary, one, other)] == [None, b"v", b"v"]


def test_replica_manners(program):
    with Node(program) as primary, Node(program, follows=primary) as replica:
        wait_linked(replica)
        assert replica.error("SET", "k", "v").startswith("READONLY You can't write against a read")
        assert replica.ask("ROLE")[0][1] == b"slave"
        primary.ask("SET", "soon", "gone", "PX", 300)
        primary.ask("SET", "stays", "here")
        wait_same_offset(primary, replica)
        assert replica.ask("GET", "soon") == b"gone"
        assert replica.raw("REPLICAOF", "127.0.0.1", primary.port)[1].startswith(b"OK Already")
        lab.wait_for(lambda: replica.ask("GET", "soon") is None, "hidden")
        lab.wait_for(lambda: replica.ask("DBSIZE") == 1, "the primary removed it")
        replica.ask("CONFIG", "SET", "replica-serve-stale-data", "no")
        primary.kill()
        lab.wait_for(lambda: replica.raw("GET", "stays")[0] == "error", "link down")
        assert replica.error("GET", "stays").startswith("MASTERDOWN Link with MASTER is down")
        assert replica.ask("INFO", "replication")
        replica.ask("REPLICAOF", "NO", "ONE")
        assert replica.ask("GET", "stays") == b"here"


def give_short_lives(primary):
    """Lives that the primary prolongs before they end."""
    dump = primary.ask("HSET", "hash", "f", 1) and primary.ask("DUMP", "hash")
    end_ms = int(time.time() * 1000) + 1000
    primary.ask("SET", "set", "v", "PXAT", end_ms)
    primary.ask("RESTORE", "restored", end_ms, dump, "ABSTTL")
    for key in ("expire", "getex"):
        primary.ask("SET", key, "v")
    primary.ask("PEXPIREAT", "expire", end_ms)
    primary.ask("GETEX", "getex", "PXAT", end_ms)
    if primary.kind == "larder":
        primary.ask("HPEXPIREAT", "hash", end_ms, "FIELDS", 1, "f")
        primary.ask("HPERSIST", "hash", "FIELDS", 1, "f")
    primary.ask("ZADD", "zset", 1, "m")
    primary.ask("PEXPIREAT", "zset", end_ms)
    primary.ask("ZUNIONSTORE", "copied", 1, "zset")
    for key in ("set", "restored", "expire", "getex"):
        assert primary.ask("PERSIST", key) == 1, f"{key} is gone: the machine is too slow"
    return end_ms


def test_a_late_replica_keeps_what_lives_on(program):
    """What comes late from the primary is done as it was there, whatever the time is now."""
    for kind, writable in ((program, "no"), (program, "yes"), (nodes.REDIS, "no")):
        with Node(kind) as primary, Node(program, follows=primary) as replica:
            wait_linked(replica)
            replica.ask("CONFIG", "SET", "replica-read-only", writable)
            replica.freeze()
            end_ms = give_short_lives(primary)
            lab.wait_for(lambda: time.time() * 1000 > end_ms + 50, "their time came")
            replica.thaw()
            wait_same_offset(primary, replica)
            lab.wait_for(lambda: primary.ask("DBSIZE") == replica.ask("DBSIZE") == 6, "all there")
            nodes.assert_same_data(primary, replica)


def test_a_busy_script_delays_the_stream(program):
    """A replica's client runs a script for long: the primary's writes wait, none is refused."""
    loop = "for i = 1, 200 do redis.call('get', 'k' .. i) end while true do end"
    with Node(program) as primary, Node(program, "--busy-reply-threshold", 10,
                                        follows=primary) as replica:
        wait_linked(replica)
        client = replica.client()
        client.send(resp.encode([b"EVAL", loop.encode(), b"0"]))
        lab.wait_for(lambda: replica.raw("GET", "k1")[0] == "error", "busy")
        for i in range(1, 201):
            primary.ask("INCR", f"k{i}")
        for words in (["MULTI"], ["INCR", "k1"], ["EXEC"]):
            primary.ask(*words)
        assert primary.ask("WAIT", 1, 300) == 0, "it was not busy"
        replica.ask("SCRIPT", "KILL")
        assert client.read()[0] == "error"
        client.close()
        wait_same_offset(primary, replica)
        assert nodes.assert_same_data(primary, replica) == 200


def test_who_waits_is_sent_away_by_a_new_role(program):
    with Node(program) as server:
        pops, waits = server.client(), server.client()
        pops.send(resp.encode([b"BLPOP", b"nothing", b"0"]))
        waits.send(resp.encode([b"WAIT", b"3", b"0"]))
        lab.wait_for(lambda: int(server.info("clients")["blocked_clients"]) == 2, "both wait")
        server.ask("REPLICAOF", "127.0.0.1", 1)
        for client in (pops, waits):
            kind, text = client.read()
            assert kind == "error" and b"instance state changed" in text, text
            try:
                assert False, client.read()
            except resp.Closed:
                client.close()


def test_readers_are_sent_away_by_another_primary(program):
    """What they wait for may be in its data set, and then no write tells of it."""
    with Node(program) as one, Node(program) as two, Node(program, follows=one) as replica:
        wait_linked(replica)
        reader = replica.client()
        reader.send(lab.request("XREAD BLOCK 0 STREAMS news 0"))
        lab.wait_for(lambda: replica.info("clients")["blocked_clients"] == "1", "it waits")
        two.ask("XADD", "news", "*", "f", "v")
        replica.follow(two)
        kind, text = reader.read()
        assert kind == "error" and b"instance state changed" in text, text
        reader.close()


def test_a_command_that_fails_on_the_replica_is_told(program):
    """The data differs from then on, and nobody else would hear of it."""
    with Node(program, "--enable-debug-command", "yes") as primary, \
            Node(program, follows=primary) as replica:
        wait_linked(replica)
        primary.ask("DEBUG", "REPLICATE", "NO-SUCH-COMMAND")
        replica.ask("CONFIG", "SET", "replica-read-only", "no")
        replica.ask("SET", "number", "text")
        primary.ask("INCRBY", "number", 1)
        wait_same_offset(primary, replica)
        assert replica.ask("GET", "number") == b"text"
        lab.wait_for(lambda: replica.info("stats")["unexpected_error_replies"] == "2", "counted")
        log = replica.log_text()
        assert log.count("== CRITICAL ==") == 2 and "'no-such-command': ERR unknown" in log, log
        assert "'incrby': ERR value is not an integer" in log, log


def test_infos_of_a_primary_that_sends_a_file(program):
    for kind in (program, nodes.REDIS):
        with Node(kind) as primary, Node(program) as replica:
            primary.ask("CONFIG", "SET", "repl-diskless-sync", "yes")
            primary.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)
            for i in range(20):
                primary.ask("SET", f"key{i}", "v")
            primary.ask("CONFIG", "SET", "repl-ping-replica-period", 10)
            primary.ask("CONFIG", "SET", "rdb-key-save-delay", 100_000)
            replica.follow(primary)
            sends = lambda: primary.info("persistence")["rdb_bgsave_in_progress"]  # noqa: E731
            lab.wait_for(lambda: sends() == "1", "a slow file")
            wait_linked(replica)
            lab.wait_for(lambda: sends() == "0", "sent")
            clients = primary.info("clients")["connected_clients"]
            assert clients == "1", f"{kind} has {clients} clients beside the replica"
            offset = primary.info()["master_repl_offset"]
            assert offset == "0", f"{kind}: {offset} bytes before anything was written"


def test_a_writable_replica_removes_its_own_keys(program):
    with Node(program) as primary, Node(program, follows=primary) as replica:
        wait_linked(replica)
        replica.ask("CONFIG", "SET", "replica-read-only", "no")
        replica.ask("SET", "first", "v", "PX", 100)
        replica.ask("EVAL", "redis.call('set', 'second', 'v', 'px', 100)", 0)
        replica.ask("SET", "stays", "v", "PX", 100)
        replica.ask("SET", "stays", "v", "EX", 1000)
        assert int(replica.info("stats")["slave_expires_tracked_keys"]) > 0
        lab.wait_for(lambda: replica.ask("DBSIZE") == 1, "removed")
        assert replica.ask("GET", "stays") == b"v"


def test_waiting_for_replicas(program):
    with Node(program) as primary, Node(program, follows=primary) as one, \
            Node(nodes.REDIS, follows=primary) as two:
        wait_linked(one, two)
        primary.ask("SET", "k", 1)
        assert primary.ask("WAIT", 2, 5000) == 2
        assert primary.ask("WAIT", 3, 50) == 2
        two.freeze()
        primary.ask("SET", "k", 2)
        start = time.monotonic()
        assert primary.ask("WAIT", 2, 200) == 1
        assert 0.15 < time.monotonic() - start < 5
        two.thaw()
        primary.ask("CONFIG", "SET", "min-replicas-to-write", 3)
        assert primary.error("SET", "k", 3) == "NOREPLICAS Not enough good replicas to write."
        primary.ask("CONFIG", "SET", "min-replicas-to-write", 2)
        lab.wait_for(lambda: primary.raw("SET", "k", 3)[0] != "error", "replicas are good again")
        assert one.error("WAIT", 1, 1).startswith("ERR WAIT cannot be used with replica")


def test_acknowledged_writes(program):
    with Node(program) as primary, Node(program) as one, Node(program) as two:
        for replica in (one, two):
            replica.follow(primary)
        wait_linked(one, two)
        wait_online(primary, 2)  # before its first acknowledgement nobody counts on a replica
        primary.ask("CONFIG", "SET", "replication-ack", "quorum")
        for i in range(50):
            primary.ask("SET", f"k{i}", i)
        start = time.monotonic()
        primary.connection.send(b"".join(
            lab.request(f"SET p{i} {i}") for i in range(2000)))
        for _ in range(2000):
            assert primary.connection.read() == ("simple", b"OK")
        assert time.monotonic() - start < 10
        primary.ask("CONFIG", "SET", "replication-ack", "all")
        primary.ask("CONFIG", "SET", "replication-ack-timeout", 200)
        two.freeze()
        refused = primary.error("SET", "k", "v")
        assert refused.startswith("NOTACKED") and "only 1 of 2 replicas" in refused, refused
        other = primary.client()
        assert other.ask([b"GET", b"k"]) == ("bulk", b"v"), "reads of others do not wait"
        other.close()
        two.thaw()
        lab.wait_for(lambda: primary.raw("SET", "k", "w")[0] != "error", "both acknowledge again")


def test_failover_command(program):
    with Node(program) as primary, Node(program, follows=primary) as replica, \
            Node(nodes.REDIS, follows=primary) as other:
        wait_linked(replica, other)
        assert primary.error("FAILOVER", "TO", "127.0.0.1", 1) == \
            "ERR FAILOVER target HOST and PORT is not a replica."
        fill(primary)
        wait_online(primary, 2)  # before its first acknowledgement none can be its target
        primary.ask("FAILOVER", "TO", "127.0.0.1", replica.port)
        lab.wait_for(lambda: replica.info()["role"] == "master", "the replica leads")
        wait_linked(primary)
        lab.wait_for(lambda: primary.info()["master_failover_state"] == "no-failover", "it is over")
        replica.ask("SET", "after", "failover")
        settle(replica, primary)
        assert int(replica.info("stats")["sync_full"]) == 0
        # And on to a real Redis and back.
        other.follow(replica)
        wait_linked(other)
        wait_online(replica, 2)
        replica.ask("FAILOVER", "TO", "127.0.0.1", other.port)
        lab.wait_for(lambda: other.info()["role"] == "master", "redis leads")
        wait_linked(replica)
        wait_online(other, 1)
        other.ask("FAILOVER", "TO", "127.0.0.1", replica.port)
        lab.wait_for(lambda: replica.info()["role"] == "master", "larder leads again")
        wait_linked(other)
        settle(replica, other)


def test_a_write_outlives_a_refused_failover(program):
    """It waits while the target is asked to lead, and is done by who leads on, as in Redis."""
    with Node(program) as primary, Node(program, follows=primary) as replica:
        for n in range(5):
            # Its link is cut at the end of each failover, soon after the answer.
            lab.wait_for(lambda: int(primary.info("stats")["sync_partial_ok"]) == n, "it is back")
            wait_linked(replica)
            wait_online(primary, 1)
            replica.ask("ACL", "SETUSER", "default", "-psync")
            writer = primary.client()
            replica.freeze()
            primary.ask("SET", "lacked", n)
            primary.ask("FAILOVER", "TO", "127.0.0.1", replica.port)
            writer.send(resp.encode([b"SET", b"k", b"%d" % n]))
            must_be_held(writer)
            replica.thaw()
            answer = writer.read()
            assert answer == ("simple", b"OK"), answer
            assert primary.info()["master_failover_state"] == "no-failover"
            replica.ask("ACL", "SETUSER", "default", "+psync")
        wait_linked(replica)
        wait_same_offset(primary, replica)
        assert replica.ask("GET", "k") == b"4"


def test_planned_stop_hands_over(program):
    with Node(program, "--shutdown-on-sigterm", "failover") as primary, \
            Node(program, follows=primary) as replica:
        wait_linked(replica)
        wait_online(primary, 1)
        with Writer(primary, 5) as writer:
            lab.wait_for(lambda: writer.count > 100, "writes")
            primary.process.terminate()
            primary.process.wait(lab.PATIENCE_S)
            writer.join(lab.PATIENCE_S)
            writer.fault = None  # its connection ended
        assert replica.info()["role"] == "master"


def test_clients_of_the_stream(program):
    with Node(program) as primary, Node(program, follows=primary) as replica:
        wait_linked(replica)
        for node, kind, flag in ((primary, "replica", "flags=S"), (replica, "master", "flags=M")):
            lab.wait_for(lambda: node.ask("CLIENT", "LIST", "TYPE", kind).decode().count(flag) == 1,
                         f"one {kind} is listed")
        lab.wait_for(lambda: int(primary.info("memory")["mem_clients_slaves"]) > 0,
                     "the replica's memory is counted")
        assert primary.ask("CLIENT", "KILL", "TYPE", "replica") == 1
        lab.wait_for(lambda: int(primary.info("stats")["sync_partial_ok"]) == 1, "it came back")
        assert replica.ask("CLIENT", "KILL", "TYPE", "master") == 1
        lab.wait_for(lambda: int(primary.info("stats")["sync_partial_ok"]) == 2, "and again")
        wait_linked(replica)


def test_the_address_that_a_replica_comes_from(program):
    """192.0.2.1 is nobody's: the replica comes all the same."""
    for kind in (program, nodes.REDIS):
        for source, seen in (("127.0.0.2", "127.0.0.2"), ("192.0.2.1", "127.0.0.1")):
            with Node(program) as primary, Node(kind) as replica:
                replica.ask("CONFIG", "SET", "bind-source-addr", source)
                replica.follow(primary)
                wait_linked(replica)
                assert f"ip={seen}," in primary.info()["slave0"], primary.info()["slave0"]


def test_passwords(program):
    with Node(program, "--requirepass", "secret") as primary, Node(program) as replica:
        replica.follow(primary)
        lab.wait_for(lambda: "NOAUTH" in replica.log_text(), "refused")
        replica.ask("CONFIG", "SET", "masterauth", "secret")
        wait_linked(replica)


def test_users_and_the_link(program):
    """The link to the primary is no user's: rules and CLIENT KILL USER are not about it."""
    for kind in (program, nodes.REDIS):
        with Node(program) as primary, Node(kind, follows=primary) as replica:
            wait_linked(replica)
            line = replica.ask("CLIENT", "LIST", "TYPE", "master").decode()
            assert "user=(superuser)" in line, line
            assert replica.ask("CLIENT", "KILL", "USER", "default", "SKIPME", "yes") == 0
            assert replica.ask("CLIENT", "LIST", "TYPE", "master").decode().split()[0] == \
                line.split()[0]
            primary.ask("SET", "k", "v")
            lab.wait_for(lambda: replica.ask("GET", "k") == b"v", "the stream goes on")


CHOOSY = """
redis.set_repl(redis.REPL_NONE) redis.call('set', 'none', 1)
redis.set_repl(redis.REPL_AOF) redis.call('set', 'aof', 1) redis.call('incrby', 'all', 5)
redis.set_repl(redis.REPL_REPLICA) redis.call('set', 'replica', 1)
redis.set_repl(redis.REPL_ALL) redis.call('incr', 'all')
"""


def test_scripts_choose_who_gets_effects(program):
    for kind in (program, nodes.REDIS):
        for other in (program, nodes.REDIS):
            with Node(kind) as primary, Node(other, follows=primary) as replica:
                wait_linked(replica)
                primary.ask("EVAL", CHOOSY, 0)
                primary.ask("SET", "behind", "it")
                wait_same_offset(primary, replica)
                lab.wait_for(lambda: replica.ask("GET", "behind") == b"it", "it came")
                found = replica.ask("MGET", "none", "aof", "replica", "all")
                assert [value for _, value in found] == [None, None, b"1", b"1"], found
                assert int(primary.info("stats")["sync_full"]) == 1


def library(name, *functions):
    registered = "".join(
        f"redis.register_function('{each}', function(keys) return redis.call('incr', keys[1]) end)"
        for each in functions)
    return f"#!lua name={name}\n{registered}"


def functions_of(node):
    pairs = [item[1] for item in node.ask("FUNCTION", "LIST")]
    return sorted(each[1][1] for each in pairs)


def test_functions_travel(program):
    """With the full sync, in place of what was there, then in the stream; and what they write."""
    for kind in (program, nodes.REDIS):
        for other in (program, nodes.REDIS):
            with Node(kind) as primary, Node(other) as replica:
                primary.ask("FUNCTION", "LOAD", library("early", "count"))
                replica.ask("FUNCTION", "LOAD", library("own", "alone"))
                replica.follow(primary)
                wait_linked(replica)
                assert functions_of(replica) == [b"early"], functions_of(replica)
                primary.ask("FUNCTION", "LOAD", library("late", "more"))
                primary.ask("FCALL", "count", 1, "n")
                primary.ask("FCALL", "more", 1, "n")
                wait_same_offset(primary, replica)
                lab.wait_for(lambda: replica.ask("GET", "n") == b"2", "their writes")
                assert functions_of(replica) == [b"early", b"late"], functions_of(replica)
                primary.ask("FUNCTION", "DELETE", "early")
                wait_same_offset(primary, replica)
                lab.wait_for(lambda: functions_of(replica) == [b"late"], "deleted")
                dump = primary.ask("FUNCTION", "DUMP")
                primary.ask("FUNCTION", "FLUSH")
                lab.wait_for(lambda: functions_of(replica) == [], "flushed")
                primary.ask("FUNCTION", "RESTORE", dump)
                lab.wait_for(lambda: functions_of(replica) == [b"late"], "restored")


def test_served_waiters_are_acknowledged(program):
    """The reply of a BLPOP that another client's write serves is about a write, too."""
    with Node(program, "--threads", "2") as primary, Node(program, follows=primary) as replica:
        wait_linked(replica)
        primary.ask("CONFIG", "SET", "replication-ack", "all", "replication-ack-timeout", 10_000)
        waiters = [primary.client() for _ in range(4)]  # on both workers
        for waiter in waiters:
            waiter.send(lab.request("BLPOP list 0"))
        lab.wait_for(lambda: primary.info("clients")["blocked_clients"] == "4", "they wait")
        replica.freeze()
        writer = primary.client()
        writer.send(lab.request("RPUSH list a b c d"))
        for client in (writer, *waiters):
            must_be_held(client)
        replica.thaw()
        assert writer.read() == ("integer", 4)
        popped = sorted(waiter.read()[1][1][1] for waiter in waiters)
        assert popped == [b"a", b"b", b"c", b"d"], popped
        for client in (writer, *waiters):
            client.close()


def test_what_came_beside_a_script_stays_behind_its_reply(program):
    """The reply is held until a replica has what the script wrote, and the invalidation with it."""
    script = (b"local e = os.clock() + 0.5 while os.clock() < e do end "
              b"redis.call('SET', 'x', 1) return 'reply'")
    with Node(program, "--threads", "1") as primary, Node(program, follows=primary) as replica:
        wait_linked(replica)
        client, other = resp.Connection(primary.port, 3), primary.client()
        primary.ask("SET", "k", "old")
        primary.ask("CONFIG", "SET", "replication-ack", "all", "replication-ack-timeout", 60_000)
        client.ask(lab.words("CLIENT TRACKING ON"))
        assert client.ask(lab.words("GET k")) == ("bulk", b"old")
        replica.freeze()
        client.send(resp.encode([b"EVAL", script, b"0"]))
        lab.wait_for(lambda: primary.ask("FUNCTION", "STATS")[1][0] != "nil", "the script runs")
        other.send(lab.request("SET k new"))
        lab.wait_for(lambda: primary.ask("GET", "k") == b"new", "it is changed meanwhile")
        assert primary.ask("FUNCTION", "STATS")[1][0] != "nil" or lab.SANITIZED
        lab.wait_for(lambda: primary.ask("GET", "x") == b"1", "the script is over")
        replica.thaw()
        assert client.read() == ("bulk", b"reply")
        assert client.read()[1][0] == ("bulk", b"invalidate")
        assert other.read() == ("simple", b"OK")


def test_a_transaction_that_asks_other_workers_is_acknowledged(program):
    """What CLIENT LIST answers comes when EXEC is over, and the reply waits for replicas still."""
    with Node(program, "--threads", "2") as primary, Node(program, follows=primary) as replica:
        wait_linked(replica)
        primary.ask("CONFIG", "SET", "replication-ack", "all", "replication-ack-timeout", 10_000)
        replica.freeze()
        client = primary.client()
        for text, answer in (("MULTI", b"OK"), ("CLIENT LIST", b"QUEUED"), ("SET k v", b"QUEUED"),
                             ("CLIENT LIST", b"QUEUED")):
            assert client.ask(lab.words(text)) == ("simple", answer), text
        client.send(lab.request("EXEC"))
        lab.wait_for(lambda: primary.ask("GET", "k") == b"v", "it ran")
        must_be_held(client)
        replica.thaw()
        _, answers = client.read()
        assert [kind for kind, _ in answers] == ["bulk", "simple", "bulk"], answers
        assert all(text.count(b"id=") >= 3 for kind, text in answers if kind == "bulk"), answers
        client.close()


SWAPS = ("--repl-diskless-load", "swapdb")


def loses_its_place(primary, replica, link):
    """What comes while the link is cut is more than the backlog; then a slow full sync begins."""
    primary.ask("CONFIG", "SET", "repl-backlog-size", "16kb", "rdb-key-save-delay", 500)
    link.cut()
    lab.wait_for(lambda: replica.info()["master_link_status"] == "down", "cut")
    for number in range(20_000):
        primary.ask("SET", f"new:{number % 4000}", "x" * 20)
    link.mend()


def fill_both(primary, replica, link):
    fill(primary)
    replica.ask("REPLICAOF", "127.0.0.1", link.port)
    wait_linked(replica)
    wait_same_offset(primary, replica)


def test_swapdb_answers_from_the_old_data(program):
    """While the same stream's data is loaded beside it; then all of it changes at once."""
    with Node(program) as primary, Node(program, *SWAPS) as replica, Cut(primary) as link:
        fill_both(primary, replica, link)
        before = replica.ask("DBSIZE")
        loses_its_place(primary, replica, link)
        lab.wait_for(lambda: replica.info("persistence")["async_loading"] == "1", "it loads")
        assert replica.info("persistence")["loading"] == "0"
        assert (replica.ask("DBSIZE"), replica.ask("GET", "new:1")) == (before, None)
        for refused in ("SAVE", "CONFIG SET appendonly no", "REPLICAOF NO ONE"):
            assert replica.error(*refused.split()).startswith("LOADING"), refused
        primary.ask("CONFIG", "SET", "rdb-key-save-delay", 0)
        wait_linked(replica)
        assert replica.info("persistence")["async_loading"] == "0"
        settle(primary, replica)
        assert replica.ask("GET", "new:1") is not None


def test_swapdb_keeps_the_old_data_when_the_load_fails(program):
    with Node(program) as primary, Node(program, *SWAPS) as replica, Cut(primary) as link:
        fill_both(primary, replica, link)
        before = nodes.data_of(replica)
        loses_its_place(primary, replica, link)
        lab.wait_for(lambda: replica.info("persistence")["async_loading"] == "1", "it loads")
        link.cut()
        lab.wait_for(lambda: replica.info("persistence")["async_loading"] == "0", "it failed")
        assert nodes.data_of(replica) == before
        primary.ask("CONFIG", "SET", "rdb-key-save-delay", 0)
        link.mend()
        wait_linked(replica)
        settle(primary, replica)


def test_swapdb_of_another_stream_answers_nothing(program):
    """The old data is not of that primary: LOADING, but it is still there when that fails."""
    with Node(program) as primary, Node(program, *SWAPS) as replica, Cut(primary) as link:
        fill(primary)
        replica.ask("SET", "mine", "v")
        primary.ask("CONFIG", "SET", "rdb-key-save-delay", 50_000)
        replica.ask("REPLICAOF", "127.0.0.1", link.port)
        lab.wait_for(lambda: replica.info("persistence")["loading"] == "1", "it loads")
        assert replica.error("GET", "mine").startswith("LOADING")
        link.cut()
        lab.wait_for(lambda: replica.info("persistence")["loading"] == "0", "it failed")
        assert replica.ask("GET", "mine") == b"v"
        primary.ask("CONFIG", "SET", "rdb-key-save-delay", 0)
        link.mend()
        wait_linked(replica)
        settle(primary, replica)
        assert replica.ask("GET", "mine") is None


def test_a_refused_partial_sync_is_counted(program):
    """The backlog went, as nobody was there for long; CONFIG RESETSTAT forgets the counts."""
    with Node(program, "--repl-backlog-ttl", 1) as primary, Node(program) as replica, \
            Cut(primary) as link:
        fill(primary)
        replica.ask("REPLICAOF", "127.0.0.1", link.port)
        wait_linked(replica)
        link.cut()
        lab.wait_for(lambda: primary.info()["repl_backlog_active"] == "0", "the backlog goes")
        link.mend()
        wait_linked(replica)
        names = ("sync_full", "sync_partial_ok", "sync_partial_err")
        assert [primary.info("stats")[name] for name in names] == ["2", "0", "1"]
        primary.ask("CONFIG", "RESETSTAT")
        assert [primary.info("stats")[name] for name in names] == ["0", "0", "0"]


def test_a_pause_of_writes_holds_the_stream(program):
    """As in Redis: what the primary sends waits, too. Being silent meanwhile is no fault."""
    for kind in (program, nodes.REDIS):
        with Node(program) as primary, Node(kind, "--repl-timeout", 2, follows=primary) as replica:
            wait_linked(replica)
            primary.ask("SET", "k", "old")
            wait_same_offset(primary, replica)
            replica.ask("CLIENT", "PAUSE", 60_000, "WRITE")
            primary.ask("SET", "k", "new")
            time.sleep(3)
            assert (replica.ask("GET", "k"), replica.info()["master_link_status"]) == (b"old", "up")
            replica.ask("CLIENT", "UNPAUSE")
            lab.wait_for(lambda: replica.ask("GET", "k") == b"new", "it goes on")
            assert primary.info("stats")["sync_full"] == "1"


def test_rdb_of_redis_cli(program):
    with Node(program) as server, lab.folder() as folder:
        fill(server)
        path = os.path.join(folder, "dump.rdb")
        code, said = lab.run_to_end("redis-cli", ["-p", str(server.port), "--rdb", path])
        assert code == 0 and os.path.getsize(path) > 1000, said
        code, said = lab.run_to_end("redis-check-rdb", [path])
        assert code == 0, said


# With Redis, too: the file has no keys.
def test_functions_of_redis_cli(program):
    with Node(program) as server, lab.folder() as folder:
        fill(server)
        server.ask("FUNCTION", "LOAD", "#!lua name=kept\n"
                   "redis.register_function('f', function() return 1 end)")
        path = os.path.join(folder, "functions.rdb")
        code, said = lab.run_to_end("redis-cli", ["-p", str(server.port), "--functions-rdb", path])
        assert code == 0, said
        code, said = lab.run_to_end("redis-check-rdb", [path])
        assert code == 0 and "0 keys read" in said, said
        with open(path, "rb") as file:
            assert b"name=kept" in file.read()


if __name__ == "__main__":
    lab.main()
