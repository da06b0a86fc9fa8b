#!/usr/bin/env python3
"""Makes the corpora of fuzz_restored, fuzz_rdb_file, fuzz_aof and fuzz_primary again.

    make_corpus.py LARDER_SERVER

Small values of every type and encoding, written by redis-server and by Larder: as payloads, as
whole files, as append-only files, as what a primary sends.
"""
import contextlib
import glob
import os
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../conformance"))
import resp  # noqa: E402
import servers  # noqa: E402

PORT = 7240
# Small values become objects.
SMALL = ["--hash-max-listpack-entries", "2", "--set-max-intset-entries", "2",
         "--zset-max-listpack-entries", "2", "--list-max-listpack-size", "3",
         "--stream-node-max-entries", "3"]
STRINGS = ["SET string hello", "SET int 12345", "SET min -9223372036854775808",
           "SET zeros " + "ab" * 60, "SET expiring x PX 10000000000", "PFADD hll a b c",
           "SETBIT bits 100 1"]
COLLECTIONS = [
    "RPUSH list a 1 text -70000 5000000000 " + "x" * 70, "RPUSH list:ints 1 -2 300 70000",
    "SADD set a 1 text -70000 " + "y" * 70, "SADD set:ints 1 2 -70000 5000000000",
    "HSET hash a 1 text v f -70000 long " + "z" * 70, "ZADD zset 1 a 2.5 b inf c -inf d 1e-300 e",
    "ZADD zset:ints 1 a 2 b 3 c"]
STREAMS = (["XADD stream %d-%d field %d other x" % (i, i % 3, i) for i in range(1, 9)] +
           ["XADD stream 20-1 another 1", "XDEL stream 2-2", "XGROUP CREATE stream group 0",
            "XREADGROUP GROUP group consumer COUNT 3 STREAMS stream >",
            "XREADGROUP GROUP group idle COUNT 1 STREAMS stream >", "XACK stream group 1-1"])
TIMES = ["HEXPIRE hash 100000000 FIELDS 2 a f"]  # Redis 7.0 has none
LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 7 end)"


@contextlib.contextmanager
def running(kind, program, options):
    server = servers.Server(kind, program, options, port=PORT)
    try:
        yield server
    except Exception:
        print(open(server.log.name).read()[-2000:])
        raise
    finally:
        server.stop()


def ask(client, *words):
    kind, value = client.ask([w if isinstance(w, bytes) else str(w).encode() for w in words])
    assert kind != "error", (words, value)
    return value


def fill(client, groups):
    for group in groups:
        for line in group:
            ask(client, *line.split(" "))


def keep(folder, name, data):
    path = os.path.join(HERE, "corpus", folder)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), "wb") as out:
        out.write(data)


def payloads(client, name):
    for _, key in sorted(ask(client, "KEYS", "*")):
        body = ask(client, "DUMP", key)[:-10]  # without version and checksum
        flags = bytes([len(body) % 16])
        keep("restored", f"{name}_{key.decode().replace(':', '_')}", flags + body)


def files(server, client, name):
    ask(client, "SAVE")
    with open(server.folder.name + "/dump.rdb", "rb") as file:
        keep("rdb_file", name, b"\x10" + file.read())
    return name


def collect(client, patience_s):
    """What comes till nothing has come for so long."""
    client.settimeout(patience_s)
    said = b""
    with contextlib.suppress(socket.timeout):
        while True:
            said += client.recv(1 << 16)
    return said


def full_sync(client_port):
    """What the primary says behind PSYNC, with some writes."""
    client = socket.create_connection(("127.0.0.1", client_port))
    client.sendall(resp.encode([b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]))
    assert client.recv(100) == b"+OK\r\n"
    client.sendall(resp.encode([b"PSYNC", b"?", b"-1"]))
    said = collect(client, 2)
    assert b"+FULLRESYNC" in said, said
    client.sendall(resp.encode([b"REPLCONF", b"ACK", b"0"]))
    other = resp.Connection(client_port, 2)
    fill(other, [["SET k v", "SELECT 1", "LPUSH l a b", "SELECT 0", "MULTI", "SET a 1",
                  "INCR a", "EXEC", "HSET h f v", "DEL k"]])
    said += collect(client, 1)
    client.close()
    other.close()
    return said.lstrip(b"\n")


def append_only(kind, program, sets):
    with running(kind, program, ["--appendonly", "yes"]) as server:
        client = resp.Connection(PORT, 2)
        ask(client, "SET", "before", "1")
        ask(client, "BGREWRITEAOF")
        time.sleep(1)
        fill(client, sets)
        fill(client, [["MULTI", "SET a 1", "INCR a", "EXEC", "DEL int", "SELECT 2", "SET two 2"]])
        time.sleep(1.2)
        folder = server.folder.name + "/appendonlydir/"
        pieces = [open(path, "rb").read() for pattern in ("*.base.*", "*.incr.*")
                  for path in sorted(glob.glob(folder + pattern))]
        manifest = open(glob.glob(folder + "*.manifest")[0], "rb").read()
        client.close()
    whole = b"".join(pieces)
    share = -(-len(pieces[0]) * 255 // len(whole))
    keep("aof", f"{kind}_manifest", b"\x01" + manifest)
    keep("aof", f"{kind}_files", b"\x00" + bytes([share]) + whole)
    keep("aof", f"{kind}_requests", b"\x04\x00" + pieces[-1])


def main():
    larder = os.path.abspath(sys.argv[1])
    for kind, program in (("redis", "/usr/bin/redis-server"), ("larder", larder)):
        times = [TIMES] if kind == "larder" else []
        groups = {"strings": [STRINGS], "collections": [COLLECTIONS, *times], "streams": [STREAMS]}
        for size, options in (("small", []), ("big", SMALL)):
            for name, sets in groups.items():
                with running(kind, program, options) as server:
                    client = resp.Connection(PORT, 2)
                    fill(client, sets)
                    payloads(client, f"{kind}_{size}")
                    if name == "strings":
                        ask(client, "SELECT", 3), ask(client, "SET", "three", "3")
                        ask(client, "FUNCTION", "LOAD", LIBRARY)
                    files(server, client, f"{kind}_{size}_{name}")
                    if size == "small":
                        keep("primary", f"{kind}_{name}", b"\x00" + full_sync(PORT))
                    client.close()
        append_only(kind, program, [STRINGS, COLLECTIONS, STREAMS])
    said = b"+CONTINUE " + b"a" * 40 + b"\r\n" + resp.encode([b"SET", b"k", b"v"])
    keep("primary", "continue", b"\x01+PONG\r\n" + b"+OK\r\n" * 3 + said)


if __name__ == "__main__":
    main()
