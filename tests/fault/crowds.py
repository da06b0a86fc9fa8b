#!/usr/bin/env python3
"""Many clients: they come and go, or come and say nothing. crowds.py LARDER_SERVER [test ...]"""
import lab

CONNECTS = 10_000
IDLE = 5_000
IDLE_KB_MAX = 10  # of server memory for each idle client, with what lies between them


def test_connects_and_disconnects(program):
    with lab.Server(program) as server, lab.Pinger(server):
        server.ask("SET kept value")
        before_mb = server.resident_mb()
        for number in range(CONNECTS):
            peer = server.connect()
            if number % 4 == 1:
                peer.sendall(b"PING\r\n")  # and leaves without the answer
            if number % 4 == 2:
                peer.sendall(b"*2\r\n$3\r\nGE")
            if number % 4 == 3:
                peer.sendall(b"PING\r\n")
                assert peer.recv(100) == b"+PONG\r\n"
            peer.close()
        lab.wait_for(lambda: int(server.info("connected_clients")) <= 2, "clients to be gone")
        assert server.ask("GET kept") == b"value"
        grown_mb = server.resident_mb() - before_mb
        assert lab.SANITIZED or grown_mb < 20, f"{grown_mb:.0f} MB more than before"


def test_idle_connections(program):
    with lab.Server(program) as server, lab.Pinger(server):
        before_mb = server.resident_mb()
        peers = [server.connect() for _ in range(IDLE)]
        for peer in peers[::2]:
            peer.sendall(b"PING\r\n")
        for peer in peers[::2]:
            assert peer.recv(100) == b"+PONG\r\n"
        assert int(server.info("connected_clients")) >= IDLE
        # Buffers of clients that fell silent are given back.
        per_client_kb = lambda: (server.resident_mb() - before_mb) * 1024 / IDLE  # noqa: E731
        lab.wait_for(lambda: lab.SANITIZED or per_client_kb() < IDLE_KB_MAX, "buffers given back")
        for peer in peers:
            peer.close()


def served(server):
    """A connection that is answered; None when there is no place for it."""
    try:
        peer = server.connect()
        peer.sendall(b"PING\r\n")
        return peer if peer.recv(100) == b"+PONG\r\n" else peer.close()
    except OSError:
        return None


def test_more_clients_than_allowed(program):
    with lab.Server(program, "--maxclients", 10) as server:
        peers = []

        def one_more():
            peers.append(served(server))
            return peers[-1] or peers.pop()
        for _ in range(10):
            lab.wait_for(one_more, "a place")
        said, end = lab.read_all(server.connect())
        assert said == b"-ERR max number of clients reached\r\n", said
        assert end == "closed", end
        peers.pop().close()
        lab.wait_for(one_more, "a place to be free again")
        for peer in peers:
            peer.close()
        lab.wait_for(one_more, "places to be free again")
        peers[-1].close()


if __name__ == "__main__":
    lab.main()
