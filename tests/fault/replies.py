#!/usr/bin/env python3
"""Every client gets the replies of its own requests, each whole and once, whatever happens
meanwhile: long scripts, commands that wait, clients that do not read, CLIENT REPLY, broken frames.
Usage: replies.py LARDER_SERVER [test ...]
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import resp  # noqa: E402
from lab import encode, request, words  # noqa: E402


def script_for(seconds):
    return (b"local e = os.clock() + %f while os.clock() < e do end return 1" % seconds)


def test_the_worker_of_a_long_script_goes_on(program):
    for threads in (1, 2):
        with lab.Server(program, "--threads", threads) as server:
            runner, others = server.client(), [server.client() for _ in range(4)]
            runner.send(encode([b"EVAL", script_for(0.6), b"0"]))
            replies = 0
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                for client in others:
                    assert client.ask(words("ECHO x")) == ("bulk", b"x")
                    kind, _ = client.ask(words("CLIENT LIST"))
                    assert kind != "error"
                    replies += 1
            assert runner.read() == ("integer", 1)
            assert replies > 0
            for client in (runner, *others, server.client()):
                assert client.ask(words("PING")) == ("simple", b"PONG")


def test_requests_of_a_slow_reader_are_run_as_sent(program):
    with lab.Server(program, "--threads", "2") as server:
        client, count = server.client(), 1500
        big = b"x" * 60_000
        assert client.ask([b"SET", b"big", big]) == ("simple", b"OK")

        def write():
            for i in range(count):
                client.send(encode([b"ECHO", b"id%06d" % i]) + request("GET big"))

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        for i in range(count):
            assert client.read() == ("bulk", b"id%06d" % i)
            assert client.read() == ("bulk", big)
        writer.join(lab.PATIENCE_S)


def test_what_stands_behind_a_held_script_is_run_as_sent(program):
    with lab.folder() as folder, lab.Server(program, "--threads", "1", "--appendonly", "yes",
                                            "--appendfsync", "always", "--dir", folder) as server:
        client, other = server.client(), server.client()
        for turn in range(10):
            names = [b"echo:%d:%d" % (turn, i) for i in range(20)]
            script = encode([b"EVAL", b"redis.call('SET', KEYS[1], 1) " + script_for(0.03), b"1",
                             b"k"])
            client.send(request("SET a 1") + script + b"".join(encode([b"ECHO", name])
                                                               for name in names[:10]))
            other.ask(words("SET b 1"))
            client.send(b"".join(encode([b"ECHO", name]) for name in names[10:]))
            assert client.read() == ("simple", b"OK")
            assert client.read() == ("integer", 1)
            assert [client.read() for _ in names] == [("bulk", name) for name in names]


def test_replies_that_are_not_wanted(program):
    """Nor does a part of a reply come that other workers are asked for."""
    with lab.Server(program, "--threads", "2") as server:
        client = server.client()
        client.send(request("PING") + request("CLIENT REPLY SKIP") + request("CLIENT LIST") +
                    request("PING") + request("ECHO end"))
        assert [client.read() for _ in range(2)] == [("simple", b"PONG")] * 2
        assert client.read() == ("bulk", b"end")
        transaction = [request(text) for text in ("MULTI", "PING", "CLIENT LIST", "PING", "EXEC")]
        client.send(request("CLIENT REPLY OFF") + b"".join(transaction) +
                    request("CLIENT REPLY ON") + request("ECHO end"))
        assert client.read() == ("simple", b"OK")
        assert client.read() == ("bulk", b"end")


def test_messages_come_although_replies_are_off(program):
    with lab.Server(program, "--threads", "1") as server:
        reader, writer, count = resp.Connection(server.port, 3), server.client(), 60
        reader.ask(words("SUBSCRIBE news"))
        reader.send(request("CLIENT REPLY OFF"))
        for i in range(count):
            writer.send(encode([b"PUBLISH", b"news", b"%d" % i]))
            reader.send(request("PING"))
        for i in range(count):
            assert writer.read() == ("integer", 1)
            kind, message = reader.read()
            assert kind == "push" and message[2][1] == b"%d" % i, message


def test_broken_frame_behind_a_command_that_waits(program):
    with lab.Server(program) as server:
        peer = server.connect()
        peer.sendall(request("CLIENT LIST") + b"*1\r\n:3\r\n")
        answer, end = lab.read_all(peer)
        assert end == "closed" and answer.endswith(
            b"-ERR Protocol error: expected '$', got ':'\r\n"), (answer[-80:], end)


def test_who_hangs_up_with_requests_unread_gets_no_more(program):
    with lab.Server(program) as server:
        client = server.client()
        client.send(request("BLPOP jobs 0"))
        lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits")
        client.send(request("PING"))
        time.sleep(0.05)  # a packet of its own
        client.close()
        lab.wait_for(lambda: server.info("blocked_clients") == "0", "its end is seen")
        assert server.ask("RPUSH jobs one") == 1
        assert server.ask("LLEN jobs") == 1


def test_who_hung_up_just_before_gets_nothing(program):
    """Whatever worker it is on, and whether that one knows yet."""
    with lab.Server(program, "--threads", "4") as server:
        pusher = server.client()
        for _ in range(60):
            client = server.client()
            client.send(request("BLPOP jobs 0"))
            lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits")
            client.close()
            assert pusher.ask(words("RPUSH jobs one")) == ("integer", 1)
            assert pusher.ask(words("LPOP jobs")) == ("bulk", b"one")
            lab.wait_for(lambda: server.info("blocked_clients") == "0", "its end is seen")


def test_who_waits_or_is_sent_something_is_not_idle(program):
    with lab.Server(program) as server:
        server.client().ask([b"SET", b"big", b"x" * 60_000_000])
        server.ask("CONFIG SET timeout 1")  # not before: a machine at work may need longer for that
        reader, waiting = server.client(), server.client()
        waiting.send(request("BLPOP jobs 0"))
        reader.send(request("GET big"))
        read, until = 0, time.monotonic() + 2.5
        while time.monotonic() < until:  # slowly, but all the time
            read += len(reader.socket.recv(1 << 16))
            time.sleep(0.005)
        server.ask("RPUSH jobs one")
        assert waiting.read()[0] == "array"
        time.sleep(0.3)
        assert waiting.ask(words("PING")) == ("simple", b"PONG")
        whole = 60_000_000 + len("$60000000\r\n\r\n")
        while read < whole:
            data = reader.socket.recv(1 << 20)
            assert data, f"cut at {read}"
            read += len(data)


def script_runs(client):
    return client.ask(words("FUNCTION STATS"))[1][1][0] != "nil"


def test_who_stands_behind_a_long_script_is_not_idle(program):
    script = (b"redis.call('SET', KEYS[1], 1) local e = os.clock() + 3 "
              b"while os.clock() < e do end return 1")
    with lab.Server(program, "--timeout", "1", "--threads", "1", "--busy-reply-threshold",
                    "60000") as server:
        runner, held, other = server.client(), server.client(), server.client()
        for client in (runner, held, other):
            client.ask(words("PING"))
        runner.send(encode([b"EVAL", script, b"1", b"k"]))
        lab.wait_for(lambda: script_runs(other), "the script runs")
        held.send(request("GET k"))
        while script_runs(other):
            time.sleep(0.1)
        said = held.read()
        assert said == ("bulk", b"1"), said
        assert runner.read() == ("integer", 1)
        for client in (runner, held):
            assert client.ask(words("PING")) == ("simple", b"PONG")


def test_time_goes_on_in_a_pipeline(program):
    """A key's time may come while the commands before in the same packet are run."""
    with lab.Server(program, "--threads", "1", "--enable-debug-command", "yes") as server:
        client = server.client()
        client.send(request("SET k v PX 100") + request("DEBUG SLEEP 0.2") + request("GET k") +
                    request("SET k v PX 10000") + request("DEBUG SLEEP 0.2") + request("PTTL k"))
        assert [client.read() for _ in range(4)] == [
            ("simple", b"OK"), ("simple", b"OK"), ("nil", None), ("simple", b"OK")]
        client.read()
        assert client.read()[1] <= 9_800


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_wait_of_centuries_costs_nothing(program):
    with lab.Server(program) as server:
        client = server.client()
        client.send(request("BLPOP jobs 10000000000"))
        lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits")
        before = cpu_seconds(server)
        time.sleep(1)
        assert cpu_seconds(server) - before < 0.3
        server.ask("RPUSH jobs one")
        assert client.read()[0] == "array"


if __name__ == "__main__":
    lab.main()
