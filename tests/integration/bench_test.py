#!/usr/bin/env python3
"""Runs larder-bench against real servers and checks what it says: bench_test.py BENCH SERVER.

Every run is bounded by a count of requests, so a slow machine only takes longer.
"""
import contextlib
import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../conformance")
import certificates  # noqa: E402
from same_as_redis import Server, free_port  # noqa: E402

BENCH, LARDER = map(os.path.abspath, sys.argv[1:3])
PING = os.path.dirname(BENCH) + "/larder-ping"
RUN_S_MAX = 120


def bench(*words, code=0):
    done = subprocess.run([BENCH, *map(str, words)], capture_output=True, text=True,
                          timeout=RUN_S_MAX, check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def measure(*words, **more):
    return json.loads(bench(*words, "--json", **more).stdout)


@contextlib.contextmanager
def running(*command):
    server = Server(list(command))
    try:
        yield server
    finally:
        server.stop()


def test_counts(server):
    """What is sent is what is reported, and what the server counts."""
    server.ask(["CONFIG", "RESETSTAT"])
    result = measure("-p", server.port, "-n", 10007, "--keys", 1000, "--fill", "-t", 2, "-P", 7,
                     "--ratio", "1:3", "--verify")
    assert result["requests"] == 10007, result
    assert sum(each["requests"] for each in result["commands"]) == 10007, result
    assert result["errors"] == result["missing"] == result["wrong"] == 0, result
    sets, gets = (each["requests"] for each in result["commands"])
    assert result["found"] == gets and 2 < gets / sets < 4.5, result
    latency = result["latency_us"]
    assert 0 < latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"], result
    assert result["server_cpu_us_per_request"] is not None, result
    stats = server.ask(["INFO", "commandstats"]).decode()
    assert f"cmdstat_get:calls={gets}," in stats, stats
    assert f"cmdstat_set:calls={sets + 1000}," in stats, stats
    assert server.ask(["DBSIZE"]) == 1000
    assert len(server.ask(["GET", "key:000"])) == 64


def test_repeats(server):
    """The same seed makes the same requests."""
    words = ("-p", server.port, "-n", 5000, "--keys", 50, "--key-distribution", "zipf:0.9",
             "--seed", 42)
    splits = [[each["requests"] for each in measure(*words)["commands"]] for _ in range(2)]
    assert splits[0] == splits[1], splits


def test_commands_of_all_kinds(server):
    """Places are filled, expiries set, errors told, RESP3 spoken."""
    server.ask(["FLUSHALL"])
    result = measure("-p", server.port, "-n", 2000, "--resp", 3, "--keys", 10, "--ttl", "100-200",
                     "--key-prefix", "p:", "--key-first", 95, "--data-bytes", "1-50", "--command",
                     "SET {__key__}:s __data__ EX __ttl__:2, INCRBY n __number__, GET missing, "
                     "INCR {__key__}:s", code=1)
    kinds = {each["command"].split()[0]: each for each in result["commands"]}
    assert kinds["GET"]["missing"] == kinds["GET"]["requests"] > 0, result
    assert kinds["INCR"]["errors"] > 0 and kinds["SET"]["errors"] == 0, result
    assert result["first_error"] == "ERR value is not an integer or out of range", result
    assert 90 <= server.ask(["TTL", "{p:095}:s"]) <= 200
    assert server.ask(["DBSIZE"]) <= 11


def test_transactions(server):
    """Each batch is one, and all of its requests count."""
    server.ask(["FLUSHALL"])
    server.ask(["CONFIG", "RESETSTAT"])
    result = measure("-p", server.port, "-n", 1200, "--keys", 10, "-P", 10, "-t", 2, "--multi",
                     "--ratio", "1:1")
    kinds = {each["command"].split()[0]: each["requests"] for each in result["commands"]}
    assert kinds["MULTI"] == kinds["EXEC"] == 100 and result["errors"] == 0, result
    assert kinds["SET"] + kinds["GET"] == 1000, result
    stats = server.ask(["INFO", "commandstats"]).decode()
    assert "cmdstat_exec:calls=100," in stats and f"cmdstat_set:calls={kinds['SET']}," in stats


def test_verify_sees_wrong_values(server):
    server.ask(["FLUSHALL"])
    server.ask(["SET", "key:3", "x" * 64])
    words = ("-p", server.port, "-n", 500, "--keys", 10, "--ratio", "0:1", "--verify")
    result = measure(*words, code=1)
    assert 0 < result["wrong"] == result["found"], result
    assert "NOT VERIFIED" in bench(*words, code=1).stdout


def test_rate(server):
    """A rate is kept, and no faster."""
    result = measure("-p", server.port, "-n", 600, "--rate", 2000, "-t", 2)
    assert result["seconds"] > 0.28, result


def test_warm_up_is_not_counted(server):
    server.ask(["CONFIG", "RESETSTAT"])
    result = measure("-p", server.port, "-n", 100, "--warm-up", 0.2, "--ratio", "0:1")
    assert result["requests"] == 100, result
    assert "cmdstat_get:calls=100," not in server.ask(["INFO", "commandstats"]).decode()


def test_unix_socket_and_password():
    path = f"/tmp/larder-bench-{os.getpid()}.sock"
    with running(LARDER, "--unixsocket", path) as server:
        server.ask(["CONFIG", "SET", "requirepass", "secret"])
        for words in (["-s", path], ["-p", server.port, "-u", "default", "--resp", 3]):
            assert measure(*words, "-a", "secret", "-n", 100)["errors"] == 0
        refused = bench("-s", path, "-a", "wrong", "-n", 100, code=1)
        assert "WRONGPASS" in refused.stderr, refused
        assert measure("-s", path, "-n", 100, code=1)["errors"] == 100  # NOAUTH, 100 times


def test_errors_end_with_1(server):
    for words in ((), ("--json",), ("--compare", f"127.0.0.1:{server.port}", "--rounds", 1)):
        failed = bench("-p", server.port, "-n", 100, "--command", "NO-SUCH", *words, code=1)
        assert "answered 100 of 100 requests by errors, the first: ERR unknown command 'NO-SUCH'" \
            in failed.stderr, failed


def test_tls():
    """larder-bench and larder-ping over TLS: whom they trust, who they are."""
    authority = certificates.Authority()
    for name in ("server", "client"):
        authority.issue(name)
    cert, key = authority.files("client")
    port = free_port()
    with running(LARDER, "--threads", "2", *certificates.server_options(authority, port)) as server:
        whole = ("--tls", "--cacert", authority.ca, "--cert", cert, "--key", key)
        result = measure("-p", port, *whole, "-n", 20000, "--keys", 100, "--fill", "-P", 16,
                         "-d", "1-40000", "--verify", "-c", 8, "-t", 2)
        assert result["errors"] == result["wrong"] == result["missing"] == 0, result
        assert ping("-H", "localhost", "-p", port, *whole) == "PONG\n"
        assert ping("-p", port, "--tls", "--insecure", "--cert", cert, "--key", key) == "PONG\n"
        assert "not trusted" in ping("-p", port, "--tls", "--cert", cert, "--key", key, code=1)
        assert "alert" in ping("-p", port, "--tls", "--cacert", authority.ca, code=1)
        assert "needs its key" in ping("-p", port, "--tls", "--cert", cert, code=1)
        assert "/none" in bench("-p", port, "--tls", "--cacert", "/none", code=1).stderr
        assert "--tls" in bench("-p", port, "--cacert", authority.ca, code=1).stderr
        assert "cannot connect" in ping("-p", server.port, *whole, "-t", 0.5, code=1)
        # A health check beside a server without a plain port.
        server_cert, server_key = authority.files("server")
        assert ping(LARDER_PORT=0, LARDER_TLS_PORT=port, LARDER_TLS_CA_CERT_FILE=authority.ca,
                    LARDER_TLS_CERT_FILE=server_cert, LARDER_TLS_KEY_FILE=server_key) == "PONG\n"


def ping(*words, code=0, **environment):
    done = subprocess.run(
        [PING, *map(str, words)], capture_output=True, text=True, timeout=RUN_S_MAX, check=False,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}})
    assert done.returncode == code, (words, done)
    return done.stdout + done.stderr


def test_a_dead_address():
    """Of a name's two addresses the first never answers: the second has its share of the time."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(tempfile.NamedTemporaryFile("w"))
        hosts.write("127.0.0.1 two.test\n127.0.0.2 two.test\n")
        hosts.flush()
        renamed = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /etc/hosts && "$@"', hosts.name]
        if subprocess.run([*renamed, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            return print("test_a_dead_address: left out, namespaces are not permitted")
        dead, full, live = (stack.enter_context(socket.socket()) for _ in range(3))
        dead.bind(("127.0.0.1", port))
        dead.listen(0)
        full.connect(("127.0.0.1", port))  # the only place in its queue
        live.bind(("127.0.0.2", port))
        live.listen()
        threading.Thread(target=answer_once, args=(live,), daemon=True).start()
        start_s = time.monotonic()
        done = subprocess.run([*renamed, PING, "-H", "two.test", "-p", str(port), "-t", "8"],
                              capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
        assert done.stdout == "PONG\n", done
        assert time.monotonic() - start_s < 7.5
    return None


def answer_once(listener):
    with listener.accept()[0] as client:
        client.recv(100)
        client.sendall(b"+PONG\r\n")


def test_compare(server):
    with running("redis-server", "--save", "") as other:
        words = ("-p", server.port, "--compare", f"127.0.0.1:{other.port}", "-n", 2000, "--fill",
                 "--keys", 100, "--rounds", 3)
        result = json.loads(bench(*words, "--json").stdout)
        assert "larder" in result["a"] and "redis" in result["b"], result
        row = result["requests_per_s"]
        assert row["ratio_min"] <= row["ratio"] <= row["ratio_max"], result
        text = bench(*words).stdout
        assert "A / B" in text and "found nothing" not in text, text


def test_memcached():
    port = free_port()
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(
            ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"]))
        stack.callback(process.kill)
        wait_for(port)
        result = measure("-p", port, "--memcached", "-n", 5000, "--keys", 100, "--fill",
                         "--verify", "-P", 5)
        assert result["errors"] == result["wrong"] == result["missing"] == 0, result
        assert result["found"] > 0, result


def wait_for(port):
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), RUN_S_MAX).close()


def test_replay(server):
    """Each line of a trace is a GET, what is missing is SET with its size and life, once."""
    server.ask(["FLUSHALL"])
    server.ask(["CONFIG", "RESETSTAT"])
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as trace:
        trace.write("# key,size,ttl\na,100\nb,5,1000\na,100\na,100\nc,30000\nb,5,1000\n")
        trace.flush()
        words = ("-p", server.port, "--replay", trace.name, "-c", 1)
        result = measure(*words, "--verify")
        gets, sets = result["commands"]
        assert gets["requests"] == 6 and gets["missing"] == sets["requests"] == 3, result
        assert result["miss_ratio"] == 0.5 and result["wrong"] == 0, result
        assert [server.ask(["STRLEN", f"key:{i}"]) for i in range(3)] == [100, 5, 30000]
        assert server.ask(["TTL", "key:0"]) == -1 and server.ask(["TTL", "key:1"]) > 900
        assert "Miss ratio 0.0000 of 6 reads." in bench(*words).stdout
        assert measure(*words, "-n", 2)["requests"] == 2
        broken = bench("-p", server.port, "--replay", "/nonexistent", code=1)
        assert "can't be opened" in broken.stderr, broken
        endless = bench("-p", server.port, "--replay", "/dev/zero", code=1)
        assert "/dev/zero:1: a zero byte" in endless.stderr, endless
        trace.write("x,nonsense\n")
        trace.flush()
        assert f"{trace.name}:8: the size" in bench(*words, code=1).stderr


def test_a_server_that_ends(server):
    nobody = bench("-p", free_port(), "-n", 10, code=1)
    assert "cannot connect" in nobody.stderr, nobody
    with running(LARDER) as victim:
        load = subprocess.Popen([BENCH, "-p", str(victim.port), "--seconds", "600"],
                                stderr=subprocess.PIPE, text=True)
        while b"cmdstat_get" not in victim.ask(["INFO", "commandstats"]):
            pass
        victim.process.kill()
        said = load.communicate(timeout=RUN_S_MAX)[1]
        assert load.returncode == 1 and said.startswith("larder-bench: "), said


def test_a_full_server():
    with running(LARDER, "--maxclients", "3") as server:
        refused = bench("-p", server.port, "-c", 20, "-n", 1000, code=1)
        assert "max number of clients" in refused.stderr, refused


def test_progress(server):
    """A line on a terminal, nothing elsewhere; Ctrl-C ends a run and prints what there is."""
    assert bench("-p", server.port, "-n", 100).stderr == ""
    ours, theirs = pty.openpty()
    load = subprocess.Popen([BENCH, "-p", str(server.port), "--seconds", "600"], stderr=theirs,
                            stdout=subprocess.PIPE, text=True)
    os.close(theirs)
    shown = b""
    while b"replies" not in shown:
        shown += os.read(ours, 4096)
    load.send_signal(2)
    drain = threading.Thread(target=read_to_end, args=(ours,))
    drain.start()
    said = load.communicate(timeout=RUN_S_MAX)[0]
    drain.join()
    assert load.returncode == 0 and "Latency in ms" in said, said


def read_to_end(terminal):
    with contextlib.suppress(OSError):  # the other end is closed
        while os.read(terminal, 4096):
            pass


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    with running(LARDER) as server:
        for name, test in tests:
            test(*[server][:test.__code__.co_argcount])
            print(f"{name}: good", flush=True)


if __name__ == "__main__":
    main()
