"""Starts the servers under test on free ports and stops them again."""
import socket
import subprocess
import tempfile
import time

import resp

START_S = resp.TIMEOUT_S
# More than the ten seconds that a server waits for replicas at its end.
STOP_S = 60 if resp.SANITIZED else 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name, program, options, port=None, config=()):
        """`config` are words that stand before all options."""
        self.name, self.port = name, port or free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="larder-conformance-")
        self.log = open(self.folder.name + "/log", "wb")
        line = [program, *config, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
                "--dir", self.folder.name]
        if name == "redis":
            line += ["--enable-debug-command", "local"]
        self.line = [*line, *options]
        self.start()

    def start(self):
        """Again, too, when it has ended: on the same port and with the same files."""
        self.process = subprocess.Popen(
            self.line, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait()

    def wait(self):
        limit = time.monotonic() + START_S
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                if not self.loading():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        self.process.kill()
        self.process.wait()
        with open(self.log.name, errors="replace") as log:
            raise SystemExit(f"{self.name} did not start:\n{log.read()}")

    def loading(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as peer:
            peer.sendall(b"PING\r\n")
            return peer.recv(100).startswith(b"-LOADING")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Ends the server. Ours must end with 0: a sanitizer speaks at the exit."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        said = open(self.log.name, errors="replace").read()
        self.folder.cleanup()
        if self.name == "larder" and self.process.returncode != 0:
            raise SystemExit(f"{self.name} ended with {self.process.returncode}:\n{said[-8000:]}")
