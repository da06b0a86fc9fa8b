#!/usr/bin/env python3
"""Peers of the TLS port without manners. tls_peers.py LARDER_SERVER [test ...]"""
import socket
import ssl
import subprocess
import time

import lab
import certificates

AUTHORITY = certificates.Authority()
AUTHORITY.issue("server")
CONNECTS = 600
IDLE = 500
IDLE_KB_MAX = 40  # of server memory for each idle client
HANDSHAKE_S = 10  # the server's limit


class TlsServer(lab.Server):
    def __init__(self, program, *options):
        self.tls_port = lab.free_port()
        super().__init__(program, *certificates.server_options(AUTHORITY, self.tls_port),
                         "--tls-auth-clients", "no", *options)

    def raw(self):
        made = socket.create_connection(("127.0.0.1", self.tls_port), timeout=lab.PATIENCE_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def secure(self, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(AUTHORITY.ca)
        if version:
            context.minimum_version = context.maximum_version = version
        return context.wrap_socket(self.raw(), server_hostname="localhost")

    def failures(self):
        return int(self.info("tls_handshake_failures"))


def test_plain_text_on_the_tls_port(program):
    with TlsServer(program) as server, lab.Pinger(server):
        for text in (b"PING\r\n", b"*1\r\n$4\r\nPING\r\n", b"GET / HTTP/1.1\r\n\r\n",
                     b"\x16\x03\x01" + b"\xff" * 500, b"\0" * 2000):
            peer = server.raw()
            peer.sendall(text)
            said, end = lab.read_all(peer)
            assert end in ("closed", "reset") and b"PONG" not in said, (text, said, end)
            peer.close()
        assert server.failures() == 5, server.failures()
        assert server.log_text().count("Error accepting a client connection") == 5


def test_many_bad_handshakes_fill_no_log(program):
    with TlsServer(program) as server, lab.Pinger(server):
        for _ in range(CONNECTS):
            peer = server.raw()
            peer.sendall(b"PING\r\n")
            peer.close()
        lab.wait_for(lambda: server.failures() >= CONNECTS * 9 // 10, "failures to be counted")
        lines = server.log_text().count("Error accepting a client connection")
        assert 1 <= lines <= CONNECTS / 2, lines


def test_handshakes_that_stop_half_way(program):
    """A peer that says nothing, one that says half a hello, one that stops at the last step."""
    with TlsServer(program) as server, lab.Pinger(server):
        context = ssl.create_default_context(cafile=AUTHORITY.ca)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        talk = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        try:
            talk.do_handshake()
        except ssl.SSLWantReadError:
            hello = outgoing.read()
        peers = [server.raw() for _ in range(3)]
        start = time.monotonic()
        peers[1].sendall(hello[:50])
        peers[2].sendall(hello)
        for peer in peers:
            peer.settimeout(2 * HANDSHAKE_S)
            assert lab.read_all(peer)[1] == "closed"
        took_s = time.monotonic() - start
        assert HANDSHAKE_S - 1 < took_s < HANDSHAKE_S + 3, f"closed after {took_s:.1f} s"
        assert server.failures() == 3, server.failures()


def test_connects_and_disconnects(program):
    """Before a word, within the hello, after the handshake with goodbye and without."""
    with TlsServer(program) as server, lab.Pinger(server):
        def some(count):
            for number in range(count):
                if number % 4 == 0:
                    peer = server.raw()
                elif number % 4 == 1:
                    peer = server.raw()
                    peer.sendall(b"\x16\x03\x01\x02")
                else:
                    peer = server.secure()
                    peer.sendall(b"PING\r\n")
                    if number % 4 == 2:
                        assert peer.recv(100) == b"+PONG\r\n"
                        peer = peer.unwrap()
                peer.close()
            lab.wait_for(lambda: int(server.info("connected_clients")) <= 2, "clients to be gone")
        some(CONNECTS // 2)
        before_mb = server.resident_mb()
        some(CONNECTS)
        grown_mb = server.resident_mb() - before_mb
        assert lab.SANITIZED or grown_mb < 5, f"{grown_mb:.1f} MB more than before"


def test_idle_connections(program):
    with TlsServer(program) as server, lab.Pinger(server):
        before_mb = server.resident_mb()
        peers = [server.secure() for _ in range(IDLE)]
        for peer in peers:
            peer.sendall(b"PING\r\n")
            assert peer.recv(100) == b"+PONG\r\n"
        per_client_kb = lambda: (server.resident_mb() - before_mb) * 1024 / IDLE  # noqa: E731
        lab.wait_for(lambda: lab.SANITIZED or per_client_kb() < IDLE_KB_MAX,
                     f"buffers given back: {per_client_kb():.0f} kB for each")
        print(f"  {per_client_kb():.1f} kB for each idle client")
        for peer in peers:  # buffers come back
            peer.sendall(b"PING\r\n")
            assert peer.recv(100) == b"+PONG\r\n"
            peer.close()


def test_a_peer_that_never_reads(program):
    with TlsServer(program) as server, lab.Pinger(server):
        server.client().ask([b"SET", b"big", b"x" * 100_000])
        before_mb = server.resident_mb()
        peer = server.secure()
        peer.settimeout(1)
        try:
            for _ in range(100_000):
                peer.sendall(b"GET big\r\n" * 1000)
            raise AssertionError("the server never stopped reading")
        except (socket.timeout, ssl.SSLError):
            pass
        grown_mb = server.resident_mb() - before_mb
        assert lab.SANITIZED or grown_mb < 300, f"{grown_mb:.0f} MB"
        peer.close()
        lab.wait_for(lambda: int(server.info("connected_clients")) <= 2, "the client to be gone")


def test_output_limits_hold(program):
    with TlsServer(program, "--client-output-buffer-limit", "pubsub 1mb 0 0") as server:
        peer = server.secure()
        peer.sendall(b"SUBSCRIBE news\r\n")
        peer.recv(1000)
        message = "x" * 10_000
        lab.wait_for(lambda: server.ask(f"PUBLISH news {message}") == 0, "the client to be cut")
        assert int(server.info("client_output_buffer_limit_disconnections")) == 1


def test_goodbye(program):
    """What came before a goodbye is answered, and the server says goodbye too."""
    with TlsServer(program) as server:
        for text in (b"QUIT\r\n", b"nonsense" * 10_000 + b"\r\n*x\r\n"):
            peer = server.secure()
            peer.sendall(text)
            said = b""
            while part := peer.recv(1000):  # an end without goodbye would be an error
                said += part
            assert said.startswith((b"+OK", b"-ERR")), said
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=AUTHORITY.ca)
        talk = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        peer = server.raw()

        def exchange(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    peer.sendall(outgoing.read())
                    incoming.write(peer.recv(65536))
        exchange(talk.do_handshake)
        talk.write(b"PING\r\n")
        try:
            talk.unwrap()  # nothing has come back yet
        except ssl.SSLWantReadError:
            pass
        peer.sendall(outgoing.read())  # request and goodbye in one packet
        said, end = lab.read_all(peer)
        assert end == "closed" and len(said) > 100, (len(said), end)


def test_renegotiation_is_refused(program):
    with TlsServer(program) as server:
        cli = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-tls1_2",
             "-CAfile", AUTHORITY.ca], input="R\nPING\n", text=True, timeout=lab.PATIENCE_S,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert "no renegotiation" in cli.stdout.lower(), cli.stdout[-1000:]
        assert server.ask("PING") == b"PONG"


def test_a_storm_of_new_keys(program):
    """A peer that asks for new keys without end and reads no answer."""
    with TlsServer(program) as server, lab.Pinger(server):
        before_mb = server.resident_mb()
        cli = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-tls1_3",
             "-CAfile", AUTHORITY.ca], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            for _ in range(20_000):
                cli.stdin.write(b"K\n")
            cli.stdin.flush()
        except BrokenPipeError:
            pass
        lab.wait_for(lambda: int(server.info("tls_handshakes")) == 1, "the handshake")
        time.sleep(0.5)
        cli.kill()
        cli.communicate()
        grown_mb = server.resident_mb() - before_mb
        assert lab.SANITIZED or grown_mb < 20, f"{grown_mb:.0f} MB"


def test_random_bytes_after_the_handshake(program):
    import random
    dice = random.Random(7)
    with TlsServer(program) as server, lab.Pinger(server):
        for _ in range(50):
            peer = server.secure()
            peer.sendall(b"PING\r\n")
            peer.recv(100)
            with socket.socket(fileno=peer.detach()) as raw:
                raw.sendall(dice.randbytes(dice.randint(1, 5000)))
        lab.wait_for(lambda: int(server.info("connected_clients")) <= 2, "clients to be gone")


def test_more_clients_than_allowed(program):
    with TlsServer(program, "--maxclients", 5) as server:
        peers = [server.secure() for _ in range(4)]
        for peer in peers:
            peer.sendall(b"PING\r\n")
            assert peer.recv(100) == b"+PONG\r\n"
        extra = server.raw()  # the plain Pinger-less server has one place left
        refused = server.raw()
        assert lab.read_all(refused)[1] in ("closed", "reset")
        extra.close()



def test_who_waits_and_sent_much_more(program):
    behind = lab.request("ECHO 0000000") * 100_000
    with TlsServer(program) as server, lab.Pinger(server):
        peer = server.secure()
        peer.sendall(lab.request("BLPOP jobs 0") + behind + lab.request("ECHO end"))
        lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits")
        server.ask("RPUSH jobs one")
        said = b""
        while not said.endswith(b"$3\r\nend\r\n"):
            said += peer.recv(1 << 16)
        assert said.count(b"0000000") == 100_000


def test_half_closed_clients_get_their_answers(program):
    with TlsServer(program) as server:
        server.client().ask([b"SET", b"big", b"x" * 20_000_000])
        peer = server.secure()
        peer.sendall(lab.request("GET big"))
        half = socket.socket(fileno=peer.fileno())
        half.shutdown(socket.SHUT_WR)
        half.detach()
        said, end = lab.read_all(peer)
        assert len(said) == 20_000_013 and end == "closed", (len(said), end)


if __name__ == "__main__":
    lab.main()
