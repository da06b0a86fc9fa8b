"""Marks of what applications do: scripts, transactions, publish, streams, tracking, TLS. See
compare. The loads here are Python's: they send prepared bytes and count the bytes that come back,
so they are quick enough to keep a server's core busy; what counts is the server's CPU time.
"""

import contextlib
import multiprocessing
import os
import selectors
import socket
import pathlib
import statistics
import subprocess
import sys
import time

from servers import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import certificates  # noqa: E402

CONNECTIONS, PIPELINE = 50, 16
KEYS = 100_000
SUBSCRIBERS = 100
CONSUMERS, PER_READ = 10, 50
SCRIPT = "return redis.call('GET', KEYS[1])"
VALUE = "x" * 64


def encode(*words):
    raw = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw)


def connect(server):
    made = socket.create_connection(("127.0.0.1", server.port), 60)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def drain(connection, count):
    while count > 0:
        got = len(connection.recv(min(count, 1 << 18)))
        if got == 0:
            raise SystemExit("the server closed a connection")
        count -= got


def ask(connection, request, reply_bytes=None):
    """Sends and takes the reply, whose length is found by waiting when it isn't known."""
    connection.sendall(request)
    if reply_bytes is not None:
        return drain(connection, reply_bytes)
    got = connection.recv(1 << 18)
    connection.settimeout(0.05)
    with contextlib.suppress(TimeoutError):
        while True:
            got += connection.recv(1 << 18)
    connection.settimeout(60)
    return got


def cpu_us_per(server, requests, seconds, greeting):
    """Every connection sends its request again and again, all of them at once; every request is
    answered with as many bytes as the first one."""
    connections = [connect(server) for _ in range(CONNECTIONS)]
    for connection in connections:
        ask(connection, greeting)
    size = len(ask(connections[0], requests[0]))
    before, end, done = server.cpu_seconds(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        turn = [(done + i) % len(requests) for i in range(CONNECTIONS)]
        for connection, which in zip(connections, turn):
            connection.sendall(requests[which])
        for connection in connections:
            drain(connection, size)
        done += CONNECTIONS
    us = (server.cpu_seconds() - before) * 1e6 / done
    for connection in connections:
        connection.close()
    return us


def script_us(server, seconds):
    return loaded_us(server, seconds, command=f'EVAL "{SCRIPT}" 1 __key__', pipeline=PIPELINE)


def transaction_us(server, seconds):
    """Per transaction, which is 12 requests."""
    return 12 * loaded_us(server, seconds, ratio="1:0", pipeline=10, multi=None)


def loaded_us(server, seconds, **options):
    """Per request, of keys that are all there, from connections that never pause: a server that
    sleeps between requests spends its time on waking up."""
    server.load(fill=True, keys=KEYS, pipeline=64)
    return server.load(keys=KEYS, seconds=seconds, **options)["cpu_us_per_op"]


def listen(port, count, ready):
    """Subscribes and reads everything, in a process of its own."""
    os.sched_setaffinity(0, {1})
    readers = selectors.DefaultSelector()
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(encode("SUBSCRIBE", "news"))
        connection.recv(100)
        readers.register(connection, selectors.EVENT_READ)
    ready.set()
    while True:
        for key, _ in readers.select():
            if not key.fileobj.recv(1 << 18):
                return


def publish_us(server, seconds):
    """Per delivered message."""
    ready = multiprocessing.Event()
    listener = multiprocessing.Process(target=listen, args=(server.port, SUBSCRIBERS, ready))
    listener.start()
    ready.wait()
    with connect(server) as publisher:
        request, reply = encode("PUBLISH", "news", VALUE), len(f":{SUBSCRIBERS}\r\n")
        before, end, done = server.cpu_seconds(), time.monotonic() + seconds, 0
        while time.monotonic() < end:
            ask(publisher, request, reply)
            done += SUBSCRIBERS
        us = (server.cpu_seconds() - before) * 1e6 / done
    listener.kill()
    listener.join()
    return us


def stream_us(server, seconds):
    """Per message that is added, read by one of the consumers and acknowledged."""
    connections = [connect(server) for _ in range(CONSUMERS + 1)]
    producer, consumers = connections[-1], connections[:-1]
    ask(producer, encode("XGROUP", "CREATE", "jobs", "workers", "$", "MKSTREAM"), 5)
    number = 1_000_000_000_000  # of the next id; all are of one length
    id_reply = len(f"$15\r\n{number}-1\r\n")
    message = id_reply + len("*2\r\n" * 2) + len(encode("job", VALUE)) - len("*2\r\n")
    head = len(f"*1\r\n*2\r\n$4\r\njobs\r\n*{PER_READ}\r\n")
    done, before, end = 0, server.cpu_seconds(), time.monotonic() + seconds
    while time.monotonic() < end:
        for which, consumer in enumerate(consumers):
            ids = [f"{number + i}-1" for i in range(PER_READ)]
            number += PER_READ
            ask(producer, b"".join(encode("XADD", "jobs", "MAXLEN", "~", 10_000, id_, "job", VALUE)
                                   for id_ in ids), PER_READ * id_reply)
            ask(consumer, encode("XREADGROUP", "GROUP", "workers", f"consumer{which}", "COUNT",
                                 PER_READ, "STREAMS", "jobs", ">"), head + PER_READ * message)
            ask(consumer, encode("XACK", "jobs", "workers", *ids), len(f":{PER_READ}\r\n"))
            done += PER_READ
    us = (server.cpu_seconds() - before) * 1e6 / done
    for connection in connections:
        connection.close()
    return us


WORKS = {  # name: (what is measured, mark)
    "EVAL of one GET, pipeline 16": (script_us, 1.0),
    "MULTI of 10 SETs": (transaction_us, 0.6),
    "PUBLISH, per message delivered": (publish_us, 0.8),
    "XADD + XREADGROUP + XACK": (stream_us, 0.67),
}


def mark_apps(args):
    """CPU time of the server per operation, beside redis-server's."""
    rows = []
    for work, (measure, mark) in WORKS.items():
        if args.work and args.work not in work:
            continue
        rounds = {"larder": [], "redis": []}
        for _ in range(args.rounds):
            for i, name in enumerate(rounds):
                with Server(name, args.port + i) as server:
                    rounds[name].append(measure(server, args.seconds))
        ours, theirs = (statistics.median(times) for times in rounds.values())
        rows.append({"work": work, "larder us": ours, "redis us": theirs, "ratio": ours / theirs,
                     "mark": mark})
    return rows


def tls_us(name, args, authority):
    """GETs of redis-benchmark without a pipeline over TLS."""
    options = [*certificates.server_options(authority, args.port + 1), "--tls-auth-clients", "no"]
    with Server(name, args.port, options=options) as server:
        command = ["taskset", "-c", "1", "redis-benchmark", "-p", str(args.port + 1), "--tls",
                   "--insecure", "-t", "get", "-q", "-n", str(int(20_000 * args.seconds))]
        before = server.cpu_seconds()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return (server.cpu_seconds() - before) * 1e6 / int(20_000 * args.seconds)


def mark_tls(args):
    """CPU time of a GET over TLS at pipeline 1, handshakes of 50 clients included."""
    rounds = {"larder": [], "redis": []}
    authority = certificates.Authority()
    authority.issue("server")
    for _ in range(args.rounds):
        for name, times in rounds.items():
            times.append(tls_us(name, args, authority))
    return [{"server": name, "us": statistics.median(times)} for name, times in rounds.items()]


def mark_tracking(args):
    """What a million tracked keys take, and what a GET costs with and without tracking."""
    rows = []
    for name in ("larder", "redis"):
        with Server(name, args.port, options=("--tracking-table-max-keys", "0")) as server:
            rows.append({"server": name} | tracked(server, args))
    return rows


def tracked(server, args):
    server.load(fill=True, pipeline=64, keys=args.keys)
    gets = [b"".join(encode("GET", f"key:{start + i:07}") for i in range(1000))
            for start in range(0, args.keys, 1000)]
    with connect(server) as client:
        ask(client, encode("HELLO", 3))
        ask(client, encode("CLIENT", "TRACKING", "on"), len("+OK\r\n"))

        memory = server.rss_bytes()
        for request in gets:
            ask(client, request, 1000 * len("$64\r\n" + VALUE + "\r\n"))
        memory = (server.rss_bytes() - memory) / args.keys
    times = {"off": [], "on": []}
    some = [encode("GET", f"key:{37 * i:07}") for i in range(10_000)]
    for _ in range(args.rounds):
        for mode, rounds in times.items():
            greeting = encode("HELLO", 3) + encode("CLIENT", "TRACKING", mode)
            rounds.append(cpu_us_per(server, some, args.seconds, greeting))
    off, on = (statistics.median(rounds) for rounds in times.values())
    return {"B per tracked key": memory, "GET us": off, "tracked us": on, "ratio": on / off}


MARKS = {"apps": mark_apps, "tls": mark_tls, "tracking": mark_tracking}
