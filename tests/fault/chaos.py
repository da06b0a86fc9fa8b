#!/usr/bin/env python3
"""Three hosts, each with a server and a Sentinel, in network namespaces: servers are killed and
paused, hosts are cut off, parted from each other and slowed down, while clients write. Afterwards
every write that was acknowledged (replication-ack quorum) is there, and all servers have the same,
key by key and with the times at which keys end.

chaos.py LARDER_SERVER [--seed N] [--rounds N]        one fault a round; ROUNDS=N as elsewhere

Everything is in a namespace of this process and ends with it; nothing of the machine's own network
is touched. Where the system does not permit that the test is left out (exit code 77).
"""
import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab  # noqa: E402
import nodes  # noqa: E402
import resp  # noqa: E402

SKIPPED = 77
INSIDE = "CHAOS_INSIDE"  # set once this process is in its own namespace
HOSTS, PORT, SENTINEL_PORT, QUORUM = 3, 6379, 26379, 2
AGREE_S = 120  # Sentinel gives a failed failover 12 s before the next, and there may be several


def run(*words):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, words))}: {done.stdout.strip()}")


def enter_namespace():
    """Starts this program again in a network namespace of its own, or leaves the test out."""
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-r", "-n"]
    probe = "ip link add name br0 type bridge && ip link add v0 type veth peer name w0 && " \
            "tc qdisc add dev v0 root tbf rate 1mbit burst 16kb latency 100ms"
    try:
        run(*unshare, "sh", "-c", probe)
    except OSError as why:
        print(f"SKIPPED: network namespaces are not permitted here: {why}")
        sys.exit(SKIPPED)
    os.environ[INSIDE] = "yes"
    os.execvp(unshare[0], [*unshare, sys.executable, "-B", *sys.argv])


class Host:
    """A namespace with one interface on the bridge, by which this process reaches it, too."""

    def __init__(self, index):
        self.index, self.address, self.port = index, f"10.77.0.{index + 1}", f"v{index}"
        self.keeper = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        lab.wait_for(lambda: os.readlink(f"/proc/{self.keeper.pid}/ns/net") != own, "a namespace")
        run("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0",
            "netns", self.keeper.pid)
        run("ip", "link", "set", self.port, "master", "br0", "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")

    def inside(self, *words):
        return ["nsenter", "-t", str(self.keeper.pid), "-n", *words]

    def run(self, *words):
        run(*self.inside(*words))

    @contextlib.contextmanager
    def cut_off(self):
        """From everybody."""
        run("ip", "link", "set", self.port, "down")
        yield
        run("ip", "link", "set", self.port, "up")

    @contextlib.contextmanager
    def parted_from(self, others):
        """From other hosts; clients reach all of them."""
        for other in others:
            self.run("ip", "route", "add", "blackhole", other.address)
        yield
        for other in others:
            self.run("ip", "route", "del", "blackhole", other.address)

    @contextlib.contextmanager
    def slowed(self, kbit):
        """Both ways."""
        words = ["root", "tbf", "rate", f"{kbit}kbit", "burst", "16kb", "latency", "200ms"]
        self.run("tc", "qdisc", "add", "dev", "eth0", *words)
        run("tc", "qdisc", "add", "dev", self.port, *words)
        yield
        self.run("tc", "qdisc", "del", "dev", "eth0", "root")
        run("tc", "qdisc", "del", "dev", self.port, "root")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.keeper.kill()
        self.keeper.wait()


class Member(nodes.Node):
    """A server or a Sentinel on a host; its own configuration file is rewritten by Sentinel."""

    def __init__(self, host, name, line, port, facts=""):
        self.host, self.name, self.port, self.kind, self.connection = host, name, port, name, None
        self.folder = tempfile.TemporaryDirectory(prefix="larder-chaos-")
        self.log = open(os.path.join(self.folder.name, "log"), "wb")
        config = os.path.join(self.folder.name, "conf")
        with open(config, "w") as out:
            out.write(facts)
        self.line = host.inside(line[0], config, "--port", str(port), "--bind", "0.0.0.0",
                                "--protected-mode", "no", "--dir", self.folder.name, *line[1:])
        self.start()

    def client(self, timeout_s=resp.TIMEOUT_S):
        return resp.Connection(self.port, 2, host=self.host.address, timeout_s=timeout_s)

    def loading(self):
        client = self.client(1)
        _, said = client.ask([b"PING"])
        client.close()
        return said.startswith(b"LOADING")

    def address(self):
        return [self.host.address.encode(), str(self.port).encode()]


def server(host, program):
    return Member(host, "larder", [
        program, "--save", "", "--replication-ack", "quorum",
        "--replication-group-size", str(HOSTS), "--repl-diskless-sync-delay", "0",
        "--repl-ping-replica-period", "1", "--repl-timeout", "10"], PORT)


def sentinel(host, primary):
    return Member(host, "sentinel", [nodes.REDIS, "--sentinel"], SENTINEL_PORT, facts=(
        f"sentinel monitor group {primary.host.address} {PORT} {QUORUM}\n"
        "sentinel down-after-milliseconds group 2000\n"
        "sentinel failover-timeout group 6000\n"))


def pairs_of(said):
    words = [word for _, word in said]
    return dict(zip(words[::2], words[1::2]))


class Group:
    def __init__(self, program, stack):
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "name", "br0", "type", "bridge")
        run("ip", "addr", "add", "10.77.0.254/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")
        self.hosts = [stack.enter_context(Host(i)) for i in range(HOSTS)]
        self.servers = [stack.enter_context(server(host, program)) for host in self.hosts]
        first = self.servers[0]
        for other in self.servers[1:]:
            other.ask("REPLICAOF", first.host.address, PORT)
            other.ask("CONFIG", "REWRITE")
        nodes.wait_linked(*self.servers[1:])
        self.sentinels = [stack.enter_context(sentinel(host, first)) for host in self.hosts]

    def leader(self):
        """The server that all Sentinels name while none of them is at work; or nothing."""
        said = [pairs_of(each.ask("SENTINEL", "master", "group")) for each in self.sentinels]
        if any(facts[b"flags"] != b"master" or facts[b"num-other-sentinels"] != b"2"
               or facts[b"num-slaves"] != b"2" for facts in said):
            return None
        if len({(facts[b"ip"], facts[b"port"]) for facts in said}) != 1:
            return None
        address = [said[0][b"ip"], said[0][b"port"]]
        return next((each for each in self.servers if each.address() == address), None)

    def agrees(self):
        leader = self.leader()
        if leader is None or leader.info()["role"] != "master":
            return False
        followed = all(each.info().get("master_host") == leader.host.address
                       and each.info()["master_link_status"] == "up"
                       for each in self.servers if each is not leader)
        replicas = [pairs_of(facts) for each in self.sentinels
                    for _, facts in each.ask("SENTINEL", "replicas", "group")]
        return followed and all(facts[b"flags"] == b"slave" for facts in replicas)

    def wait_agreed(self):
        lab.wait_for(self.agrees, "one leads and all follow it", AGREE_S)
        leader = self.leader()
        nodes.wait_same_offset(leader, *[each for each in self.servers if each is not leader])
        return leader

    def wait_other_leader(self, old):
        others = [each for each in self.sentinels if each.host is not old.host]
        lab.wait_for(lambda: all(
            [word for _, word in each.ask("SENTINEL", "get-master-addr-by-name", "group")]
            != old.address() for each in others), "another leads", AGREE_S)


class Client(threading.Thread):
    """Writes new keys, some with an end, and counts; asks the Sentinel of its own host first, so it
    may go on writing to a primary that was given up. Notes what was acknowledged."""

    def __init__(self, group, index):
        super().__init__(daemon=True)
        self.index, self.number, self.counted, self.over = index, 0, 0, False
        self.sentinels = group.sentinels[index:] + group.sentinels[:index]
        self.acknowledged = []

    def connect(self):
        for each in self.sentinels:
            with contextlib.suppress(OSError, resp.Closed):
                asked = each.client(1)
                _, said = asked.ask([b"SENTINEL", b"get-master-addr-by-name", b"group"])
                asked.close()
                return resp.Connection(int(said[1][1]), 2, host=said[0][1].decode(), timeout_s=3)
        raise OSError("no Sentinel answers")

    def write(self, client):
        self.number += 1
        key, value = f"n:{self.index}:{self.number}", str(self.number)
        words = ["SET", key, value] + ["PX", str(3_600_000 + self.number)] * (self.number % 2)
        kind, _ = client.ask([word.encode() for word in words])
        if kind == "error":
            return False
        self.acknowledged.append((key, value))
        kind, count = client.ask([b"INCR", b"count:%d" % self.index])
        if kind != "error":
            self.counted = count
        return kind != "error"

    def run(self):
        while not self.over:
            with contextlib.suppress(OSError, resp.Closed):
                client = self.connect()
                while not self.over and self.write(client):
                    time.sleep(0.005)
                client.close()
            time.sleep(0.05)

    def stop(self):
        self.over = True
        self.join(lab.PATIENCE_S)

    def lost(self, leader):
        client, lost = leader.client(), []
        for key, value in self.acknowledged:
            if client.ask([b"GET", key.encode()])[1] != value.encode():
                lost.append(key)
        count = int(client.ask([b"GET", b"count:%d" % self.index])[1] or 0)
        if count < self.counted:
            lost.append(f"count:{self.index} is {count}, {self.counted} was answered")
        return lost


def kill(group, victim, rng):
    """It comes back with nothing; a primary when another one leads: a Sentinel that did not notice
    would have the others follow an empty one, as with Redis."""
    led = group.leader() is victim
    victim.kill()
    if led:
        group.wait_other_leader(victim)
    else:
        time.sleep(rng.uniform(0, 4))
    victim.start()


def pause(group, victim, rng):
    victim.freeze()
    time.sleep(rng.uniform(0.5, 8))
    victim.thaw()


def cut_off(group, victim, rng):
    with victim.host.cut_off():
        time.sleep(rng.uniform(0.5, 8))


def part(group, victim, rng):
    with victim.host.parted_from([host for host in group.hosts if host is not victim.host]):
        time.sleep(rng.uniform(0.5, 8))


def slow_down(group, victim, rng):
    with victim.host.slowed(rng.choice([64, 256])):
        time.sleep(rng.uniform(1, 5))


def chaos(program, seed, rounds):
    rng = random.Random(seed)
    faults = [kill, pause, cut_off, part, slow_down]
    with contextlib.ExitStack() as stack:
        group = Group(program, stack)
        group.wait_agreed()
        clients = [Client(group, i) for i in range(HOSTS)]
        for client in clients:
            client.start()
        order = []
        for number in range(rounds):
            order = order or rng.sample(faults, len(faults))
            fault = order.pop()
            leader = group.wait_agreed()
            victim = leader if rng.random() < 0.7 else rng.choice(group.servers)
            start = time.monotonic()
            fault(group, victim, rng)
            group.wait_agreed()
            print(f"{number + 1}: {fault.__name__} {'primary' if victim is leader else 'replica'}"
                  f" {victim.host.address}, {time.monotonic() - start:.1f} s until all agree, "
                  f"{sum(len(client.acknowledged) for client in clients)} writes acknowledged",
                  flush=True)
        for client in clients:
            client.stop()
        leader = group.wait_agreed()
        lost = [key for client in clients for key in client.lost(leader)]
        total = sum(len(client.acknowledged) for client in clients)
        print(f"{total} acknowledged writes, {len(lost)} lost")
        assert not lost, f"{len(lost)} of {total} lost: {lost[:10]}"
        keys = nodes.assert_same_data(leader, *[m for m in group.servers if m is not leader])
        assert keys >= total


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", "2")))
    options = parser.parse_args()
    if INSIDE not in os.environ:
        enter_namespace()
    print(f"--seed {options.seed} --rounds {options.rounds}", flush=True)
    chaos(os.path.abspath(options.program), options.seed, options.rounds)
