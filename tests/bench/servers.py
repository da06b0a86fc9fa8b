"""Starting servers pinned to a core, loading them, and reading what they used from /proc."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BENCH_BIN", ROOT / "build/release/bin"))
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
KEY_DIGITS = 7  # key:0000000 has 11 bytes


def command_of(name, port, threads):
    """The command line that starts a server; None when its program is not installed."""
    program = {
        "larder": BIN / "larder-server",
        "floor": BIN / "larder-floor",
        "redis": shutil.which("redis-server"),
        "memcached": shutil.which("memcached"),
    }[name]
    if program is None:
        return None
    return [str(program)] + {
        "larder": ["--bind", "127.0.0.1", "--port", str(port), "--threads", str(threads),
                   "--save", ""],
        "floor": [str(port)],
        "redis": ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
        "memcached": ["-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "16384",
                      "-t", str(threads), "-u", "nobody"],
    }[name]


def result_of(load):
    """What a larder-bench that was started says at its end."""
    output, _ = load.communicate()
    if load.returncode != 0:
        raise SystemExit(f"larder-bench ended with {load.returncode}")
    return json.loads(output)


class Server:
    """One running server. Use it in a `with`."""

    def __init__(self, name, port, cores="0", threads=1, options=()):
        self.name, self.port = name, port
        command = command_of(name, port, threads) + list(options)
        if options and name in ("larder", "redis"):
            command += ["--enable-debug-command", "yes"]
        self.process = subprocess.Popen(["taskset", "-c", cores] + command,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_until_up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _wait_until_up(self):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.process.kill()
        raise SystemExit(f"{self.name} did not come up on port {self.port}")

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def rss_bytes(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def start_load(self, core="1", fill=False, keys=1_000_000, **options):
        """Starts larder-bench; keyword arguments are its options, a flag's value is
        None. `fill`: every key once, by SET if there is no `command`."""
        command = ["taskset", "-c", core, str(BIN / "larder-bench"), "--json", "--port",
                   str(self.port), "--keys", str(keys), "--key-digits", str(KEY_DIGITS)]
        if self.name == "memcached":
            command.append("--memcached")
        if fill:
            options |= {"key_distribution": "sequential", "requests": keys}
            if "command" not in options:
                options["ratio"] = "1:0"
        for name, value in options.items():
            command += ["--" + name.replace("_", "-")] + ([] if value is None else [str(value)])
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def load(self, **options):
        """Runs larder-bench to its end. Its result, and the server's CPU time per request."""
        before = self.cpu_seconds()
        result = result_of(self.start_load(**options))
        result["cpu_us_per_op"] = (self.cpu_seconds() - before) * 1e6 / result["requests"]
        return result

    def ask(self, *words):
        """One RESP command on a connection of its own; the reply's bytes up to its first line."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            pieces = [b"*%d\r\n" % len(words)]
            for word in words:
                raw = word if isinstance(word, bytes) else str(word).encode()
                pieces.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
            connection.sendall(b"".join(pieces))
            reply = connection.makefile("rb")
            line = reply.readline().rstrip()
            self._read_rest(reply, line)
            return line.decode()

    def info(self, field):
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(b"INFO\r\n")
            reply = connection.makefile("rb")
            head = reply.readline()
            if not head.startswith(b"$"):
                return ""  # it is loading
            for line in reply.read(int(head[1:])).decode().split("\r\n"):
                if line.startswith(field + ":"):
                    return line.partition(":")[2]
            return ""

    def ask_for_array(self, *words):
        """The same for an array of bulk strings; the lines are counted, which takes little time
        from whoever else is measured."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(b" ".join(word.encode() for word in words) + b"\r\n")
            left = None
            while left is None or left > 0:
                piece = connection.recv(1 << 20)
                if left is None:
                    left = 1 + 2 * int(piece[1:piece.index(b"\r")])
                left -= piece.count(b"\n")

    def _read_rest(self, reply, line):
        if line[:1] == b"$" and int(line[1:]) >= 0:
            reply.read(int(line[1:]) + 2)
        elif line[:1] == b"*":
            for _ in range(int(line[1:])):
                self._read_rest(reply, reply.readline().rstrip())
