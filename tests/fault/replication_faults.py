#!/usr/bin/env python3
"""Primaries and replicas that lie, stop half-way or are slow. replication_faults.py LARDER_SERVER
"""
import contextlib
import os
import socket
import threading
import time

import lab
import nodes
import resp

ID = b"a" * 40
# A file with nothing in it; a checksum of zeros is not looked at.
EMPTY = b"REDIS0010\xff" + b"\0" * 8


class FakePrimary:
    """Says what the test wants after the handshake, one script for each connection."""

    def __init__(self, *scripts):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.scripts, self.asked, self.peers = list(scripts), [], []
        self.told = b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while self.scripts:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            peer.settimeout(lab.PATIENCE_S)
            self.peers.append(peer)
            threading.Thread(target=self.talk, args=(peer, self.scripts.pop(0)),
                             daemon=True).start()

    def talk(self, peer, script):
        try:
            while True:
                said = peer.recv(4096)
                if not said:
                    return
                self.told += said
                if b"PSYNC" in said:
                    self.asked.append(said)
                    break
                peer.sendall(b"+PONG\r\n" if b"PING" in said else b"+OK\r\n")
            for piece in script:
                peer.sendall(piece)
            if script and script[-1] != b"":
                return peer.close()
            while peer.recv(4096):
                pass
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for peer in self.peers:
            peer.close()


def full(file, offset=100):
    return b"+FULLRESYNC %s %d\r\n$%d\r\n" % (ID, offset, len(file)) + file


GARBAGE = [
    [b"\xff\xfe\xfd" * 1000],
    [b"+FULLRESYNC\r\n"],
    [b"+FULLRESYNC %s 99999999999999999999\r\n" % ID],
    [b"+FULLRESYNC %s 1\r\n$-5\r\n" % ID],
    [b"+FULLRESYNC %s 1\r\n$99999999999999\r\nabc" % ID],
    [b"+FULLRESYNC %s 1\r\n$EOF:short\r\n" % ID],
    [full(b"not a file at all, but as long as one")],
    [full(EMPTY)[:-4]],
    [b"+CONTINUE " + b"x" * 39 + b"\r\n"],
    [b"x" * 100_000],
]


def test_primary_that_sends_garbage(program):
    """The replica says so, keeps what it had where nothing else was promised, and tries again."""
    with nodes.Node(program) as replica, FakePrimary(*GARBAGE, [full(EMPTY), b""]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        nodes.wait_linked(replica, patience_s=60)
        assert replica.info()["master_repl_offset"] == "100"


def aux(name, value):
    return b"\xfa" + b"".join(bytes([len(word)]) + word for word in (name, value))


def test_stream_in_a_database_that_is_not_here(program):
    """A primary with more databases may be in one of them: its writes would have no place."""
    files = [EMPTY[:9] + aux(b"repl-stream-db", number) + EMPTY[9:]
             for number in (b"16", b"99999999999", b"-2", b"x", b"3")]
    good = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
    with nodes.Node(program) as replica, FakePrimary(
            *[[full(file), good, b""] for file in files]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        nodes.wait_linked(replica, patience_s=60)
        lab.wait_for(lambda: replica.info("keyspace").get("db3", "").startswith("keys=1"),
                     "the write came")
        assert replica.log_text().count("which is not here") == 4


def test_a_full_sync_leaves_nothing_out(program):
    """Not for a limit that is the primary's matter, nor a field that gets more time behind it."""
    text = "\x43\xe8" + "v" * 1000
    keys = "".join(f"\0{chr(len(name))}{name}{text}" for name in map("key:{}".format, range(3000)))
    timed = "\x18\1h" + "\1" + "\0" * 7 + "\1" + "\1\1f\1v"  # a field with a time in 1970
    file = EMPTY[:9] + (timed + keys).encode("latin1") + b"\xff" + bytes(8)
    persist = request("HPERSIST", "h", "FIELDS", "1", "f")
    options = ("--maxmemory", "1mb", "--maxmemory-policy", "allkeys-lru")
    with nodes.Node(program, *options) as replica, \
            FakePrimary([full(file), persist, b""]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        lab.wait_for(lambda: replica.raw("HGET", "h", "f") == ("bulk", b"v"), "all came")
        assert replica.ask("DBSIZE") == 3001


def test_valkey_sends_its_own_files(program):
    """It looks at the version of who asks: fields with times go to those that can read them."""
    timed = b"\x16\1h\1\1f\1v" + (2 ** 42).to_bytes(8, "little")
    file = b"VALKEY080\xfe\0" + timed + b"\xff" + bytes(8)
    with nodes.Node(program) as replica, FakePrimary([full(file), b""]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        nodes.wait_linked(replica)
        assert b"version\r\n$5\r\n9.0.0\r\n" in primary.told, primary.told
        assert replica.ask("HPEXPIRETIME", "h", "FIELDS", 1, "f") == [("integer", 2 ** 42)]


def test_stream_that_selects_a_database_that_is_not_here(program):
    """Its writes go nowhere: the link ends, and begins in front of the SELECT."""
    bad = request("SELECT", "16") + request("SET", "k", "v")
    good = request("SELECT", "3") + request("SET", "k", "v")
    with nodes.Node(program) as replica, FakePrimary(
            [full(EMPTY), bad, b""], [b"+CONTINUE\r\n", bad, b""],
            [b"+CONTINUE\r\n", good, b""]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        lab.wait_for(lambda: "db3" in replica.info("keyspace"), "the write came")
        assert all(b"\r\n101\r\n" in asked for asked in primary.asked[1:])
        assert "db0" not in replica.info("keyspace")
        assert "MASTER sends what can't be done here: SELECT 16" in replica.log_text()


def test_who_leads_without_its_data_has_no_stream(program):
    """Nobody may go on behind a server that lost what the stream had made of it."""
    bad = full(EMPTY[:9] + aux(b"repl-stream-db", b"16") + EMPTY[9:])
    with nodes.Node(program) as replica, FakePrimary([full(EMPTY), b"x"], *[[bad]] * 99) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        lab.wait_for(lambda: "which is not here" in replica.log_text(), "it failed")
        replica.ask("REPLICAOF", "NO", "ONE")
        client = psync(replica, ID, b"101")
        assert answer_of(client).startswith(b"+FULLRESYNC")
        client.close()


def test_stream_of_garbage(program):
    """What can't be parsed ends the link; what can but makes no sense is passed over."""
    bad = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$-7\r\n", b"*1\r\n$5\r\nhello\r\n", b"\0" * 500,
           b"SET k inline\r\n", b'SET k "in quotes, so that it is no part of the buffer"\n',
           b"*2\r\n$3\r\nSET\r\n$1\r\nk\r\n", b"*3\r\n$6\r\nLRANGE\r\n$1\r\nk\r\n$1\r\nz\r\n"]
    scripts = [[full(EMPTY), piece, b""] for piece in bad]
    good = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
    with nodes.Node(program) as replica, FakePrimary(*scripts, [full(EMPTY), good, b""]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        for link in range(len(bad)):
            lab.wait_for(lambda: len(primary.asked) > link, "it asks again")
            time.sleep(0.1)  # so that it has read what is bad
            with contextlib.suppress(OSError):  # it may have hung up itself
                primary.peers[link].shutdown(socket.SHUT_RDWR)
        lab.wait_for(lambda: replica.raw("GET", "k") == ("bulk", b"v"), "the good one is taken")


def test_primary_that_speaks_as_a_replica_does(program):
    """Its stream goes on, and the link ends when that is wanted."""
    pieces = [request("REPLCONF", "capa", "eof"), request("REPLCONF", "listening-port", "1"),
              request("SYNC"), request("PSYNC", "?", "-1"), request("SET", "k", "v"), b""]
    with nodes.Node(program) as replica, FakePrimary([full(EMPTY), *pieces]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        lab.wait_for(lambda: replica.raw("GET", "k") == ("bulk", b"v"), "the stream went on")
        assert replica.info()["connected_slaves"] == "0"
        replica.ask("REPLICAOF", "NO", "ONE")
        assert replica.info()["role"] == "master"


def test_primary_that_stops_inside_a_value(program):
    """The half of a request is forgotten, and the link is taken up in front of it."""
    whole = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
    half = b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$100000\r\nxxx"
    multi = b"*1\r\n$5\r\nMULTI\r\n" + whole
    with nodes.Node(program) as replica, FakePrimary(
            [full(EMPTY), whole + half], [b"+CONTINUE\r\n", whole + multi],
            [b"+CONTINUE\r\n", b""]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        lab.wait_for(lambda: len(primary.asked) == 3, "it came back twice")
        nodes.wait_linked(replica)
        wanted = [100 + n * len(whole) + 1 for n in (1, 2)]
        for said, next_byte in zip(primary.asked[1:], wanted):
            assert ID + b"\r\n" in said and b"\r\n%d\r\n" % next_byte in said, said
        assert replica.ask("GET", "a") == b"1" and replica.ask("GET", "b") is None


def test_silent_primary_is_given_up(program):
    with nodes.Node(program, "--repl-timeout", 1) as replica, FakePrimary(
            [full(EMPTY), b""], [full(EMPTY), b""]) as primary:
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        lab.wait_for(lambda: len(primary.asked) == 2, "it asked again")
        assert b"\r\n101\r\n" in primary.asked[1]


def psync(server, *words):
    client = server.client()
    client.send(resp.encode([b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]))
    assert client.read() == ("simple", b"OK")
    client.send(resp.encode([b"PSYNC", *words]))
    return client


def answer_of(client):
    while True:
        line = client._line()
        if line.strip(b"\n"):
            return line.strip(b"\n")


def take_file(client):
    """Who goes before is put off when it comes again."""
    mark = answer_of(client).removeprefix(b"$EOF:")
    while mark not in client.buffer:
        client._fill()


def test_replica_that_asks_for_the_impossible(program):
    with nodes.Node(program) as server:
        first = psync(server, b"?", b"-1")
        _, name, offset = answer_of(first).split()
        for words in ((name, b"999999999"), (name, b"0"), (name, b"-5"), (b"b" * 40, b"1"),
                      (b"", b"1"), (name + b"x", b"1")):
            client = psync(server, *words)
            assert answer_of(client).startswith(b"+FULLRESYNC"), words
            take_file(client)
            client.close()
        for words in ((name, b"x"), (name, b"99999999999999999999")):
            client = psync(server, *words)
            assert answer_of(client).startswith(b"-ERR value is not an integer"), words
            client.close()
        client = psync(server, name, b"%d" % (int(offset) + 1))
        assert answer_of(client) == b"+CONTINUE " + name
        # An acknowledgement of what was never written counts for nothing.
        client.send(resp.encode([b"REPLCONF", b"ACK", b"99999999999"]))
        client.send(resp.encode([b"REPLCONF", b"ACK", b"nonsense"]))
        server.ask("SET", "k", "v")
        assert server.ask("WAIT", 1, 100) == 0
        first.close()
        client.close()


def test_replica_that_does_not_read(program):
    """It is cut off at its limit, the server's memory stays, and other replicas go on."""
    limit = 32 * 1024 * 1024
    with nodes.Node(program, "--client-output-buffer-limit", f"replica {limit} 0 0") as server, \
            nodes.Node(program, follows=server) as good:
        nodes.wait_linked(good)
        lazy = psync(server, b"?", b"-1")
        answer_of(lazy)
        lab.wait_for(lambda: "state=" in server.info().get("slave1", ""), "two replicas")
        lazy.send(resp.encode([b"REPLCONF", b"ACK", b"0"]))
        value = "v" * 100_000
        for i in range(800):
            server.ask("SET", f"k{i % 10}", value)
        lab.wait_for(lambda: server.info()["connected_slaves"] == "1", "it was cut off")
        nodes.wait_same_offset(server, good)
        lazy.close()
        status = open(f"/proc/{server.process.pid}/status").read()
        assert lab.SANITIZED or int(status.split("VmRSS:")[1].split()[0]) < 250_000, status


def test_replicas_killed_in_every_state(program):
    with nodes.Node(program) as primary:
        nodes.fill(primary, 30)
        with nodes.Writer(primary, 9):
            for i in range(6):
                with nodes.Node(program, follows=primary) as replica:
                    threading.Event().wait(0.05 * i)
                    replica.kill()
        assert primary.ask("PING") == b"PONG"
        lab.wait_for(lambda: primary.info()["connected_slaves"] == "0", "all are forgotten")


def request(*words):
    return resp.encode([word if isinstance(word, bytes) else word.encode() for word in words])


def test_limits_of_clients_do_not_hold_for_the_primary(program):
    """What a real primary could do its replica does, in one request, in a transaction and in
    steps."""
    limits = ("--proto-max-bulk-len", "1mb", "--client-query-buffer-limit", "1mb")
    big = b"x" * 3_000_000
    with nodes.Node(nodes.REDIS) as primary, nodes.Node(program, *limits,
                                                        follows=primary) as replica:
        nodes.wait_linked(replica)
        primary.ask("SET", "one", big)
        for words in (["MULTI"], ["SET", "two", big], ["SET", "three", big], ["EXEC"]):
            primary.ask(*words)
        for _ in range(3):
            primary.ask("APPEND", "steps", big[:1_000_000])
        primary.ask("SETRANGE", "hole", 2_000_000, "end")
        primary.ask("SETBIT", "bit", 16_000_000, 1)
        primary.ask("BITFIELD", "field", "SET", "u8", 16_000_000, 7)
        nodes.wait_same_offset(primary, replica)
        nodes.assert_same_data(primary, replica)
        assert replica.info()["master_link_status"] == "up"
        assert replica.error("SETRANGE", "mine", 2_000_000, "x").startswith(("READONLY", "ERR"))


def memory_mb(server):
    status = open(f"/proc/{server.process.pid}/status").read()
    return int(status.split("VmSize:")[1].split()[0]) // 1024


def test_what_a_primary_announces_is_not_reserved(program):
    for length in (b"300000000000", b"9223372036854775807"):
        half = b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$" + length + b"\r\n" + b"x" * 2_000_000
        with nodes.Node(program) as replica, FakePrimary(
                [full(EMPTY), request("SET", "a", "1"), half, b""]) as primary:
            before = memory_mb(replica)
            replica.ask("REPLICAOF", "127.0.0.1", primary.port)
            lab.wait_for(lambda: replica.ask("GET", "a") == b"1", "the first write came")
            field = "total_net_input_bytes"
            lab.wait_for(lambda: int(replica.info("stats")[field]) > 1_500_000, "most came")
            assert memory_mb(replica) < before + 1000, (before, memory_mb(replica))


def test_replica_whose_disk_fails(program):
    """It ends rather than go on with what it can't save, unless it was told to bear that."""
    for server in (program, nodes.REDIS):
        for bears in ("no", "yes"):
            options = ("--save", "3600 1", "--enable-protected-configs", "yes",
                       "--replica-ignore-disk-write-errors", bears)
            with nodes.Node(nodes.REDIS) as primary, nodes.Node(
                    server, *options, follows=primary) as replica:
                nodes.wait_linked(replica)
                primary.ask("SET", "a", 1)
                nodes.wait_same_offset(primary, replica)
                os.mkdir(replica.folder.name + "/taken")
                replica.ask("CONFIG", "SET", "dbfilename", "taken")
                replica.ask("BGSAVE")
                lab.wait_for(lambda: replica.info("persistence")["rdb_last_bgsave_status"] == "err",
                             "the save failed")
                primary.ask("SET", "a", 2)
                if bears == "yes":
                    lab.wait_for(lambda: replica.ask("GET", "a") == b"2", "it goes on")
                    assert "even though it is unable to write" in replica.log_text()
                    replica.ask("CONFIG", "SET", "dbfilename", "dump.rdb")
                else:
                    assert replica.process.wait(lab.PATIENCE_S) != 0
                    replica.process.returncode = 0  # as the test wanted it
                    assert "unable to write command to disk" in replica.log_text()


def test_the_end_waits_for_replicas(program):
    """As in Redis also for one that is being sent the file, at most shutdown-timeout, not with
    NOW."""
    for server in (program, nodes.REDIS):
        for words, waits in ((["SHUTDOWN", "NOSAVE"], True), (None, True),
                             (["SHUTDOWN", "NOSAVE", "NOW"], False)):
            with nodes.Node(server, "--shutdown-timeout", 2) as primary:
                for i in range(200):
                    primary.ask("SET", f"k{i}", "v")
                primary.ask("CONFIG", "SET", "rdb-key-save-delay", 1_000_000)
                replica = psync(primary, b"?", b"-1")
                assert answer_of(replica).startswith(b"+FULLRESYNC")
                primary.ask("SET", "behind", "v")
                begin = time.monotonic()
                if words is None:
                    primary.process.terminate()
                else:
                    primary.client().send(request(*words))
                assert primary.process.wait(lab.PATIENCE_S) == 0
                took_s = time.monotonic() - begin
                assert (took_s > 1.9) == waits, (server, words, took_s)
                log = primary.log_text()
                assert ("Waiting for replicas before shutting down" in log) == waits
                assert "Lagging replica" in log
                assert "0 of 1 replicas are in sync when shutting down" in log
                replica.close()


if __name__ == "__main__":
    lab.main()
