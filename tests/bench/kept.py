"""Marks of what is kept: snapshots, the append-only file, replicas. See compare."""

import contextlib
import os
import signal
import tempfile
import threading
import time

from servers import Server, result_of

VALUE_BYTES = 64
FSYNC = ("--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
BOTH_CORES = "0,1"
# More than what is written at full speed during a cut.
BACKLOG = ("--repl-backlog-size", "4gb", "--repl-diskless-sync-delay", "0",
           "--client-output-buffer-limit", "replica 0 0 0")


def resident_bytes(pid):
    """Of the process and its children; a page that a fork shares counts once."""
    pids = [pid]
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        pids += [int(child) for child in children.read().split()]
    total = 0
    for each in pids:
        with contextlib.suppress(OSError), open(f"/proc/{each}/smaps_rollup") as rollup:
            total += sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    return total * 1024


def filled(name, port, folder, keys, *options, **more):
    server = Server(name, port, options=("--dir", folder, *options), **more)
    server.load(fill=True, pipeline=64, keys=keys, data_bytes=VALUE_BYTES)
    return server


def saves(server):
    return server.info("rdb_bgsave_in_progress") == "1"


def bgsave_round(args, name):
    """Memory and the latency of reads, while somebody writes and a snapshot is taken."""
    with tempfile.TemporaryDirectory() as folder, \
            filled(name, args.port, folder, args.kept_keys, cores=BOTH_CORES) as server:
        load = {"keys": args.kept_keys, "core": BOTH_CORES, "data_bytes": VALUE_BYTES}
        before = resident_bytes(server.process.pid)
        calm = result_of(server.start_load(ratio="0:1", rate=2000, seconds=3, **load))
        writes = server.start_load(ratio="1:0", rate=20_000, seconds=600, **load)
        reads = server.start_load(ratio="0:1", rate=2000, seconds=args.bgsave_seconds, **load)
        time.sleep(0.5)
        start = time.monotonic()
        server.ask("BGSAVE")
        peak = before
        while saves(server):
            peak = max(peak, resident_bytes(server.process.pid))
            time.sleep(0.1)
        took = time.monotonic() - start
        read = result_of(reads)
        writes.kill()
        writes.communicate()
        return {"took": took, "peak": 100 * peak / before, "MB": before / 1e6,
                "calm": calm["latency_us"], "read": read["latency_us"]}


def mark_bgsave(args):
    """BGSAVE under writes: peak of memory, latency of GETs at a steady rate."""
    rows = []
    for number in range(args.rounds):
        for name in ("larder", "redis"):
            got = bgsave_round(args, name)
            rows.append({"server": name, "round": str(number), "MB before": round(got["MB"]),
                         "peak %": got["peak"], "took s": got["took"],
                         "calm worst ms": got["calm"]["max"] / 1e3,
                         "GET p99.9 ms": got["read"]["p99.9"] / 1e3,
                         "GET worst ms": got["read"]["max"] / 1e3})
    return f"BGSAVE of {args.kept_keys} keys, 20,000 SET/s and 2,000 GET/s meanwhile", rows


def save_round(args, name):
    with tempfile.TemporaryDirectory() as folder:
        with filled(name, args.port, folder, args.kept_keys, cores=BOTH_CORES,
                    threads=2) as server:
            start, cpu = time.monotonic(), server.cpu_seconds()
            server.ask("SAVE")
            saved = time.monotonic() - start, server.cpu_seconds() - cpu
        with open(os.path.join(folder, "dump.rdb"), "rb") as file:
            while file.read(1 << 24):  # into the page cache
                pass
        start = time.monotonic()
        with Server(name, args.port, cores=BOTH_CORES, threads=2,
                    options=("--dir", folder)) as server:
            while server.ask("PING") != "+PONG":
                time.sleep(0.01)
            loaded = time.monotonic() - start, server.cpu_seconds()
            assert server.ask("DBSIZE") == f":{args.kept_keys}", server.ask("DBSIZE")
        return saved + loaded


def mark_save(args):
    """SAVE, and a start with the file: time and CPU time."""
    rows = []
    for number in range(args.rounds):
        for name in ("larder", "redis"):
            got = save_round(args, name)
            rows.append({"server": name, "round": str(number), "save s": got[0],
                         "save CPU s": got[1], "load s": got[2], "load CPU s": got[3]})
    return f"save and load of {args.kept_keys} keys, two cores", rows


def mark_aof(args):
    """SET with an append-only file, `everysec`: CPU per operation."""
    rows = []
    with contextlib.ExitStack() as stack:
        running = []
        for i, (name, options) in enumerate((n, o) for n in ("larder", "redis")
                                            for o in ((), FSYNC)):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = stack.enter_context(filled(name, args.port + i, folder, args.keys, *options))
            running.append((server, "yes" if options else "no"))
        for number in range(args.rounds):
            for server, kept in running:
                got = server.load(pipeline=16, ratio="1:0", keys=args.keys, seconds=args.seconds,
                                  data_bytes=VALUE_BYTES)
                rows.append({"server": server.name, "round": str(number), "appendonly": kept,
                             "cpu us/op": got["cpu_us_per_op"],
                             "kops/s": got["requests_per_s"] / 1e3})
    return "SET, pipeline 16, append-only file with everysec", rows


@contextlib.contextmanager
def replicated(args, name, port):
    """A primary with data and a replica of its own kind that follows it."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two, \
            filled(name, port, one, args.keys, *BACKLOG) as primary, \
            Server(name, port + 1, cores="1",
                   options=("--dir", two, *BACKLOG, "--replicaof", f"127.0.0.1 {port}")) as replica:
        while replica.info("master_link_status") != "up":
            time.sleep(0.05)
        wait_caught_up(primary, replica)
        yield primary, replica


def wait_caught_up(primary, replica):
    """Seconds until the replica has what the primary had."""
    end = int(primary.info("master_repl_offset"))
    start = time.monotonic()
    while int(replica.info("slave_repl_offset")) < end:
        time.sleep(0.002)
    return time.monotonic() - start


class LagWatch(threading.Thread):
    """How long ago the replica's newest write was the primary's, sampled."""

    def __init__(self, primary, replica):
        super().__init__(daemon=True)
        self.primary, self.replica, self.lags, self.over = primary, replica, [], False

    def run(self):
        places = []  # (time, the primary's offset then)
        while not self.over:
            places.append((time.monotonic(), int(self.primary.info("master_repl_offset"))))
            has = int(self.replica.info("slave_repl_offset"))
            now = time.monotonic()
            newer = [when for when, offset in places if offset > has]
            self.lags.append(now - newer[0] if newer else 0.0)
            time.sleep(0.01)

    def stop(self):
        self.over = True
        self.join()
        self.lags.sort()
        return [1e3 * self.lags[int((len(self.lags) - 1) * share)] for share in (0.5, 0.99)]


def mark_replica(args):
    """SET with a replica attached: CPU per operation of the primary, and the replica's lag."""
    rows = []
    with replicated(args, "larder", args.port) as ours, \
            replicated(args, "redis", args.port + 2) as theirs:
        for number in range(args.rounds):
            for primary, replica in (ours, theirs):
                watch = LagWatch(primary, replica)
                watch.start()
                got = primary.load(pipeline=16, ratio="1:0", keys=args.keys,
                                   seconds=args.seconds, data_bytes=VALUE_BYTES)
                drained = wait_caught_up(primary, replica)
                median, worst = watch.stop()
                rows.append({"server": primary.name, "round": str(number),
                             "cpu us/op": got["cpu_us_per_op"],
                             "kops/s": got["requests_per_s"] / 1e3,
                             "lag p50 ms": median, "lag p99 ms": worst,
                             "drained ms": 1e3 * drained})
    return "SET, pipeline 16, one replica", rows


def mark_resync(args):
    """The link is cut for ten seconds at full write load."""
    rows = []
    for name in ("larder", "redis"):
        with replicated(args, name, args.port) as (primary, replica):
            full = primary.info("sync_full")
            load = primary.start_load(pipeline=16, ratio="1:0", keys=args.keys,
                                      seconds=args.cut_seconds + 2, data_bytes=VALUE_BYTES)
            time.sleep(1)
            replica.process.send_signal(signal.SIGSTOP)
            primary.ask("CLIENT", "KILL", "TYPE", "replica")
            time.sleep(args.cut_seconds)
            replica.process.send_signal(signal.SIGCONT)
            written = result_of(load)["requests"]
            while replica.info("master_link_status") != "up":
                time.sleep(0.01)
            caught_up = wait_caught_up(primary, replica)
            equal = primary.ask("DEBUG", "DIGEST") == replica.ask("DEBUG", "DIGEST")
            rows.append({"server": name, "written": str(written),
                         "full syncs": str(int(primary.info("sync_full")) - int(full)),
                         "partial": primary.info("sync_partial_ok"),
                         "caught up s": caught_up, "data equal": str(equal)})
    return f"a cut of {args.cut_seconds} s at full write load", rows


MARKS = {"bgsave": mark_bgsave, "save": mark_save, "aof": mark_aof, "replica": mark_replica,
         "resync": mark_resync}
