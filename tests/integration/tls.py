#!/usr/bin/env python3
"""TLS with real clients: redis-cli, redis-benchmark, Python's ssl. tls.py LARDER_SERVER"""
import os
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../conformance")
import certificates  # noqa: E402
import resp  # noqa: E402
import servers  # noqa: E402

PATIENCE_S = 10
BIG = bytes(range(256)) * 4096 * 2  # 2 MB


class Larder(servers.Server):
    """With a plain port and a TLS port, which asks for a certificate."""

    def __init__(self, program, authority, *options):
        self.authority, self.tls_port = authority, servers.free_port()
        super().__init__("larder", program, ["--threads", "2", *certificates.server_options(
            authority, self.tls_port), *options])

    def __call__(self, *words):
        """Asks on the plain port."""
        client = resp.Connection(self.port, 2)
        kind, value = client.ask([word.encode() for word in words])
        client.close()
        return value.decode() if kind in ("simple", "bulk", "error") else value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def said(self):
        with open(self.log.name, errors="replace") as log:
            return log.read()


class TlsClient(resp.Connection):
    def __init__(self, server, name="client", port=None, **rules):
        context = context_of(server.authority, name, **rules)
        plain = socket.create_connection(("127.0.0.1", port or server.tls_port), PATIENCE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost",
                                          session=rules.get("session"))
        self.buffer = b""

    def subject(self):
        return dict(pair[0] for pair in self.socket.getpeercert()["subject"])["commonName"]


def context_of(authority, name, version=None, ciphers=None, **_):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca)
    if name:
        context.load_cert_chain(*authority.files(name))
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def check(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: expected {wanted!r:.300}, got {got!r:.300}")


def wait_for(condition, what):
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit, f"waited in vain: {what}"
        time.sleep(0.05)


def answers(server, **rules):
    """Whether a client of that kind is served."""
    try:
        client = TlsClient(server, **rules)
        served = client.ask([b"PING"]) == ("simple", b"PONG")
        client.close()
        return served
    except (ssl.SSLError, OSError, resp.Closed):
        return False


def tool_words(server, program):
    cert, key = server.authority.files("client")
    return [program, "-h", "127.0.0.1", "-p", str(server.tls_port), "--tls", "--cert", cert,
            "--key", key, "--cacert", server.authority.ca]


def run_tool(server, program, *words, stdin=subprocess.DEVNULL):
    done = subprocess.run([*tool_words(server, program), *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=stdin, timeout=60, text=True)
    return done.stdout.strip()


def test_redis_cli(program, authority):
    with Larder(program, authority) as server:
        check("SET", run_tool(server, "redis-cli", "SET", "k", "v"), "OK")
        check("GET", run_tool(server, "redis-cli", "-3", "GET", "k"), "v")
        check("the plain port sees it", server("GET", "k"), "v")
        clients = run_tool(server, "redis-cli", "CLIENT", "LIST")
        assert f"laddr=127.0.0.1:{server.tls_port}" in clients, clients
        with open(authority.path("pipe"), "w") as pipe:
            pipe.writelines(f"SET key:{n} {n}\n" for n in range(20_000))
        with open(authority.path("pipe")) as pipe:
            said = run_tool(server, "redis-cli", "--pipe", stdin=pipe)
        assert "errors: 0, replies: 20000" in said, said
        check("keys", server("DBSIZE"), 20_001)
        check("scan", len(run_tool(server, "redis-cli", "--scan").split()), 20_001)


def test_redis_benchmark(program, authority):
    with Larder(program, authority) as server:
        for words in (["-c", "50", "-n", "5000"], ["-c", "20", "-P", "50", "-n", "50000"]):
            said = run_tool(server, "redis-benchmark", "-q", "-t", "set,get,mset", *words)
            check("lines with a rate", said.count("requests per second"), 3)
        check("failed handshakes", info(server, "tls_handshake_failures"), 0)


def info(server, field):
    lines = server("INFO").split("\r\n")
    return next(int(line.split(":")[1]) for line in lines if line.startswith(field + ":"))


def test_big_values_and_deep_pipelines(program, authority):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Larder(program, authority) as server:
            client = TlsClient(server, version=version)
            check("SET", client.ask([b"SET", b"big", BIG]), ("simple", b"OK"))
            check("GET", client.ask([b"GET", b"big"]), ("bulk", BIG))
            depth = 20_000
            client.send(b"".join(resp.encode([b"INCR", b"n"]) for _ in range(depth)))
            for number in range(depth):
                check("a reply in its place", client.read(), ("integer", number + 1))
            client.send(resp.encode([b"GET", b"big"]) * 3 + resp.encode([b"PING"]))
            for _ in range(3):
                check("GET in a row", client.read(), ("bulk", BIG))
            check("PING behind them", client.read(), ("simple", b"PONG"))
            client.close()


def test_cut_at_any_byte(program, authority):
    """Records that arrive in pieces: the server gets one byte at a time from a relay."""
    with Larder(program, authority) as server:
        context = context_of(authority, "client")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        talk = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        peer = socket.create_connection(("127.0.0.1", server.tls_port), PATIENCE_S)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def exchange(step):
            while True:
                try:
                    done = step()
                    for byte in outgoing.read():
                        peer.sendall(bytes([byte]))
                    return done
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        peer.sendall(bytes([byte]))
                    incoming.write(peer.recv(65536))
        exchange(talk.do_handshake)
        exchange(lambda: talk.write(b"SET k value\r\nGET k\r\n"))
        said = b""
        while len(said) < 16:
            said += exchange(lambda: talk.read(1000))
        check("replies", said, b"+OK\r\n$5\r\nvalue\r\n")
        peer.close()


def test_pushes_and_blocked_clients(program, authority):
    with Larder(program, authority) as server:
        listener = TlsClient(server)
        listener.ask([b"HELLO", b"3"])
        check("SUBSCRIBE", listener.ask([b"SUBSCRIBE", b"news"])[0], "push")
        server("PUBLISH", "news", "hello")
        check("message", listener.read()[1][2], ("bulk", b"hello"))
        waiting = TlsClient(server)
        waiting.send(resp.encode([b"BLPOP", b"list", b"0"]))
        wait_for(lambda: info(server, "blocked_clients") == 1, "a client to be blocked")
        server("RPUSH", "list", "x")
        check("BLPOP", waiting.read()[1], [("bulk", b"list"), ("bulk", b"x")])
        waiting.send(resp.encode([b"BLPOP", b"list", b"0"]))
        wait_for(lambda: info(server, "blocked_clients") == 1, "a client to be blocked")
        waiting.socket.settimeout(0.1)
        try:
            waiting.socket.unwrap()  # says goodbye; a server that serves a task reads nothing
        except (socket.timeout, ssl.SSLError):
            pass
        waiting.close()
        wait_for(lambda: info(server, "blocked_clients") == 0, "its end to be noticed")
        listener.close()


def test_who_must_show_a_certificate(program, authority):
    stranger = certificates.Authority("stranger")
    stranger.issue("client")
    with Larder(program, authority) as server:
        for mode, nameless in (("yes", False), ("optional", True), ("no", True)):
            check("CONFIG SET", server("CONFIG", "SET", "tls-auth-clients", mode), "OK")
            check(f"{mode}: without a certificate", answers(server, name=None), nameless)
            check(f"{mode}: with a good one", answers(server), True)
        server("CONFIG", "SET", "tls-auth-clients", "optional")
        files = stranger.files("client")
        context = context_of(authority, None)
        context.load_cert_chain(*files)
        try:
            with socket.create_connection(("127.0.0.1", server.tls_port), PATIENCE_S) as plain:
                peer = context.wrap_socket(plain, server_hostname="localhost")
                peer.sendall(b"PING\r\n")
                said = peer.recv(100)
        except (ssl.SSLError, OSError):
            said = b""
        check("optional: a stranger's certificate", said, b"")
        assert "Error accepting a client connection" in server.said()


def test_protocols_and_ciphers(program, authority):
    v12, v13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    with Larder(program, authority) as server:
        check("both", (answers(server, version=v12), answers(server, version=v13)), (True, True))
        check("only 1.2", server("CONFIG", "SET", "tls-protocols", "TLSv1.2"), "OK")
        check("only 1.2", (answers(server, version=v12), answers(server, version=v13)),
              (True, False))
        server("CONFIG", "SET", "tls-protocols", "TLSv1.3")
        check("only 1.3", (answers(server, version=v12), answers(server, version=v13)),
              (False, True))
        server("CONFIG", "SET", "tls-protocols", "", "tls-ciphers", "ECDHE-RSA-AES256-GCM-SHA384",
               "tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")
        check("1.2", TlsClient(server, version=v12).socket.cipher()[0],
              "ECDHE-RSA-AES256-GCM-SHA384")
        check("1.3", TlsClient(server, version=v13).socket.cipher()[0],
              "TLS_CHACHA20_POLY1305_SHA256")
        first, second = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"
        for prefer, chosen in (("no", second), ("yes", first)):
            server("CONFIG", "SET", "tls-ciphers", f"{first}:{second}",
                   "tls-prefer-server-ciphers", prefer)
            client = TlsClient(server, version=v12, ciphers=f"{second}:{first}")
            check(f"prefer {prefer}", client.socket.cipher()[0], chosen)


def test_sessions_are_resumed(program, authority):
    with Larder(program, authority) as server:
        for caching, resumed in (("yes", True), ("no", False)):
            server("CONFIG", "SET", "tls-session-caching", caching)
            context = context_of(authority, "client", ssl.TLSVersion.TLSv1_2)
            session = None
            for wanted in (False, resumed):
                plain = socket.create_connection(("127.0.0.1", server.tls_port), PATIENCE_S)
                peer = context.wrap_socket(plain, server_hostname="localhost", session=session)
                peer.sendall(b"PING\r\n")
                check("PING", peer.recv(100), b"+PONG\r\n")
                check(f"caching {caching}: resumed", peer.session_reused, wanted)
                session = peer.session
                peer.close()


def refused(server, reason, *words):
    error = server("CONFIG", "SET", *words)
    assert "Unable to update TLS configuration" in error and reason in error, error


def test_bad_values_change_nothing(program, authority):
    authority.issue("other")
    authority.openssl("rsa", "-in", "other.key", "-out", "locked.key", "-aes256", "-passout",
                      "pass:1234")
    with Larder(program, authority) as server:
        cert, key = authority.files("other")
        refused(server, "No such file", "tls-cert-file", "/nowhere/cert")
        refused(server, "private key", "tls-key-file", authority.ca)
        refused(server, "key values mismatch", "tls-key-file", key)
        refused(server, "CA certificates", "tls-ca-cert-file", key)
        refused(server, "tls-ciphers", "tls-ciphers", "NONSENSE")
        refused(server, "tls-ciphersuites", "tls-ciphersuites", "NONSENSE")
        refused(server, "tls-protocols", "tls-protocols", "TLSv9")
        refused(server, "DH parameters", "tls-dh-params-file", cert)
        refused(server, "tls-ca-cert-file", "tls-ca-cert-file", "")
        refused(server, "private key", "tls-cert-file", cert, "tls-key-file",
                authority.path("locked.key"))
        check("the old certificate", TlsClient(server).subject(), "server")
        check("CONFIG GET", server("CONFIG", "GET", "tls-ciphers")[1], ("bulk", b""))
        check("a pair at once, with its password",
              server("CONFIG", "SET", "tls-cert-file", cert, "tls-key-file",
                     authority.path("locked.key"), "tls-key-file-pass", "1234"), "OK")
        check("the new certificate", TlsClient(server).subject(), "other")


def test_files_that_change(program, authority):
    authority.issue("changing", "before")
    cert, key = authority.files("changing")
    with Larder(program, authority, "--tls-cert-file", cert, "--tls-key-file", key) as server:
        old = TlsClient(server)
        check("before", old.subject(), "before")
        with open(cert, "w") as broken:
            broken.write("nonsense")
        wait_for(lambda: "are of no use" in server.said(), "a warning")
        check("a bad file changes nothing", TlsClient(server).subject(), "before")
        authority.issue("changing", "after")
        wait_for(lambda: TlsClient(server).subject() == "after", "the new certificate")
        check("old connections go on", old.ask([b"PING"]), ("simple", b"PONG"))


def test_ports_change_at_run_time(program, authority):
    with Larder(program, authority) as server:
        port = servers.free_port()
        admin = resp.Connection(server.port, 2)

        def config(*words):
            check(f"CONFIG SET {words}", admin.ask([b"CONFIG", b"SET", *words]),
                  ("simple", b"OK"))
        config(b"tls-port", b"%d" % port)
        check("the new port", TlsClient(server, port=port).ask([b"PING"]), ("simple", b"PONG"))
        assert not answers(server), "the old port is closed"
        # One number for the plain port, then for TLS, then back, as fast as can be.
        config(b"port", b"0")
        for _ in range(20):
            config(b"tls-port", b"0")
            config(b"port", b"%d" % port)
            check("plain", resp.Connection(port, 2).ask([b"PING"]), ("simple", b"PONG"))
            config(b"port", b"0")
            config(b"tls-port", b"%d" % port)
            check("TLS", TlsClient(server, port=port).ask([b"PING"]), ("simple", b"PONG"))


def test_a_redis_as_replica(program, authority):
    with Larder(program, authority, "--repl-diskless-sync-delay", "0") as server:
        writer = resp.Connection(server.port, 2)

        def write(name, count):
            writer.send(b"".join(resp.encode([b"SET", b"%s:%d" % (name, n), b"v" * 500])
                                 for n in range(count)))
            for _ in range(count):
                check("SET", writer.read(), ("simple", b"OK"))
        write(b"before", 5000)
        cert, key = authority.files("client")
        redis = servers.Server("redis", "redis-server", [
            "--tls-replication", "yes", "--tls-cert-file", cert, "--tls-key-file", key,
            "--tls-ca-cert-file", authority.ca, "--replicaof", "127.0.0.1",
            str(server.tls_port)])
        replica = resp.Connection(redis.port, 2)
        wait_for(lambda: b"master_link_status:up" in replica.ask([b"INFO", b"replication"])[1],
                 "the replica to be in step")
        write(b"behind", 5000)
        check("WAIT", writer.ask([b"WAIT", b"1", b"10000"]), ("integer", 1))
        check("keys", replica.ask([b"DBSIZE"]), ("integer", 10_000))
        replica.close()
        redis.stop()


class SecureNode(servers.Server):
    """A Larder or a Redis with both ports, whose links are TLS ones."""

    def __init__(self, program, authority, *options, follows=None):
        self.tls_port = servers.free_port()
        words = [*certificates.server_options(authority, self.tls_port), "--tls-replication", "yes",
                 "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", *options]
        if follows is not None:
            words += ["--replicaof", "127.0.0.1", str(follows.tls_port)]
        super().__init__("redis" if program == "redis-server" else "larder", program, words)
        self.client = resp.Connection(self.port, 2)

    def ask(self, *words):
        sent = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        kind, value = self.client.ask(sent)
        assert kind != "error", value
        return value

    def fact(self, name):
        lines = self.ask("INFO").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line).get(name)

    def has(self, key, value):
        return self.ask("GET", key) == value

    def said(self):
        with open(self.log.name, errors="replace") as log:
            return log.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.stop()


def links_to_a_primary(leads, follows, authority):
    """A full sync, the stream, and the same stream again behind a break, all encrypted."""
    cert, key = authority.files("client")
    identity = ("--tls-client-cert-file", cert, "--tls-client-key-file", key)
    with SecureNode(leads, authority) as primary:
        for n in range(100):
            primary.ask("SET", f"before:{n}", BIG[:n * 1000])
        with SecureNode(follows, authority, *identity, follows=primary) as replica:
            wait_for(lambda: replica.fact("master_link_status") == "up", "the link")
            check("keys", replica.ask("DBSIZE"), 100)
            primary.ask("SET", "big", BIG)
            wait_for(lambda: replica.has("big", BIG), "the stream")
            told = primary.ask("ROLE")[2][1][0][1][1][1]
            check("the port that clients of TLS need", int(told), replica.tls_port)
            primary.ask("CLIENT", "KILL", "TYPE", "replica")
            primary.ask("SET", "behind", "the break")
            wait_for(lambda: replica.has("behind", b"the break"), "the stream again")
            check("full syncs", primary.fact("sync_full"), "1")
            check("partial ones", primary.fact("sync_partial_ok"), "1")
            check("WAIT", primary.ask("WAIT", 1, 10_000), 1)


def test_links(program, authority):
    for leads, follows in ((program, program), ("redis-server", program),
                           (program, "redis-server")):
        links_to_a_primary(leads, follows, authority)


def test_links_to_strangers(program, authority):
    """A primary whose certificate is of another authority is not followed, nor one without TLS."""
    other = certificates.Authority("another")
    other.issue("server")
    with SecureNode(program, other, "--tls-auth-clients", "no") as stranger, \
            SecureNode(program, authority, follows=stranger) as replica:
        wait_for(lambda: "certificate verify failed" in replica.said(), "a warning")
        replica.ask("REPLICAOF", "127.0.0.1", stranger.port)
        wait_for(lambda: f"{stranger.port}: TLS: " in replica.said(), "a warning about plain text")
        check("link", replica.fact("master_link_status"), "down")
        replica.ask("CONFIG", "SET", "tls-replication", "no")
        wait_for(lambda: replica.fact("master_link_status") == "up", "the link without TLS")


def test_only_tls(program, authority):
    tls_port = servers.free_port()
    process = subprocess.Popen(
        [program, "--bind", "127.0.0.1", "--port", "0",
         "--save", "", *certificates.server_options(authority, tls_port)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    class Only:
        pass
    server = Only()
    server.tls_port, server.authority = tls_port, authority
    wait_for(lambda: answers(server), "an answer")
    process.terminate()
    said = process.communicate(timeout=PATIENCE_S)[0]
    check("ends well", process.returncode, 0)
    assert f"TLS port {tls_port}" in said, said


def test_bad_starts(program, authority):
    cert, key = authority.files("server")
    for words, reason in ((["--tls-port", "1"], "tls-cert-file"),
                          (["--tls-replication", "yes"], "tls-cert-file"),
                          (["--tls-replication", "yes", "--tls-cert-file", cert, "--tls-key-file",
                            key, "--tls-auth-clients", "no"], "tls-replication needs"),
                          (["--tls-port", "1", "--tls-cert-file", cert], "tls-key-file"),
                          (["--tls-port", "1", "--tls-cert-file", cert, "--tls-key-file", key],
                           "tls-auth-clients"),
                          (["--tls-port", "1", "--tls-cert-file", "/nowhere", "--tls-key-file",
                            key], "No such file")):
        done = subprocess.run([program, *words, "--port", "0"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE_S)
        check(f"code of {words}", done.returncode, 1)
        assert reason in done.stdout, done.stdout


def main():
    program, chosen = os.path.abspath(sys.argv[1]), sys.argv[2:]
    authority = certificates.Authority()
    authority.issue("server")
    authority.issue("client")
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (chosen and not any(word in name for word in chosen)):
            continue
        start = time.monotonic()
        try:
            test(program, authority)
            result = "ok"
        except (AssertionError, OSError, resp.Closed, subprocess.SubprocessError) as fault:
            result, failed = f"{type(fault).__name__} {fault}", failed + 1
        print(f"{name} {time.monotonic() - start:.1f} s: {result}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
