#!/usr/bin/env python3
"""What befalls other clients while a script or a transaction runs: they wait, are served beside it,
are closed amid their own EXEC, or wait for keys that it holds.

Usage: beside_scripts.py LARDER_SERVER [test ...]
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "conformance"))
import resp  # noqa: E402
import servers  # noqa: E402
from scripts import LOOP, ask, finish, is_error, key_beside_script, must, start, until  # noqa: E402

# Of 32 MB each, to keep a worker busy for a while; those of a sanitized server take far longer.
BITCOUNTS = 2 if resp.SANITIZED else 60


def words(*line):
    return resp.encode([word if isinstance(word, bytes) else str(word).encode() for word in line])


def equals(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r:.300}, not {wanted!r:.300}")


def script_runs(client):
    return must(ask(client, "FUNCTION", "STATS"))[1][0] != "nil"


def kill_script(client):
    must(ask(client, "SCRIPT", "KILL"))
    until(lambda: not script_runs(client), "the end of the script")


def blocked(client):
    text = must(ask(client, "INFO", "clients")).decode()
    return int(text.split("blocked_clients:")[1].split()[0])


def free_key(server, client):
    """A key that is not in the shard of the key `held`."""
    running = start(server.port, "EVAL", LOOP, 1, "held")
    until(lambda: script_runs(client), "a script")
    free = key_beside_script(server.port)
    kill_script(client)
    finish(running)
    return free


def exec_leaves_others_script_long(serve):
    """EXEC beside a script, then a script, which must wait without its worker."""
    server = serve("--threads", "1")
    client, other = resp.Connection(server.port, 2), resp.Connection(server.port, 2)
    running = start(server.port, "EVAL", LOOP, 0)
    until(lambda: script_runs(other), "a script")
    client.send(words("MULTI") + words("INCR", "n") + words("EXEC") + words("EVAL", "return 7", 0))
    for _ in range(3):
        must(client.read())
    must(ask(other, "PING"))
    kill_script(other)
    is_error(finish(running), b"ERR Script killed")
    equals("the second script", must(client.read()), 7)


def closed_amid_its_transaction(serve):
    """What is left of the transaction finds no client any more."""
    server = serve("--threads", "1")
    client, other = resp.Connection(server.port, 2), resp.Connection(server.port, 2)
    number = must(ask(client, "CLIENT", "ID"))
    queue = (("EVAL", LOOP, 0), ("SUBSCRIBE", "news"), ("PSUBSCRIBE", "n*"), ("UNSUBSCRIBE",),
             ("CLIENT", "TRACKING", "ON"), ("CLIENT", "TRACKING", "OFF"), ("CLIENT", "INFO"),
             ("SUBSCRIBE", "news"))
    client.send(words("MULTI") + b"".join(words(*line) for line in queue) + words("EXEC"))
    until(lambda: script_runs(other), "a script")
    equals("killed", must(ask(other, "CLIENT", "KILL", "ID", number)), 1)
    kill_script(other)
    equals("who hears", must(ask(other, "PUBLISH", "news", "x")), 0)
    must(ask(other, "PING"))


def receiver_closed_amid_transaction(serve):
    """It waits for a key that the transaction holds, and its output is too large."""
    server = serve("--threads", "1", "--client-output-buffer-limit", "pubsub 1mb 0 0")
    receiver, other = resp.Connection(server.port, 3), resp.Connection(server.port, 2)
    must(ask(other, "SADD", "watched", "x"))
    must(ask(receiver, "WATCH", "k", "watched"))
    must(ask(receiver, "SUBSCRIBE", "news"))
    receiver.send(words("BLPOP", "k", 0))
    until(lambda: blocked(other) == 1, "the receiver waits")
    other.send(words("MULTI") + words("SETBIT", "k", 1, 1) +
               words("PUBLISH", "news", b"x" * 32_000_000) + words("SUBSCRIBE", "other") +
               words("EXEC"))
    for _ in range(4):
        must(other.read())
    equals("of EXEC", must(other.read())[:2], [("integer", 0), ("integer", 1)])
    third = resp.Connection(server.port, 2)
    until(lambda: must(ask(third, "PUBLISH", "news", "x")) == 0, "the receiver is closed")
    must(ask(third, "DEL", "k"))
    must(ask(third, "RPUSH", "k", "v"))
    equals("left in the list", must(ask(third, "LLEN", "k")), 1)


def evicted_amid_its_transaction(serve):
    """SUBSCRIBE delivers what was published, and the slow reader makes all clients too large: the
    largest is the one whose transaction runs. All of that is done all the same."""
    server = serve("--threads", "1", "--maxmemory-clients", "6mb")
    reader, client, other = (resp.Connection(server.port, 2) for _ in range(3))
    reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    must(ask(other, "SET", "big", b"x" * 100_000))
    must(ask(reader, "SUBSCRIBE", "news"))
    publish = b"for i = 1, 8 do redis.call('PUBLISH', 'news', string.rep('x', 1000000)) end"
    queue = (("GET", "big"),) * 100 + (("EVAL", publish, 0), ("SUBSCRIBE", "other"),
                                       ("SET", "done", 1), ("SUBSCRIBE", "late"))
    client.send(words("MULTI") + b"".join(words(*line) for line in queue) + words("EXEC"))
    until(lambda: ask(other, "GET", "done")[1] == b"1", "the end of the transaction")
    facts = must(ask(other, "INFO", "stats")).decode()
    if int(facts.split("evicted_clients:")[1].split()[0]) == 0:
        raise AssertionError("nobody was evicted")
    equals("who hears", must(ask(other, "PUBLISH", "late", "x")), 0)
    try:
        while client.read():
            pass
    except resp.Closed:
        must(ask(other, "PING"))


def served_when_script_ends(serve):
    """What came for a client while a script held another of its keys."""
    server = serve("--threads", "1")
    client, waiting = resp.Connection(server.port, 2), resp.Connection(server.port, 2)
    free = free_key(server, client)
    waiting.send(words("BLPOP", free, "held", 0))
    until(lambda: blocked(client) == 1, "a client waits")
    running = start(server.port, "EVAL", LOOP, 1, "held")
    until(lambda: script_runs(client), "a script")
    must(ask(client, "LPUSH", free, "x"))
    kill_script(client)
    finish(running)
    equals("BLPOP", must(waiting.read()), [("bulk", free), ("bulk", b"x")])


def try_next_when_first_gave_up(server, free, big):
    """True when the first gave up before the worker that owes it something came to it."""
    clients = [resp.Connection(server.port, 2) for _ in range(6)]
    for client in clients:
        must(ask(client, "PING"))
    running, pusher, first, busy, killer, second = clients  # on one worker and the other in turn
    first.send(words("BLPOP", free, "held", 0.3))
    until(lambda: blocked(pusher) == 1, "the first waits")
    second.send(words("BLPOP", free, 0))
    until(lambda: blocked(pusher) == 2, "the second waits")
    running.send(words("EVAL", LOOP, 1, "held"))
    until(lambda: script_runs(killer), "a script")
    must(ask(pusher, "LPUSH", free, "x"))
    time.sleep(0.35)  # the first's time is over, but it can't leave
    busy.send(words("BITCOUNT", big) * BITCOUNTS)
    must(ask(killer, "SCRIPT", "KILL"))
    gave_up = first.read()[0] == "nil array"
    if not gave_up:
        must(ask(pusher, "LPUSH", free, "x"))
    equals("the next BLPOP", must(second.read()), [("bulk", free), ("bulk", b"x")])
    for client in clients:
        client.close()
    return gave_up


def next_served_when_first_gave_up(serve):
    server = serve("--threads", "2")
    client = resp.Connection(server.port, 2)
    free = free_key(server, client)
    big = free + b":big"
    must(ask(client, "SETBIT", big, 8 * 32_000_000, 1))
    if not any(try_next_when_first_gave_up(server, free, big) for _ in range(40)):
        raise AssertionError("the first never gave up in time")


def held_up_keeps_caching(serve):
    """CLIENT CACHING holds for the next command, also when a script holds that up. Whether it does
    depends on when the request arrives: most of the rounds hit."""
    server = serve("--threads", "2")
    scripts = [resp.Connection(server.port, 2) for _ in range(2)]
    client, writer = resp.Connection(server.port, 3), resp.Connection(server.port, 2)
    busy = b"local e = os.clock() + 0.03 while os.clock() < e do end"
    must(ask(writer, "SET", "k", "v"))
    must(ask(client, "CLIENT", "TRACKING", "ON", "OPTIN"))
    for i in range(24):
        script = scripts[i % 2]
        script.send(words("EVAL", busy, 1, "k"))
        time.sleep(0.001)
        client.send(words("CLIENT", "CACHING", "YES") + words("GET", "k"))
        must(client.read())
        must(client.read())
        must(script.read())
        must(ask(writer, "SET", "k", i))
        equals("a push", client.read(),
               ("push", [("bulk", b"invalidate"), ("array", [("bulk", b"k")])]))


def expiry_wakes_group_reader(serve):
    server = serve("--threads", "2")
    client = resp.Connection(server.port, 2)
    for wake in (("PEXPIRE", "st", 30), ("FLUSHALL",)):
        reader = resp.Connection(server.port, 2)
        must(ask(client, "XGROUP", "CREATE", "st", "g", "$", "MKSTREAM"))
        reader.send(words("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "st", ">"))
        until(lambda: blocked(client) == 1, "a reader waits")
        must(ask(client, *wake))
        is_error(reader.read(), b"NOGROUP")


def eviction_wakes_group_reader(serve):
    server = serve("--threads", "2", "--maxmemory-policy", "volatile-random")
    client, reader = resp.Connection(server.port, 2), resp.Connection(server.port, 2)
    must(ask(client, "XGROUP", "CREATE", "st", "g", "$", "MKSTREAM"))
    must(ask(client, "EXPIRE", "st", 1000))
    reader.send(words("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "st", ">"))
    until(lambda: blocked(client) == 1, "a reader waits")
    must(ask(client, "CONFIG", "SET", "maxmemory", "1kb"))  # less than an empty server has
    is_error(reader.read(), b"NOGROUP")


def gone_readers_are_forgotten(serve):
    """Short connections that read one key which never changes."""
    server = serve("--threads", "2")
    client = resp.Connection(server.port, 2)
    must(ask(client, "SET", "hot", 1))
    for _ in range(1500):
        reader = resp.Connection(server.port, 2)
        reader.send(words("CLIENT", "TRACKING", "ON") + words("GET", "hot"))
        must(reader.read())
        must(reader.read())
        reader.close()
    text = must(ask(client, "INFO", "stats")).decode()
    items = int(text.split("tracking_total_items:")[1].split()[0])
    if items > 700:
        raise AssertionError(f"{items} readers of one key are remembered")


def queue_is_counted_in_full(serve):
    """Small commands take more memory than their letters."""
    server = serve("--threads", "1")
    client, queueing = resp.Connection(server.port, 2), resp.Connection(server.port, 2)
    number = must(ask(queueing, "CLIENT", "ID"))
    queueing.send(words("MULTI") + words("PING") * 1000)
    for _ in range(1001):
        must(queueing.read())
    line = must(ask(client, "CLIENT", "LIST", "ID", number)).decode()
    facts = dict(fact.split("=", 1) for fact in line.split())
    if not 50_000 < int(facts["multi-mem"]) < 150_000 or int(facts["tot-mem"]) < 50_000:
        raise AssertionError(line)


def migration_in_exec_keeps_no_worker(serve):
    """It waits for the other server with its keys locked: others go on, but for those keys."""
    server = serve("--threads", "1")
    client, other, third = (resp.Connection(server.port, 2) for _ in range(3))
    for answer, outcome in ((b"+OK\r\n+OK\r\n", [("simple", b"OK"), ("nil", None)]),
                            (b"HTTP/1.1 400\r\n", [("error", b"IOERR error or timeout reading from "
                                                            b"target instance"), ("bulk", b"v")])):
        must(ask(other, "SET", "k", "v"))
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            door.settimeout(10)
            client.send(words("MULTI") + words("MIGRATE", "127.0.0.1", port, "k", 0, 10000) +
                        words("GET", "k") + words("EXEC"))
            peer, _ = door.accept()
            third.send(words("GET", "k"))
            for _ in range(20):
                must(ask(other, "PING"))
                time.sleep(0.005)
            is_error(ask(other, "SCRIPT", "KILL"), b"UNKILLABLE")
            peer.sendall(answer)
            for _ in range(3):
                must(client.read())
            equals("EXEC", must(client.read()), outcome)
            equals("who waited", third.read(), outcome[1])
            peer.close()


TESTS = (exec_leaves_others_script_long, closed_amid_its_transaction,
         receiver_closed_amid_transaction, evicted_amid_its_transaction,
         served_when_script_ends,
         next_served_when_first_gave_up, held_up_keeps_caching, expiry_wakes_group_reader,
         eviction_wakes_group_reader, gone_readers_are_forgotten, queue_is_counted_in_full,
         migration_in_exec_keeps_no_worker)


def main():
    program, chosen = sys.argv[1], sys.argv[2:]
    failures = 0
    for test in TESTS:
        if chosen and not any(word in test.__name__ for word in chosen):
            continue
        running = []

        def serve(*options):
            running.append(servers.Server("larder", program, list(options)))
            return running[-1]

        begin = time.monotonic()
        try:
            test(serve)
            dead = [server for server in running if not server.alive()]
            equals("servers that died", len(dead), 0)
            for server in running:
                server.stop()
        except (AssertionError, OSError, resp.Closed, SystemExit) as fault:
            failures += 1
            print(f"{test.__name__}: {type(fault).__name__} {fault}")
            for server in running:
                server.process.kill()
                server.process.wait()
        print(f"{test.__name__}: {time.monotonic() - begin:.2f} s", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
