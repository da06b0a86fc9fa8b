#!/usr/bin/env python3
"""Clients that send or read badly. slow_peers.py LARDER_SERVER [test ...]"""
import socket
import time

import lab

MB = 1 << 20


def test_one_byte_at_a_time(program):
    request = lab.request("SET k v") + b"GET k\r\n" + lab.encode([b"ECHO", b"\r\n" * 20])
    answer = b"+OK\r\n$1\r\nv\r\n$40\r\n" + b"\r\n" * 21
    with lab.Server(program) as server, lab.Pinger(server):
        peers = [server.connect() for _ in range(50)]
        for byte in request:
            for peer in peers:
                peer.sendall(bytes([byte]))
        for peer in peers:
            said = b""
            while len(said) < len(answer):
                said += peer.recv(1000)
            assert said == answer, said
            peer.close()


def test_a_big_value_one_packet_at_a_time(program):
    value = bytes(range(256)) * 4096 * 8
    with lab.Server(program) as server, lab.Pinger(server):
        peer = server.connect()
        data = lab.encode([b"SET", b"big", value])
        for at in range(0, len(data), 1400):
            peer.sendall(data[at:at + 1400])
        assert peer.recv(100) == b"+OK\r\n"
        client = server.client()
        assert client.ask([b"GET", b"big"]) == ("bulk", value)


def fill_until_stuck(peer, request):
    """Sends until the server stops taking; returns the bytes it took."""
    peer.settimeout(1)
    sent = 0
    try:
        while sent < 1 << 30:
            sent += peer.send(request)
    except socket.timeout:
        return sent
    raise AssertionError("the server never stopped reading")


def test_a_client_that_never_reads(program):
    """Small requests with answers of 100 kB: they must not be run ahead of the reader for ever."""
    with lab.Server(program) as server, lab.Pinger(server):
        server.client().ask([b"SET", b"big", b"x" * 100_000])
        before_mb = server.resident_mb()
        peers = [server.connect() for _ in range(3)]
        for peer in peers:
            fill_until_stuck(peer, b"GET big\r\n" * 1000)
        grown_mb = server.resident_mb() - before_mb
        assert lab.SANITIZED or grown_mb < 500, f"{grown_mb:.0f} MB for three clients"
        for peer in peers:
            peer.close()
        lab.wait_for(lambda: int(server.info("connected_clients")) <= 2, "clients to be gone")
        assert server.ask("STRLEN big") == 100_000


def test_a_client_over_its_output_limit_is_closed(program):
    limit = ("--client-output-buffer-limit", "normal 10mb 0 0")
    with lab.Server(program, *limit) as server, lab.Pinger(server):
        server.client().ask([b"SET", b"big", b"x" * MB])
        peer = server.connect()
        peer.sendall(b"GET big\r\n" * 100)
        lab.wait_for(lambda: int(server.info("client_output_buffer_limit_disconnections")) == 1,
                     "the client to be closed")
        peer.close()


def test_what_subscribers_do_not_read_makes_keys_go(program):
    """Messages that outputs hold are memory, once for all who wait for them."""
    with lab.Server(program, "--maxmemory", "11mb", "--maxmemory-policy", "allkeys-lru") as server:
        client = server.client()
        for key in range(50):
            client.ask(lab.words(f"SETRANGE {key} 100000 x"))
        before = int(server.info("used_memory"))
        peers = [server.connect() for _ in range(20)]
        for peer in peers:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(b"SUBSCRIBE news\r\n")
        message = b"x" * 100_000
        lab.wait_for(lambda: client.ask([b"PUBLISH", b"news", message]) == ("integer", 20), "all")
        for _ in range(150):
            client.ask([b"PUBLISH", b"news", message])
        assert 5 * MB < int(server.info("used_memory")) - before < 20 * MB
        lab.wait_for(lambda: client.ask([b"DBSIZE"])[1] < 50, "keys to make room")
        assert int(server.info("evicted_clients")) == 0
        for peer in peers:
            peer.close()
        lab.wait_for(lambda: int(server.info("used_memory")) < before + MB, "the messages are gone")
        client.close()


def test_a_stranger_that_does_not_read_is_closed(program):
    """Who has not said who it is may not have megabytes of errors kept for it."""
    with lab.Server(program, "--requirepass", "secret") as server:
        peer = server.connect()
        request, sent = b"SET k v\r\n" * 1000, 0
        try:
            while sent < 100 * MB:
                peer.sendall(request)
                sent += len(request)
        except OSError:
            pass
        assert sent < 100 * MB, "it was not closed"
        reader = server.connect()
        reader.sendall(b"SET k v\r\nAUTH secret\r\nECHO hi\r\n")
        answer = b"-NOAUTH Authentication required.\r\n+OK\r\n$2\r\nhi\r\n"
        said = b""
        while len(said) < len(answer):
            said += reader.recv(1000)
        assert said == answer, said


def test_a_request_too_long_is_closed(program):
    limit = ("--client-query-buffer-limit", "1mb")
    with lab.Server(program, *limit) as server, lab.Pinger(server):
        peer = server.connect()
        peer.sendall(b"*2\r\n$3\r\nSET\r\n$5000000\r\n")
        try:
            for _ in range(100):
                peer.sendall(b"x" * 50_000)
                time.sleep(0.005)
            said, end = lab.read_all(peer)
        except OSError:
            end = "reset"
        assert end in ("closed", "reset"), end
        assert int(server.info("client_query_buffer_limit_disconnections")) == 1


def client_facts(server, name):
    line = next(line for line in server.ask("CLIENT LIST").decode().split("\n")
                if f" name={name} " in line)
    facts = dict(word.split("=", 1) for word in line.split())
    return {field: int(facts[field]) for field in ("qbuf", "qbuf-free", "argv-mem", "idle")}


def test_half_a_request_takes_no_more_than_it_sent(program):
    """What is parsed counts as arguments; room for what does not come is given back."""
    with lab.Server(program) as server:
        client = server.client()
        assert client.ask(lab.words("CLIENT SETNAME slow")) == ("simple", b"OK")
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n" + b"x" * 50_000)
        lab.wait_for(lambda: client_facts(server, "slow")["qbuf"] == 50_000, "half of it is there")
        facts = client_facts(server, "slow")
        assert facts["argv-mem"] == 4 and facts["qbuf-free"] > 900_000, facts
        lab.wait_for(lambda: client_facts(server, "slow")["qbuf-free"] < 1000, "it is idle")
        assert client_facts(server, "slow")["qbuf"] == 50_000
        client.send(b"y" * 950_000 + b"\r\n")
        assert client.read() == ("simple", b"OK")
        assert client.ask([b"GET", b"k"]) == ("bulk", b"x" * 50_000 + b"y" * 950_000)
        client.close()


def test_half_closed_clients_get_their_answers(program):
    with lab.Server(program) as server:
        for count in (1, 1000, 50_000):
            peer = server.connect()
            peer.sendall(b"PING\r\n" * count)
            peer.shutdown(socket.SHUT_WR)
            said, end = lab.read_all(peer)
            assert end == "closed" and said == b"+PONG\r\n" * count, (count, len(said), end)
        server.ask("SADD s a")  # a reply that is long in the making
        peer = server.connect()
        peer.sendall(b"SRANDMEMBER s -3000000\r\n")
        peer.shutdown(socket.SHUT_WR)
        said, end = lab.read_all(peer)
        assert said.startswith(b"*3000000\r\n"), (said[:20], end)
        server.client().ask([b"SET", b"big", b"x" * 20 * MB])
        for text, count in (("GET big", 1), ("STRLEN big", 1000), ("GET big", 3)):
            peer = server.connect()
            peer.sendall(lab.request(text) * count)
            peer.shutdown(socket.SHUT_WR)
            said, end = lab.read_all(peer)
            whole = (20 * MB + 13 if text == "GET big" else len(b":20971520\r\n")) * count
            assert end == "closed" and len(said) == whole, (text, len(said), end)
            peer.close()


def test_who_waits_and_sent_much_more(program):
    """What stands behind a command that waits is taken, so that the end of the client is seen."""
    behind = 8 * MB // len(lab.request("ECHO 0000000"))
    data = lab.request("BLPOP jobs 0") + b"".join(
        lab.request(f"ECHO {i:07}") for i in range(behind))
    with lab.Server(program) as server, lab.Pinger(server):
        peer = server.connect()
        peer.sendall(data)
        lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits")
        assert server.ask("RPUSH jobs one") == 1
        wanted = b"*2\r\n$4\r\njobs\r\n$3\r\none\r\n" + b"".join(
            b"$7\r\n%07d\r\n" % i for i in range(behind))
        said = b""
        while len(said) < len(wanted):
            said += peer.recv(1 << 20)
        assert said == wanted
        peer.sendall(data)
        lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits again")
        peer.close()
        lab.wait_for(lambda: server.info("blocked_clients") == "0", "its end is seen")
        assert server.ask("RPUSH jobs two") == 1
        assert server.ask("LLEN jobs") == 1


def test_who_waits_and_sends_too_much(program):
    with lab.Server(program, "--client-query-buffer-limit", "1mb") as server, lab.Pinger(server):
        peer = server.connect()
        peer.sendall(lab.request("BLPOP jobs 0"))
        lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits")
        try:
            peer.sendall(b"PING\r\n" * MB)
        except OSError:
            pass
        lab.wait_for(lambda: server.info("blocked_clients") == "0", "it is closed")
        assert int(server.info("client_query_buffer_limit_disconnections")) == 1


if __name__ == "__main__":
    lab.main()
