#!/usr/bin/env python3
"""The end under load, and the start after it. stopping.py LARDER_SERVER [test ...]"""
import os
import signal
import subprocess
import tempfile
import threading
import time

import lab

STOP_S = 1


class Load(threading.Thread):
    """A client that sends INCR on a key of its own, some hundred ahead of the answers."""
    AHEAD, BATCH = 500, 50

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.peer, self.number = server.connect(), number
        self.answers, self.end, self.sent = b"", "", 0

    def run(self):
        requests = lab.request(f"INCR load:{self.number}") * self.BATCH
        pieces, answered = [], 0
        try:
            while True:
                while self.sent - answered < self.AHEAD:
                    self.peer.sendall(requests)
                    self.sent += self.BATCH
                pieces.append(self.peer.recv(1 << 16))
                answered += pieces[-1].count(b"\n")
                if not pieces[-1]:
                    self.end = "closed"
                    break
        except OSError:  # the server stopped listening; what it said before is still to come
            rest, self.end = lab.read_all(self.peer)
            pieces.append(rest)
        self.answers = b"".join(pieces)

    def last(self):
        return int(self.answers.split(b"\r\n")[-2][1:]) if self.answers else 0


class Feed(threading.Thread):
    """A MONITOR client: how often each INCR was run, as far as it was told."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.peer, self.text = server.connect(), b""
        self.peer.sendall(b"MONITOR\r\n")
        assert self.peer.recv(5) == b"+OK\r\n"

    def run(self):
        self.text, _ = lab.read_all(self.peer)


def test_no_answer_is_lost(program):
    """A command that was run was answered, and the answer arrives, although more was sent."""
    fastest_s = lab.PATIENCE_S
    for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        with lab.Server(program) as server:
            feed = Feed(server)
            feed.start()
            loads = [Load(server, number) for number in range(8)]
            for load in loads:
                load.start()
            time.sleep(0.5)
            start = time.monotonic()
            server.process.send_signal(signal_number)
            server.process.wait(lab.PATIENCE_S)
            fastest_s = min(fastest_s, time.monotonic() - start)
            assert server.process.returncode == 0
            for thread in [*loads, feed]:
                thread.join(lab.PATIENCE_S)
            for load in loads:
                assert load.answers[-2:] in (b"", b"\r\n"), f"{load.answers[-30:]} was cut"
                assert load.answers.count(b"\n") == load.last(), "an answer is missing"
                run = feed.text.count(b'"INCR" "load:%d"' % load.number)
                assert load.last() >= run, f"{run} were run, {load.last()} answered ({load.end})"
    assert lab.SANITIZED or fastest_s < STOP_S, f"took {fastest_s:.2f} s"


def test_a_slow_reader_does_not_hold_the_end_up(program):
    with lab.Server(program) as server:
        server.client().ask([b"SET", b"big", b"x" * 1_000_000])
        peer = server.connect()
        peer.sendall(b"GET big\r\n" * 100)
        time.sleep(0.2)
        start = time.monotonic()
        server.process.terminate()
        server.process.wait(lab.PATIENCE_S)
        assert time.monotonic() - start < 3 * STOP_S
        peer.close()


def test_shutdown_command_ends_it(program):
    with lab.Server(program) as server:
        peer = server.connect()
        peer.sendall(lab.request("SHUTDOWN NOSAVE"))
        said, end = lab.read_all(peer)
        assert said == b"" and end in ("closed", "reset"), (said, end)
        assert server.process.wait(lab.PATIENCE_S) == 0


def test_a_port_just_used_is_taken_again(program):
    first = lab.Server(program)
    clients = [first.client() for _ in range(20)]
    for client in clients:
        client.ask([b"PING"])
    first.stop()  # closes the connections itself: they wait on its side of the port
    with lab.Server(program, port=first.port) as second:
        assert second.ask("PING") == b"PONG"


def begin_to_load(program, folder, *options):
    """A server that would take minutes to load what is in the folder."""
    port = lab.free_port()
    process = subprocess.Popen(
        [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder,
         "--key-load-delay", "100000", *options], stdin=subprocess.DEVNULL,
        stdout=open(folder + "/log", "ab"), stderr=subprocess.STDOUT)

    def loads():
        try:
            client = lab.resp.Connection(port, 2)
            text = client.ask([b"INFO", b"persistence"])[1]
            client.close()
            return b"loading:1" in text
        except OSError:
            return False
    lab.wait_for(loads, "it loads")
    return process, port


def test_the_end_while_loading(program):
    """A signal or SHUTDOWN ends the start at once; what is on the disk stays as it is."""
    for options in (("--save", "3600 1"), ("--save", "", "--appendonly", "yes"),
                    ("--save", "", "--appendonly", "yes", "--aof-use-rdb-preamble", "no")):
        with tempfile.TemporaryDirectory(prefix="larder-fault-") as folder:
            with lab.Server(program, "--dir", folder, *options) as server:
                client = server.client()
                for i in range(1000):
                    client.ask([b"SET", b"key:%d" % i, b"x"])
                if "yes" in options and "no" not in options:
                    client.ask([b"BGREWRITEAOF"])
                    lab.wait_for(lambda: server.info("aof_rewrite_in_progress") == "0", "rewritten")
            for end in (signal.SIGTERM, signal.SIGINT, b"SHUTDOWN", b"SHUTDOWN SAVE"):
                process, port = begin_to_load(program, folder, *options)
                begin = time.monotonic()
                if isinstance(end, bytes):
                    lab.resp.Connection(port, 2).send(lab.request(end.decode()))
                else:
                    process.send_signal(end)
                assert process.wait(lab.PATIENCE_S) == 0, open(folder + "/log").read()
                assert time.monotonic() - begin < lab.PATIENCE_S / 4
            os.remove(folder + "/log")
            with lab.Server(program, "--dir", folder, *options) as server:
                lab.wait_for(lambda: server.info("loading") == "0", "it is loaded")
                assert server.ask("DBSIZE") == 1000, (options, server.ask("DBSIZE"))


if __name__ == "__main__":
    lab.main()
