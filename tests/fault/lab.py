"""What the fault tests share: servers with faults to come, sockets without manners.

A test file holds functions test_...(program); lab.main() runs them, or those whose names contain
the words given, and prints how long each took.
"""
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../conformance"))
import resp  # noqa: E402
import servers  # noqa: E402

encode, free_port, SANITIZED = resp.encode, servers.free_port, resp.SANITIZED
PATIENCE_S = 60 if resp.SANITIZED else 20
PING_S = 3  # longest answer; generous, as other work may share the machine


def words(text):
    return [word.encode() for word in text.split()]


def request(text):
    return encode(words(text))


class Server(servers.Server):
    """Larder on a free port; `with` ends it, and ends the test when it died or leaked."""

    def __init__(self, program, *options, **more):
        super().__init__("larder", program, [str(option) for option in options], **more)

    def connect(self, timeout=PATIENCE_S):
        made = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def client(self):
        return resp.Connection(self.port, 2)

    def ask(self, text):
        client = self.client()
        kind, value = client.ask(words(text))
        client.close()
        if kind == "error":
            raise AssertionError(f"{text}: {value.decode()}")
        return value

    def info(self, field):
        text = self.ask("INFO").decode()
        return re.search(rf"^{field}:(.*?)\r?$", text, re.M).group(1)

    def resident_mb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            kb = re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)
        return int(kb) / 1024

    def log_text(self):
        with open(self.log.name, errors="replace") as log:
            return log.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            sys.stdout.write(self.log_text()[-4000:])
        self.stop()


class Pinger(threading.Thread):
    """Asks PING all the time; afterwards `worst_s` is the longest answer."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.client, self.worst_s, self.count = server.client(), 0, 0
        self.wrong, self.over = None, False

    def run(self):
        try:
            while not self.over:
                start = time.monotonic()
                answer = self.client.ask([b"PING"])
                if answer != ("simple", b"PONG"):
                    self.wrong = answer
                self.worst_s = max(self.worst_s, time.monotonic() - start)
                self.count += 1
                time.sleep(0.005)
        except Exception as fault:  # told by check(), in the thread of the test
            self.wrong = fault

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.over = True
        self.join(PATIENCE_S)
        if kind is None:
            self.check()

    def check(self):
        assert self.wrong is None, f"PING answered {self.wrong!r}"
        assert self.count > 0, "PING was never answered"
        assert SANITIZED or self.worst_s < PING_S, f"a PING took {self.worst_s:.2f} s"


def wait_for(condition, what, patience_s=PATIENCE_S):
    limit = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < limit, f"waited in vain: {what}"
        time.sleep(0.01)


def read_all(peer):
    """Everything up to the end of the connection, and how it ended: closed, reset or open."""
    pieces, end = [], ""
    while not end:
        try:
            pieces.append(peer.recv(1 << 16))
            end = "" if pieces[-1] else "closed"
        except ConnectionResetError:
            end = "reset"
        except socket.timeout:
            end = "open"
    return b"".join(pieces), end


def run_to_end(program, options, **more):
    """A start that ought to fail: (code, what was printed)."""
    done = subprocess.run([program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE_S, text=True, **more)
    return done.returncode, done.stdout


def folder():
    return tempfile.TemporaryDirectory(prefix="larder-fault-")


def main():
    program, chosen = os.path.abspath(sys.argv[1]), sys.argv[2:]
    tests = [(name, test) for name, test in vars(sys.modules["__main__"]).items()
             if name.startswith("test_") and (not chosen or any(c in name for c in chosen))]
    failed = 0
    for name, test in tests:
        start = time.monotonic()
        try:
            test(program)
            result = "ok"
        except (Exception, SystemExit):
            traceback.print_exc(file=sys.stdout)
            result, failed = "FAILED", failed + 1
        print(f"{result:7}{time.monotonic() - start:6.1f} s  {name[5:]}", flush=True)
    sys.exit(1 if failed else 0)
