#!/usr/bin/env python3
"""Frames that are wrong, and how redis-server answers them. malformed_as_redis.py LARDER_SERVER

Each is sent to both servers in one write and byte by byte: the same bytes come back, and the
connection ends or stays in both. Left out: an inline request with a NUL, behind which redis-server
finds no line end and waits for one.
"""
import concurrent.futures

import lab

QUIET_S = 0.5  # a connection that says nothing for so long stays open
AT_ONCE = 16
OK = lab.request("PING")

FRAMES = [
    b"*a\r\n", b"*\r\n", b"*+1\r\n", b"*01\r\n", b"* 1\r\n", b"*1 \r\n", b"*-\r\n", b"*-0\r\n",
    b"*2147483648\r\n", b"*99999999999999999999\r\n", b"*-9\r\n" + OK, b"*0\r\n" + OK,
    b"*1\r\n:5\r\n", b"*1\r\n\r\n", b"*1\r\nPING\r\n", b"*2\r\n$4\r\nPING\r\n*1\r\n",
    b"*1\r\n$\r\n", b"*1\r\n$a\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n$536870913\r\n", b"*1\r\n$9223372036854775808\r\n", b"*1\r\n$4 \r\nPING\r\n",
    b"SET a \"b\r\n", b"SET a 'b\r\n", b"SET a \"b\"c\r\n", b"SET a 'b'c\r\n",
    b"ECHO \"\\x4\"\r\n", b"ECHO \"\\xzz\"\r\n", b"ECHO \"\\q\"\r\n", b"ECHO 'a\\nb'\r\n",
    b"ECHO \"a\r\n", b"ECHO a\tb\r\n", b"\r\n\r\n" + OK, b"   \r\n" + OK, b"\n" + OK,
    b"GET\r\n", b"FOO\r\n" + OK, b"$4\r\nPING\r\n",
    b"+OK\r\n" + OK, b":1\r\n" + OK, b"-ERR\r\n" + OK, b"%1\r\n" + OK, b"~1\r\n" + OK,
    b"*1\r\n$4\r\nPINGxx" + OK, b"*1\r\n$3\r\nPING\r\n", b"*1\r\n$0\r\n\r\n" + OK,
    b"*1\r\n$1\r\n\x00\r\n" + OK, b"*2\r\n$3\r\nFOO\r\n$2\r\n\r\n\r\n" + OK,
    OK + b"*1\r\n$x\r\n" + OK, OK + b"*x\r\n" + OK, b"GET a\r\nSET b \"\r\n" + OK,
    b"A" * 70_000, b"*" + b"1" * 70_000, b"*1\r\n$" + b"1" * 70_000,
    b"*1\r\n$4\rPING\r\n", b"*1\r$4\r\nPING\r\n", b"*1\n$4\nPING\n", b"*1\r\n$4\r\nPING\n\n" + OK,
    b"GET / HTTP/1.0\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"host: a\r\n\r\n",
    lab.encode([b"x" * 200, b"y" * 100, b"z" * 100, b"more"]),
    lab.encode([b"a\r\nb", b"c\nd"]), lab.encode([b"CLIENT", b"x" * 200]),
    lab.encode([b"SET"]), lab.encode([b"CLIENT"]), lab.encode([b""]), lab.encode([b"", b""]),
    lab.encode([b"HELLO", b"4"]), lab.encode([b"HELLO", b"x"]), lab.encode([b"HELLO", b"2", b"X"]),
    lab.encode([b"AUTH", b"x"]), lab.encode([b"AUTH", b"a", b"b"]), lab.encode([b"QUIT"]) + OK,
    lab.encode([b"SELECT", b"x"]), lab.encode([b"SELECT", b"16"]), lab.encode([b"SELECT", b"-1"]),
]


def answer(server, frame, piece):
    peer = server.connect(QUIET_S)
    try:
        for at in range(0, len(frame), piece):
            peer.sendall(frame[at:at + piece])
    except OSError:
        pass  # closed before it had heard everything
    said, end = lab.read_all(peer)
    peer.close()
    return said, "open" if end == "open" else "ended"


class Redis(lab.Server):
    def __init__(self):
        lab.servers.Server.__init__(self, "redis", "redis-server", [])


def compare(server, redis, frames, piece):
    def difference(frame):
        ours, expected = answer(server, frame, piece), answer(redis, frame, piece)
        return "" if ours == expected else (f"{frame[:60]!r} in pieces of {piece}\n"
                                            f"    larder {ours}\n    redis  {expected}")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [text for text in pool.map(difference, frames) if text]
    assert not wrong, "\n".join(wrong)


def test_malformed_frames(program):
    with lab.Server(program) as server, Redis() as redis, lab.Pinger(server):
        compare(server, redis, FRAMES, 1 << 20)


def test_malformed_frames_byte_by_byte(program):
    with lab.Server(program) as server, Redis() as redis, lab.Pinger(server):
        short = [frame for frame in FRAMES[:40] if len(frame) < 100]
        compare(server, redis, short, 1)


if __name__ == "__main__":
    lab.main()
