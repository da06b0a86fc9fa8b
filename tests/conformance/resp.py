"""A plain RESP2/RESP3 client. A reply is a pair (kind, value); bulks and texts are bytes."""
import os
import socket

# Sanitizers make everything slower and larger; bounds of time and memory are for the real program.
# Not a name that the server would take for an option.
SANITIZED = bool(os.environ.get("SANITIZED_BUILD"))
TIMEOUT_S = 60 if SANITIZED else 10


class Closed(Exception):
    """The server closed the connection."""


def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


class Connection:
    def __init__(self, port, protocol, password=None, host="127.0.0.1", timeout_s=TIMEOUT_S):
        self.socket = socket.create_connection((host, port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if password is not None:
            self.ask([b"AUTH", password])
        if protocol == 3:
            kind, value = self.ask([b"HELLO", b"3"])
            if kind != "map":
                raise RuntimeError(f"HELLO 3 answered {value!r}")

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def ask(self, words):
        self.send(encode(words))
        return self.read()

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise Closed from None
        if not data:
            raise Closed
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _exactly(self, size):
        while len(self.buffer) < size + 2:
            self._fill()
        data, end, self.buffer = (
            self.buffer[:size], self.buffer[size : size + 2], self.buffer[size + 2 :])
        if end != b"\r\n":
            raise RuntimeError(f"bulk of {size} bytes ends with {end!r}")
        return data

    def read(self):
        line = self._line()
        sign, rest = line[:1], line[1:]
        if sign in b"+-,(#" and sign:
            kinds = {b"+": "simple", b"-": "error", b",": "double", b"(": "bignum", b"#": "bool"}
            return (kinds[sign], rest == b"t" if sign == b"#" else rest)
        if sign == b":":
            return ("integer", int(rest))
        if sign == b"_":
            return ("nil", None)
        if sign == b"$":
            return ("nil", None) if rest == b"-1" else ("bulk", self._exactly(int(rest)))
        if sign == b"=":
            return ("verbatim", self._exactly(int(rest)))
        if sign in (b"*", b"~", b">"):
            if rest == b"-1":
                return ("nil array", None)
            kind = {b"*": "array", b"~": "set", b">": "push"}[sign]
            return (kind, [self.read() for _ in range(int(rest))])
        if sign == b"%":
            return ("map", [(self.read(), self.read()) for _ in range(int(rest))])
        raise RuntimeError(f"not RESP: {line!r}")

    def is_closed(self):
        """Waits until the server closes; False when it sends something instead."""
        try:
            return self.socket.recv(1) == b"" and not self.buffer
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False
