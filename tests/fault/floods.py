#!/usr/bin/env python3
"""More than is asked of a server on a good day. floods.py LARDER_SERVER [test ...]"""
import random
import threading
import time

import lab

MILLION = 1_000_000
MB = 1 << 20
LIMIT_MB = 30
# Resident: holes, and values on their way in and to be freed.
GROWN_MB_MAX = LIMIT_MB * 1.1 + 16


def receive(peer, size):
    pieces, left = [], size
    while left > 0:
        piece = peer.recv(min(left, 1 << 20))
        assert piece, f"closed with {left} of {size} bytes to come"
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def test_a_million_commands_in_one_write(program):
    with lab.Server(program) as server, lab.Pinger(server):
        peer = server.connect()
        sender = threading.Thread(target=peer.sendall, args=(lab.request("INCR n") * MILLION,))
        sender.start()
        expected = b"".join(b":%d\r\n" % i for i in range(1, MILLION + 1))
        assert receive(peer, len(expected)) == expected
        sender.join()
        assert server.ask("GET n") == b"1000000"


def test_a_million_commands_before_the_first_answer_is_read(program):
    with lab.Server(program) as server, lab.Pinger(server):
        peer = server.connect()
        peer.sendall(b"PING\r\n" * MILLION)
        assert receive(peer, 7 * MILLION) == b"+PONG\r\n" * MILLION


def test_many_clients_at_once_lose_nothing(program):
    clients, each = 50, 2000
    with lab.Server(program) as server, lab.Pinger(server):
        def work():
            peer = server.connect()
            peer.sendall(lab.request("INCR shared") * each)
            said = b""
            while said.count(b"\n") < each:
                said += peer.recv(1 << 16)
            peer.close()
        threads = [threading.Thread(target=work) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.ask("GET shared") == b"%d" % (clients * each)


def batches(items, size):
    for start in range(0, len(items), size):
        yield items[start:start + size]


def fill(server, sizes, count):
    """Sets `count` keys with values of some of the sizes; returns (key, value) of every OK."""
    dice, client, stored = random.Random(1), server.client(), {}
    for numbers in batches(range(count), 1 if max(sizes) > 1000 else 100):
        batch = [(b"key:%d" % i, b"%d " % i + b"v" * dice.choice(sizes)) for i in numbers]
        client.send(b"".join(lab.encode([b"SET", *pair]) for pair in batch))
        for key, value in batch:
            kind, answer = client.read()
            if kind == "simple":
                stored[key] = value
            else:
                assert answer.startswith(b"OOM "), answer
    return stored


def check_all(server, stored):
    client = server.client()
    for batch in batches(list(stored), 100):
        assert client.ask([b"MGET", *batch])[1] == [("bulk", stored[key]) for key in batch]


def test_full_without_eviction_keeps_everything(program):
    for sizes, count in (([64, 200, 400], 200_000), ([100_000, MB], 100)):
        with lab.Server(program, "--maxmemory", f"{LIMIT_MB}mb",
                        "--maxmemory-policy", "noeviction") as server, lab.Pinger(server):
            before_mb = server.resident_mb()
            stored = fill(server, sizes, count)
            assert len(stored) < count, "the limit was never reached"
            assert server.ask("DBSIZE") == len(stored)
            check_all(server, stored)
            assert int(server.info("evicted_keys")) == 0
            grown_mb = server.resident_mb() - before_mb
            assert lab.SANITIZED or grown_mb < GROWN_MB_MAX, f"{grown_mb:.0f} MB, {sizes}"
            server.ask("FLUSHALL")
            assert server.ask("SET again value") == b"OK"


def test_full_with_eviction_keeps_what_fits(program):
    for sizes, count in (([64, 200, 400], 250_000), ([10_000, 20_000], 10_000),
                         ([100_000, MB], 300)):
        options = ("--maxmemory", f"{LIMIT_MB}mb", "--maxmemory-policy", "allkeys-lru")
        with lab.Server(program, *options) as server, lab.Pinger(server):
            before_mb = server.resident_mb()
            stored = fill(server, sizes, count)
            assert len(stored) == count, "a write was refused"
            evicted, kept = int(server.info("evicted_keys")), server.ask("DBSIZE")
            assert evicted > 0, "the limit was never reached"
            # Between the two questions some more may have gone.
            assert kept + evicted <= count <= kept + int(server.info("evicted_keys"))
            used_mb = int(server.info("used_memory")) / MB
            assert used_mb < LIMIT_MB * 1.01 + 1, f"{used_mb:.1f} MB used"
            grown_mb = server.resident_mb() - before_mb
            assert lab.SANITIZED or grown_mb < GROWN_MB_MAX, f"{grown_mb:.0f} MB, {sizes}"


def test_short_lives_return_their_memory(program):
    with lab.Server(program) as server, lab.Pinger(server):
        client = server.client()
        for start in range(0, 200_000, 1000):
            client.send(b"".join(lab.encode([b"SET", b"%d" % i, b"v" * 100, b"PX", b"1500"])
                                 for i in range(start, start + 1000)))
            for _ in range(1000):
                assert client.read() == ("simple", b"OK")
        full = int(server.info("used_memory_dataset"))
        lab.wait_for(lambda: server.ask("DBSIZE") == 0, "keys to expire", 5)
        assert int(server.info("used_memory_dataset")) < full / 10


def test_keys_that_are_over_beside_those_that_are_read(program):
    """Looking one up removes it, which makes the table smaller: others move meanwhile."""
    over, streams, values = 40_000, 200, 2000
    with lab.Server(program, "--enable-debug-command", "yes") as server:
        client = server.client()
        client.ask(lab.words("DEBUG SET-ACTIVE-EXPIRE 0"))

        def all_over():
            end = int(time.time() * 1000) + 3000
            for start in range(0, over, 1000):
                client.send(b"".join(
                    lab.encode([b"SET", b"over:%d" % i, b"Z", b"PXAT", b"%d" % end])
                    for i in range(start, start + 1000)))
                for _ in range(1000):
                    assert client.read() == ("simple", b"OK")
            lab.wait_for(lambda: time.time() * 1000 > end, "they are over")

        for i in range(streams):
            client.ask(lab.words(f"XADD stream:{i} 1 f v"))
        for i in range(values):
            client.ask(lab.words(f"SET value:{i} {i}"))
        all_over()
        keys = [b"stream:%d" % i for i in range(streams)] + [b"over:%d" % i for i in range(over)]
        kind, found = client.ask([b"XREAD", b"STREAMS", *keys, *([b"0"] * len(keys))])
        assert kind == "array" and len(found) == streams, (kind, len(found))
        all_over()
        for i in range(over):
            value = i % values
            command = f"COPY value:{value} over:{i}" if i % 2 else f"LCS over:{i} value:{value} LEN"
            assert client.ask(lab.words(command)) == ("integer", i % 2), command
            if i % 2:
                key = lab.words(f"GETDEL over:{i}")
                assert client.ask(key) == ("bulk", b"%d" % value), command
        client.close()


if __name__ == "__main__":
    lab.main()
