"""Servers of a replication group, Larder or Redis, and what their tests ask of them."""
import os
import random
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402  (it finds the conformance modules)
import resp  # noqa: E402
import servers  # noqa: E402

REDIS = "redis-server"
VALKEY = "valkey-server"
SENTINELS = 3  # of a group, at most


class Node(servers.Server):
    """A server on a free port; `with` ends it."""

    def __init__(self, program, *options, follows=None, **more):
        kind = "redis" if os.path.basename(program) == REDIS else "larder"
        words = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
        if kind == "redis":
            words += ["--repl-diskless-sync", "yes"]
        words += [str(option) for option in options]
        if follows is not None:
            words += ["--replicaof", "127.0.0.1", str(follows.link_port)]
        self.kind, self.connection = kind, None
        super().__init__(kind, program, words, **more)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"--- {self.name} {self.port}\n{self.log_text()[-3000:]}")
        if self.connection is not None:
            self.connection.close()
        self.stop()

    def log_text(self):
        with open(self.log.name, errors="replace") as log:
            return log.read()

    def client(self):
        return resp.Connection(self.port, 2)

    def raw(self, *words):
        """(kind, value) of one request; again when the connection was ended: each Sentinel that
        reconfigures a server kills its clients."""
        sent = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        for ended in range(SENTINELS + 1):
            try:
                if self.connection is None:
                    self.connection = self.client()
                return self.connection.ask(sent)
            except resp.Closed:
                self.connection = None
                if ended == SENTINELS:
                    raise

    def ask(self, *words):
        """The value of a reply that may not be an error; waits for a load, also of a sync."""
        limit = time.monotonic() + lab.PATIENCE_S
        kind, value = self.raw(*words)
        while kind == "error" and value.startswith(b"LOADING") and time.monotonic() < limit:
            time.sleep(0.01)
            kind, value = self.raw(*words)
        assert kind != "error", f"{words}: {value.decode()}"
        return value

    def error(self, *words):
        kind, value = self.raw(*words)
        assert kind == "error", f"{words} answered {value!r}"
        return value.decode()

    def info(self, section="replication"):
        lines = self.ask("INFO", section).decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.returncode = 0  # as the test wanted it
        self.connection = None

    def restart(self, meanwhile=lambda: None):
        """A planned one: what is here is saved, and is there again."""
        client = self.client()
        client.send(resp.encode([b"SHUTDOWN", b"SAVE"]))
        self.process.wait(lab.PATIENCE_S)
        client.close()
        self.connection = None
        meanwhile()
        self.start()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        path = f"/proc/{self.process.pid}/stat"
        lab.wait_for(lambda: open(path).read().rsplit(")", 1)[1].split()[0] == "T", "it stands")

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    @property
    def link_port(self):
        """Where replicas connect."""
        return self.port

    def follow(self, primary):
        self.ask("REPLICAOF", "127.0.0.1", primary.link_port)


def wait_linked(*replicas, patience_s=lab.PATIENCE_S):
    for replica in replicas:
        lab.wait_for(lambda: replica.info().get("master_link_status") == "up",
                     f"{replica.name} {replica.port} linked", patience_s)


def wait_online(primary, replicas):
    """So many have acknowledged something: from then on they count."""
    lab.wait_for(lambda: str(primary.info("replication")).count("state=online") == replicas,
                 f"{replicas} replicas are online")


def offset(node):
    facts = node.info()
    return int(facts["slave_repl_offset" if facts["role"] == "slave" else "master_repl_offset"])


def wait_same_offset(primary, *replicas, patience_s=lab.PATIENCE_S):
    for replica in replicas:
        lab.wait_for(lambda: offset(replica) >= offset(primary),
                     f"{replica.name} {replica.port} caught up", patience_s)


def value_of(node, key):
    kind = node.ask("TYPE", key)
    if kind == b"string":
        return node.ask("GET", key)
    if kind == b"list":
        return [each[1] for each in node.ask("LRANGE", key, 0, -1)]
    if kind == b"set":
        return sorted(each[1] for each in node.ask("SMEMBERS", key))
    if kind == b"zset":
        return [each[1] for each in node.ask("ZRANGE", key, 0, -1, "WITHSCORES")]
    if kind == b"hash":
        flat = [each[1] for each in node.ask("HGETALL", key)]
        return sorted(zip(flat[::2], flat[1::2]))
    if kind == b"stream":
        groups = [group[1][:8] for group in node.ask("XINFO", "GROUPS", key)]  # no estimates
        return repr(node.ask("XRANGE", key, "-", "+")), repr(groups)
    return kind


def data_of(node, databases=(0, 1)):
    """Every key of the databases with its value and the time at which it ends."""
    found = {}
    for db in databases:
        node.ask("SELECT", db)
        cursor = b"0"
        while True:
            cursor, keys = [part[1] for part in node.ask("SCAN", cursor, "COUNT", 1000)]
            for _, key in keys:
                found[db, key] = (value_of(node, key), node.ask("PEXPIRETIME", key))
            if cursor == b"0":
                break
    node.ask("SELECT", 0)
    return found


def is_gone(found):
    """Of data_of: not there, or its time has come since it was read."""
    return found is None or found[0] == b"none" or 0 < found[1] <= time.time() * 1000


def assert_same_data(one, *others):
    expected = data_of(one)
    for other in others:
        got = data_of(other)
        wrong = [key for key in expected.keys() | got.keys() if expected.get(key) != got.get(key)
                 and not (is_gone(expected.get(key)) and is_gone(got.get(key)))]
        shown = [(key, expected.get(key), got.get(key)) for key in sorted(wrong)[:5]]
        assert not wrong, f"{len(wrong)} keys differ between {one.name} and {other.name}: {shown}"
    return len(expected)


def fill(node, count=60):
    """Something of every type and encoding, with and without a time to live."""
    for i in range(count):
        node.ask("SET", f"string:{i}", "v" * i)
        node.ask("SET", f"number:{i}", i * 7)
        node.ask("RPUSH", f"list:{i}", *range(i + 1))
        node.ask("SADD", f"set:{i}", *range(i + 1))
        node.ask("SADD", f"names:{i}", *[f"member:{k}" for k in range(i + 1)])
        node.ask("HSET", f"hash:{i}", *[w for k in range(i + 1) for w in (f"f{k}", k)])
        node.ask("ZADD", f"zset:{i}", *[w for k in range(i + 1) for w in (k * 1.5, f"m{k}")])
        node.ask("XADD", f"stream:{i % 5}", "*", "n", i)
        node.ask("PFADD", f"hll:{i % 3}", i)
        if i % 3 == 0:
            node.ask("PEXPIRE", f"string:{i}", 100_000 + i)
            node.ask("EXPIRE", f"hash:{i}", 1000 + i)
    node.ask("XGROUP", "CREATE", "stream:0", "readers", "0")
    node.ask("XREADGROUP", "GROUP", "readers", "me", "COUNT", 2, "STREAMS", "stream:0", ">")
    for kind in ("RPUSH", "SADD"):
        node.ask(kind, f"large:{kind}", *[f"element:{k}" for k in range(3000)])
    node.ask("SETRANGE", "large:string", 1_000_000, "x")
    node.ask("SELECT", 1)
    node.ask("SET", "elsewhere", "yes")
    node.ask("SELECT", 0)


class Writer(threading.Thread):
    """Random writes of all kinds until told to stop; some of them in transactions or scripts."""

    def __init__(self, node, seed):
        super().__init__(daemon=True)
        self.client, self.rng, self.over, self.fault, self.count = (
            node.client(), random.Random(seed), False, None, 0)

    def command(self):
        rng = self.rng
        key, n, member = f"w:{rng.randrange(200)}", rng.randrange(1000), f"m{rng.randrange(50)}"
        return rng.choice([
            ["SET", "s" + key, n], ["SET", "s" + key, n, "PX", 50_000 + n],
            ["INCRBY", "i" + key, n],
            ["APPEND", "a" + key, "xyz"], ["INCRBYFLOAT", "f" + key, "0.5"], ["DEL", "s" + key],
            ["RPUSH", "l" + key, n, member], ["LPOP", "l" + key], ["LMOVE", "l" + key, "l2" + key,
                                                                  "LEFT", "RIGHT"],
            ["SADD", "t" + key, member, n], ["SPOP", "t" + key], ["HSET", "h" + key, member, n],
            ["HINCRBY", "h" + key, "count", 1], ["HDEL", "h" + key, member],
            ["ZADD", "z" + key, n, member], ["ZINCRBY", "z" + key, "1.5", member],
            ["ZPOPMIN", "z" + key], ["XADD", "x" + key, "MAXLEN", "~", "50", "*", "f", n],
            ["EXPIRE", "h" + key, 500 + n], ["PERSIST", "h" + key], ["SETRANGE", "a" + key, 3, "q"],
            ["GETDEL", "a" + key], ["PFADD", "p" + key, n], ["SETBIT", "b" + key, n, 1],
            ["RENAME", "i" + key, "r" + key], ["COPY", "t" + key, "c" + key, "REPLACE"],
            ["SET", "gone" + key, n, "PX", 1 + n // 50]])

    def run(self):
        try:
            while not self.over:
                batch = [self.command() for _ in range(16)]
                if self.rng.random() < 0.2:
                    batch = [["MULTI"], *batch, ["EXEC"]]
                if self.rng.random() < 0.05:
                    batch = [["SELECT", 1], *batch, ["SELECT", 0]]
                self.client.send(b"".join(
                    resp.encode([str(word).encode() for word in words]) for words in batch))
                for _ in batch:
                    self.client.read()
                self.count += len(batch)
        except Exception as fault:  # told by stop(), in the thread of the test
            self.fault = fault

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.over = True
        self.join(lab.PATIENCE_S)
        self.client.close()
        if kind is None and self.fault is not None:
            raise self.fault


class Cut:
    """A link between two servers that can be cut: forwards a port to another."""

    def __init__(self, target):
        self.target, self.pairs, self.open = target, [], True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target.link_port))
            self.pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        for peer in (source, sink):
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.open = False
        for pair in self.pairs:
            for peer in pair:
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def mend(self):
        self.open = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self.listener.close()


def sleep_until_quiet():
    """Longer than the shortest time to live that the writer gives."""
    time.sleep(0.2)


def settle(primary, *replicas):
    """Nothing is written any more: all have the same."""
    sleep_until_quiet()
    wait_same_offset(primary, *replicas)
    lab.wait_for(lambda: len({node.ask("DBSIZE") for node in (primary, *replicas)}) == 1,
                 "keys whose time has come are gone everywhere")
    assert assert_same_data(primary, *replicas) > 100
