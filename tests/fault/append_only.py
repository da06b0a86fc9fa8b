#!/usr/bin/env python3
"""The append-only file in trouble: killed servers, full disks, broken files.

append_only.py LARDER_SERVER [test ...]      ROUNDS=50 for a longer hunt
"""
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import threading
import time

import lab
import nodes

ROUNDS = int(os.environ.get("ROUNDS", "3"))
MANIFEST = "appendonlydir/appendonly.aof.manifest"


def keeper(program, folder, *options, **more):
    server = lab.Server(program, "--dir", folder, "--appendonly", "yes", *options, **more)
    client = server.client()
    lab.wait_for(lambda: client.ask([b"PING"]) == ("simple", b"PONG"), "the data is loaded")
    client.close()
    return server


def fails_to_start(program, folder, *options):
    return lab.run_to_end(program, ["--port", str(lab.free_port()), "--dir", folder,
                                    "--appendonly", "yes", *options])


class Ledger(threading.Thread):
    """A client that sets n:ID to 1, 2, 3, ... and knows the last answered number and when."""
    AHEAD = 32

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.peer, self.number = server.connect(), number
        self.sent, self.acknowledged, self.times = 0, 0, []

    def run(self):
        try:
            while True:
                while self.sent < self.acknowledged + self.AHEAD:
                    self.sent += 1
                    self.peer.sendall(lab.request(f"SET n:{self.number} {self.sent}"))
                data = self.peer.recv(1 << 16)
                if not data:
                    return
                self.acknowledged += data.count(b"+OK\r\n")
                self.times.append((time.monotonic(), self.acknowledged))
        except OSError:
            pass

    def acknowledged_before(self, moment):
        return max((count for when, count in self.times if when <= moment), default=0)


def kill_under_load(program, folder, sync, dice):
    """Returns the ledgers and the moment of the death."""
    server = keeper(program, folder, "--appendfsync", sync)
    ledgers = [Ledger(server, number) for number in range(4)]
    for ledger in ledgers:
        ledger.start()
    time.sleep(0.2 + dice.random())
    if dice.random() < 0.5:
        server.ask("BGREWRITEAOF")
        time.sleep(dice.random() * 0.05)
    moment = time.monotonic()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    for ledger in ledgers:
        ledger.join(lab.PATIENCE_S)
    server.log.close()
    server.folder.cleanup()
    return ledgers, moment


def rounds_of_death(program, sync, lost_s):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    with lab.folder() as folder:
        for _ in range(ROUNDS):
            ledgers, moment = kill_under_load(program, folder, sync, dice)
            with keeper(program, folder) as server:
                for ledger in ledgers:
                    found = int(server.ask(f"GET n:{ledger.number}") or 0)
                    must = ledger.acknowledged_before(moment - lost_s) if lost_s \
                        else ledger.acknowledged
                    assert must <= found <= ledger.sent, (must, found, ledger.sent)
                server.ask("FLUSHALL")


def test_always_loses_nothing(program):
    rounds_of_death(program, "always", 0)


def test_everysec_loses_a_second_at_most(program):
    rounds_of_death(program, "everysec", 1)


SLOW_DISK = r"""
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int file) {
  usleep(20000);
  return (int)syscall(SYS_fdatasync, file);
}
"""


def test_a_slow_disk_is_known_to_latency(program):
    if lab.SANITIZED:  # their library must be the first
        return
    with lab.folder() as folder:
        library = folder + "/slow.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", library], input=SLOW_DISK,
                       text=True, check=True)
        os.environ["LD_PRELOAD"] = library
        server = keeper(program, folder, "--appendfsync", "always",
                        "--latency-monitor-threshold", 10)
        del os.environ["LD_PRELOAD"]
        with server:
            server.ask("SET k v")
            spikes = {spike[0][1]: spike[2][1]
                      for _, spike in server.client().ask(lab.words("LATENCY LATEST"))[1]}
            assert spikes.get(b"aof-fsync-always", 0) >= 20, spikes


def last_increment(folder):
    with open(f"{folder}/{MANIFEST}") as manifest:
        names = [line.split()[1] for line in manifest if line.rstrip().endswith("type i")]
    return f"{folder}/appendonlydir/{names[-1]}"


def test_a_truncated_end_is_cut_off(program):
    with lab.folder() as folder:
        with keeper(program, folder) as server:
            server.ask("SET a 1")
            client = server.client()
            for line in ("MULTI", "SET b 2", "SET c 3", "EXEC"):
                client.ask(lab.words(line))
        path = last_increment(folder)
        whole = os.path.getsize(path)
        os.truncate(path, whole - 7)  # in the middle of EXEC: all of the transaction goes
        code, said = fails_to_start(program, folder, "--aof-load-truncated", "no")
        assert code != 0 and "at offset" in said, said
        with keeper(program, folder) as server:
            assert server.ask("GET a") == b"1" and server.ask("DBSIZE") == 1
            server.ask("SET d 4")
        with keeper(program, folder) as server:
            assert server.ask("DBSIZE") == 2


def test_a_truncated_end_is_cut_off_while_a_rewrite_waits(program):
    """Also with the next increment listed, as a server that died a moment later leaves it."""
    for listed in (False, True):
        with lab.folder() as folder:
            server = keeper(program, folder, "--rdb-key-save-delay", "100000",
                            "--save", "", "--appendfsync", "always")
            for number in range(100):
                server.ask(f"SET key:{number} value")
            server.ask("BGSAVE")
            assert b"scheduled" in server.ask("BGREWRITEAOF")
            lab.wait_for(lambda: server.info("aof_rewrite_scheduled") == "1", "the rewrite waits")
            server.ask("SET last 1")
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
            server.log.close()
            server.folder.cleanup()
            path = f"{folder}/appendonlydir/appendonly.aof.1.incr.aof"
            os.truncate(path, os.path.getsize(path) - 7)
            if listed:
                with open(f"{folder}/{MANIFEST}", "a") as manifest:
                    manifest.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
                open(f"{folder}/appendonlydir/appendonly.aof.2.incr.aof", "wb").close()
            with keeper(program, folder) as server:
                assert server.ask("DBSIZE") == 100
                server.ask("SET more 1")
            with keeper(program, folder) as server:
                assert server.ask("DBSIZE") == 101


def test_due_fields_beyond_the_budget_are_in_the_file(program):
    with lab.folder() as folder:
        with keeper(program, folder, "--enable-debug-command", "yes") as server:
            client = server.client()
            client.ask(lab.words("DEBUG SET-ACTIVE-EXPIRE 0"))
            names = [b"f%d" % i for i in range(2000)]
            client.ask([b"HSET", b"h", *(word for name in names for word in (name, b"1"))])
            soon = int(time.time() * 1000) + 50
            client.ask([b"HPEXPIREAT", b"h", b"%d" % soon, b"FIELDS", b"2000", *names])
            lab.wait_for(lambda: client.ask(lab.words("HGET h f1999"))[1] is None, "they are due")
            for line in ("HINCRBY h f7 5", "HINCRBY h f1500 5", "HSETNX h f900 new",
                         "HSETEX h KEEPTTL FIELDS 1 f800 v"):
                client.ask(lab.words(line))
            fields = lab.words("HMGET h f7 f1500 f900 f800")
            found = client.ask(fields)
            client.close()
        with keeper(program, folder) as server:
            client = server.client()
            assert client.ask(fields) == found, (client.ask(fields), found)
            client.close()


def write_files(folder, base, *requests):
    """A base, and an increment of requests."""
    os.mkdir(f"{folder}/appendonlydir")
    for name, content in ((MANIFEST, b"file base seq 1 type b\nfile incr seq 1 type i\n"),
                          ("appendonlydir/base", base),
                          ("appendonlydir/incr", b"".join(map(lab.encode, requests)))):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(content)


def test_due_fields_of_the_base_may_be_given_more_time(program):
    """As keys may: what the increments say of them counts, not the clock of the start."""
    past = struct.pack("<q", 1000)
    fields = b"\x02" + b"\x01\x01a\x01v" + b"\x01\x01b\x01v"  # time, name, value
    base = b"REDIS0012" + b"\x18\x01h" + past + fields + b"\xff" + bytes(8)
    with lab.folder() as folder:
        write_files(folder, base, lab.words("HPERSIST h FIELDS 1 a"))
        with keeper(program, folder) as server:
            assert server.ask("HGET h a") == b"v" and server.ask("HGET h b") is None


def test_nothing_is_evicted_while_the_file_is_loaded(program):
    """Else a list would come back with nothing but the item that was pushed last."""
    with lab.folder() as folder:
        with keeper(program, folder, "--auto-aof-rewrite-percentage", "0") as server:
            client = server.client()
            for size, count in ((100, 20), (1, 1)):
                for number in range(1500):
                    client.ask([b"RPUSH", b"list:%d" % number, *[b"x" * size] * count])
                if count > 1:
                    server.ask("BGREWRITEAOF")
                    lab.wait_for(lambda: server.info("aof_rewrite_in_progress") == "0", "the base")
            client.close()
        with keeper(program, folder, "--maxmemory", "2500kb",
                    "--maxmemory-policy", "allkeys-lru") as server:
            client = server.client()
            lengths = {client.ask([b"LLEN", b"list:%d" % number])[1] for number in range(1500)}
            client.close()
            assert lengths == {0, 21}, lengths


def test_options_may_change_while_the_file_is_loaded(program):
    """Up to its end and beyond; what was set last is in force then."""
    with lab.folder() as folder:
        with keeper(program, folder) as server:
            client = server.client()
            for i in range(500):
                client.ask([b"SET", b"k:%d" % i, b"v"])
        with lab.Server(program, "--dir", folder, "--appendonly", "yes", "--appendfsync", "no",
                        "--key-load-delay", "1000") as server:
            client, rounds = server.client(), 0
            while server.info("loading") == "1" or rounds < 20:
                for sync in (b"no", b"always"):
                    assert client.ask([b"CONFIG", b"SET", b"appendfsync", sync]) == \
                        ("simple", b"OK")
                rounds += 1
            assert server.ask("DBSIZE") == 500 and server.info("aof_enabled") == "1"
            assert client.ask(lab.words("SET k v")) == ("simple", b"OK")
            assert client.ask(lab.words("WAITAOF 1 0 1000")) == \
                ("array", [("integer", 1), ("integer", 0)])


def test_scripts_in_the_file_run_on_a_replica(program):
    script = [b"EVAL", b"return redis.call('incr', KEYS[1])", b"1", b"n"]
    with lab.folder() as folder:
        write_files(folder, b"", script, [b"MULTI"], script, [b"EXEC"])
        with keeper(program, folder, "--replicaof", "127.0.0.1 0") as server:
            assert server.ask("GET n") == b"2"


def test_a_broken_middle_stops_the_start(program):
    with lab.folder() as folder:
        with keeper(program, folder) as server:
            for number in range(20):
                server.ask(f"SET key:{number} value")
        path = last_increment(folder)
        with open(path, "r+b") as file:
            text = file.read()
            at = text.index(b"key:7") - 4
            file.seek(at)
            file.write(b"!")
        code, said = fails_to_start(program, folder)
        assert code != 0, said
        assert f"at offset {at}" in said and os.path.basename(path) in said, said
        assert os.path.getsize(path) == len(text)


def test_an_old_file_is_adopted(program):
    """Also by a server whose predecessor died between listing and moving it. One that is in the
    folder is the base, whatever stands beside."""
    for listed, moved in ((False, False), (True, False), (True, True)):
        with lab.folder() as folder:
            with open(f"{folder}/appendonly.aof", "wb") as file:
                file.write(lab.request("SET a beside"))
            if listed:
                os.mkdir(f"{folder}/appendonlydir")
                with open(f"{folder}/{MANIFEST}", "w") as file:
                    file.write("file appendonly.aof seq 1 type b\n")
            if moved:
                with open(f"{folder}/appendonlydir/appendonly.aof", "wb") as file:
                    file.write(lab.request("SET a inside"))
            with keeper(program, folder) as server:
                assert server.ask("GET a") == (b"inside" if moved else b"beside")
                assert os.path.exists(f"{folder}/appendonly.aof") == moved
                with open(f"{folder}/{MANIFEST}") as file:
                    assert file.read() == ("file appendonly.aof seq 1 type b\n"
                                           "file appendonly.aof.1.incr.aof seq 1 type i\n")


def test_a_listed_file_that_is_missing_stops_the_start(program):
    with lab.folder() as folder:
        with keeper(program, folder) as server:
            server.ask("SET a 1")
        path = last_increment(folder)
        os.remove(path)
        code, said = fails_to_start(program, folder)
        assert code != 0 and f"{os.path.basename(path)} doesn't exist" in said, said


def test_bad_manifests_stop_the_start(program):
    for text in (b"", b"nonsense\n", b"file x seq 0 type b\n", b"file ../x seq 1 type b\n",
                 b"file a seq 2 type i\nfile b seq 1 type i\n", b"file a seq 1 type q\n",
                 b"file gone.base.aof seq 1 type b\n", b"file \"a seq 1 type b\n", b"x" * 5000):
        with lab.folder() as folder:
            os.mkdir(f"{folder}/appendonlydir")
            with open(f"{folder}/{MANIFEST}", "wb") as manifest:
                manifest.write(text)
            code, said = fails_to_start(program, folder)
            assert code != 0 and "appendonly" in said, (text, said)


def start_limited(program, folder, *options):
    """Its files may grow to 64 KiB only, as if the disk were full then."""
    server = keeper(program, folder, *options)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
    return server


def test_a_full_disk_refuses_writes_until_there_is_room(program):
    with lab.folder() as folder:
        with start_limited(program, folder) as server:
            client = server.client()
            value = b"x" * 1000
            count = 0

            def refused():
                nonlocal count
                kind, text = client.ask([b"SET", b"key:%d" % count, value])
                count += kind != "error"
                return kind == "error" and text.startswith(b"MISCONF Errors writing to the AOF")

            lab.wait_for(refused, "MISCONF")
            assert server.info("aof_last_write_status") == "err"
            assert server.ask("GET key:0") == value
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            lab.wait_for(lambda: not refused(), "writes go on")
            lab.wait_for(lambda: server.info("aof_last_write_status") == "ok", "all is well")
        with keeper(program, folder) as server:
            assert server.ask("DBSIZE") == count, (server.ask("DBSIZE"), count)


def test_a_full_disk_ends_a_server_that_promised_more(program):
    with lab.folder() as folder:
        server = start_limited(program, folder, "--appendfsync", "always")
        client, count = server.client(), 0
        try:
            while client.ask([b"SET", b"key:%d" % count, b"x" * 1000])[0] != "error":
                count += 1
        except (OSError, lab.resp.Closed):
            pass
        server.process.wait(lab.PATIENCE_S)
        assert server.process.returncode == 1, server.process.returncode
        server.log.close()
        server.folder.cleanup()
        with keeper(program, folder) as server:
            assert server.ask("DBSIZE") >= count


ONCE = b"""#!lua name=%s
redis.register_function('%s', function(keys) return redis.call('incr', keys[1]) end)"""


def functions_of(server):
    client = server.client()
    kind, found = client.ask(lab.words("FUNCTION LIST"))
    client.close()
    assert kind == "array", found
    return sorted(dict(zip(*[iter(value for _, value in library)] * 2))[b"library_name"]
                  for _, library in found)


def test_functions_stay(program):
    """In the increments, in a new base, and in a snapshot; what they write as what it is."""
    with lab.folder() as folder:
        with keeper(program, folder) as server:
            client = server.client()
            for name in (b"one", b"two"):
                assert client.ask([b"FUNCTION", b"LOAD", ONCE % (name, name)])[1] == name
            assert client.ask(lab.words("FCALL one 1 n")) == ("integer", 1)
        with keeper(program, folder) as server:
            assert functions_of(server) == [b"one", b"two"]
            assert server.ask("FCALL two 1 n") == 2
            server.ask("FUNCTION DELETE one")
            server.ask("BGREWRITEAOF")
            lab.wait_for(lambda: server.info("aof_rewrite_in_progress") == "0", "the new base")
            server.ask("SAVE")
        with keeper(program, folder) as server:
            assert functions_of(server) == [b"two"] and server.ask("FCALL two 1 n") == 3
        with lab.Server(program, "--dir", folder) as server:  # of the snapshot
            lab.wait_for(lambda: server.info("loading") == "0", "it is loaded")
            assert functions_of(server) == [b"two"] and server.ask("FCALL two 1 n") == 3


def test_waitaof(program):
    with lab.Server(program, "--appendonly", "yes", "--appendfsync", "everysec") as server:
        client, other = server.client(), server.client()
        for value in (b"1", b"2", b"3"):
            client.ask([b"SET", b"k", value])
            start = time.monotonic()
            assert client.ask(lab.words("WAITAOF 1 0 0")) == \
                ("array", [("integer", 1), ("integer", 0)])
            assert time.monotonic() - start < 5, "the disk is synced every second"
        client.send(lab.request("WAITAOF 1 1 0"))
        lab.wait_for(lambda: server.info("blocked_clients") == "1", "it waits for a replica")
        other.ask(lab.words("CONFIG SET appendonly no"))
        assert client.read() == ("error", b"ERR WAITAOF cannot be used when numlocal is set but "
                                          b"appendonly is disabled.")


def test_switching_on_and_off(program):
    with lab.folder() as folder:
        with lab.Server(program, "--dir", folder) as server:
            server.ask("SET before 1")
            server.ask("CONFIG SET appendonly yes")
            server.ask("SET during 1")
            lab.wait_for(lambda: server.info("aof_rewrite_in_progress") == "0", "the rewrite")
            assert server.info("aof_last_bgrewrite_status") == "ok"
            server.ask("SET after 1")
            server.ask("CONFIG SET appendonly no")
            server.ask("SET lost 1")
            lab.wait_for(lambda: os.path.exists(f"{folder}/{MANIFEST}"), "a manifest")
        with keeper(program, folder) as server:
            assert server.ask("EXISTS before during after lost") == 3
            server.ask("BGREWRITEAOF")
            server.ask("SET more 1")
            lab.wait_for(lambda: server.info("aof_rewrite_in_progress") == "0", "the rewrite")
        names = sorted(os.listdir(f"{folder}/appendonlydir"))
        assert len(names) == 3, names
        with keeper(program, folder) as server:
            assert server.ask("DBSIZE") == 4


def test_a_broken_manifest_keeps_it_off(program):
    """INFO says so; nothing in the folder is touched."""
    with lab.folder() as folder, lab.Server(program, "--dir", folder) as server:
        os.mkdir(f"{folder}/appendonlydir")
        with open(f"{folder}/{MANIFEST}", "w") as manifest:
            manifest.write("nonsense\n")
        server.ask("CONFIG SET appendonly yes")
        lab.wait_for(lambda: server.info("aof_last_bgrewrite_status") == "err", "it failed")
        assert server.info("aof_enabled") == "1"
        assert server.info("aof_rewrite_in_progress") == "0"
        assert "Invalid AOF manifest file" in server.log_text()
        assert os.listdir(f"{folder}/appendonlydir") == [os.path.basename(MANIFEST)]
        server.ask("CONFIG SET appendonly no")
        os.unlink(f"{folder}/{MANIFEST}")
        server.ask("CONFIG SET appendonly yes")
        lab.wait_for(lambda: server.info("aof_last_bgrewrite_status") == "ok", "it is mended")


def test_where_nothing_can_be_written_it_stays_off(program):
    with lab.folder() as folder, lab.Server(program, "--dir", folder) as server:
        with open(f"{folder}/appendonlydir", "w"):
            client = server.client()
            kind, text = client.ask(lab.words("CONFIG SET appendonly yes"))
            client.close()
        assert kind == "error" and b"Unable to turn on AOF. Check server logs." in text, text
        assert "appendonlydir: Not a directory" in server.log_text()
        assert server.ask("CONFIG GET appendonly")[1] == ("bulk", b"no")
        assert server.info("aof_enabled") == "0"
        os.unlink(f"{folder}/appendonlydir")
        server.ask("CONFIG SET appendonly yes")
        lab.wait_for(lambda: server.info("aof_rewrite_in_progress") == "0", "the first base")
        assert server.info("aof_last_bgrewrite_status") == "ok"


def test_a_rewrite_that_fails_is_not_tried_at_once_again(program):
    """Not by itself; who asks for it is heard."""
    options = ("--auto-aof-rewrite-min-size", "1kb", "--auto-aof-rewrite-percentage", "1")
    with lab.folder() as folder, keeper(program, folder, *options) as server:
        in_the_way = f"{folder}/appendonlydir/temp-rewriteaof-bg-{server.process.pid}.aof"
        os.mkdir(in_the_way)

        def failures():
            return server.log_text().count("Background AOF rewrite failed")

        def grow(count):
            client = server.client()
            for number in range(count):  # one at a time: the writer looks in between
                client.ask([b"SET", b"n:%d" % number, b"x" * 100])
            client.close()

        grow(50)
        lab.wait_for(lambda: failures() == 1, "the first one failed")
        size = int(server.info("aof_current_size"))
        grow(2000)
        lab.wait_for(lambda: int(server.info("aof_current_size")) > size + 200_000, "it grew")
        assert failures() == 1, "it was tried again"
        assert server.info("aof_last_bgrewrite_status") == "err"
        os.rmdir(in_the_way)
        rewrite(server)
        assert server.info("aof_last_bgrewrite_status") == "ok"
        assert len(listed(folder)) == 2


def copy_is_read(server, folder, reader):
    """Another server that starts with a copy of the folder has the same."""
    with lab.folder() as copy:
        shutil.copytree(f"{folder}/appendonlydir", f"{copy}/appendonlydir")
        with nodes.Node(reader, "--dir", copy, "--appendonly", "yes") as again:
            assert nodes.assert_same_data(server, again) > 100
            return again.raw("HPEXPIRETIME", "hash:8", "FIELDS", 1, "f1")


def rewrite_node(server):
    server.ask("BGREWRITEAOF")
    lab.wait_for(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0", "a base")


def test_a_base_of_requests(program):
    """aof-use-rdb-preamble no: it holds every type, for Redis, too."""
    with lab.folder() as folder, nodes.Node(
            program, "--dir", folder, "--appendonly", "yes", "--aof-use-rdb-preamble", "no",
            "--aof-timestamp-enabled", "yes") as server:
        nodes.fill(server)
        server.ask("XADD", "trimmed", "MAXLEN", 0, "5-1", "f", "v")
        server.ask("XGROUP", "CREATE", "trimmed", "readers", "$", "ENTRIESREAD", 1)
        server.ask("FUNCTION", "LOAD", ONCE % (b"one", b"one"))
        rewrite_node(server)
        assert listed(folder)[0] == ["appendonly.aof.2.base.aof", "b"]
        with open(f"{folder}/appendonlydir/appendonly.aof.2.base.aof", "rb") as base:
            assert base.read(4) == b"#TS:"
        copy_is_read(server, folder, nodes.REDIS)
        server.ask("HPEXPIRE", "hash:8", 900_000, "FIELDS", 1, "f1")
        rewrite_node(server)
        assert copy_is_read(server, folder, program) == server.raw(
            "HPEXPIRETIME", "hash:8", "FIELDS", 1, "f1")
        server.ask("CONFIG", "SET", "aof-use-rdb-preamble", "yes")
        rewrite_node(server)
        assert listed(folder)[0] == ["appendonly.aof.4.base.rdb", "b"]


def listed(folder):
    with open(f"{folder}/{MANIFEST}") as manifest:
        return [line.split()[1::4] for line in manifest]


def rewrite(server):
    server.ask("BGREWRITEAOF")
    lab.wait_for(lambda: server.info("aof_rewrite_in_progress") == "0", "the rewrite")


def test_history_is_kept_where_that_is_asked_for(program):
    with lab.folder() as folder, keeper(program, folder) as server:
        server.ask("CONFIG SET aof-disable-auto-gc yes")
        for _ in range(2):
            rewrite(server)
        past = [f"appendonly.aof.{name}" for name in
                ("2.incr.aof", "2.base.rdb", "1.incr.aof", "1.base.rdb")]
        now = [["appendonly.aof.3.base.rdb", "b"], ["appendonly.aof.3.incr.aof", "i"]]
        assert listed(folder) == [now[0], *[[name, "h"] for name in past], now[1]]
        assert set(past) < set(os.listdir(f"{folder}/appendonlydir"))
        server.ask("CONFIG SET aof-disable-auto-gc no")
        lab.wait_for(lambda: listed(folder) == now, "the history goes")
        assert not set(past) & set(os.listdir(f"{folder}/appendonlydir"))


def test_files_that_are_kept_no_more_can_be_loaded(program):
    with lab.Server(program, "--enable-debug-command", "yes") as server:
        server.ask("SET before 1")
        rewrite(server)
        server.ask("SET after 1")
        assert server.ask("DEBUG LOADAOF") == b"OK"
        assert server.ask("KEYS *") == [("bulk", b"before")]


if __name__ == "__main__":
    lab.main()
