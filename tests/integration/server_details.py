#!/usr/bin/env python3
"""What belongs to no family of commands: MONITOR, clients that hold too much, listeners, INFO's
fields, the out-of-memory score. Against us and redis-server. server_details.py LARDER_SERVER"""
import os
import re
import sys
import threading
import time

import listeners
from listeners import Client, check

KEYS = 30_000
WAIT_S = 20


def test_larder_monitor_cuts_no_reply(server):
    admin = Client(server)
    for first in range(0, KEYS, 1000):
        admin("MSET", *[word for n in range(first, first + 1000) for word in (f"key:{n}", "v")])
    busy, over = Client(server), threading.Event()

    def talk():
        while not over.is_set():
            busy("SET", "key:1", "v")
    talker = threading.Thread(target=talk)
    monitor = Client(server)
    check("MONITOR", monitor("MONITOR"), "OK")
    talker.start()
    try:
        for _ in range(20):
            monitor.tell("KEYS", "*")
            while (answer := monitor.read())[0] == "simple":
                assert answer[1].decode().split()[0].replace(".", "").isdigit(), answer
            check("kind", answer[0], "array")
            kinds = {kind for kind, _ in answer[1]}
            check("all of the reply", (len(answer[1]), kinds), (KEYS, {"bulk"}))
    finally:
        over.set()
        talker.join()


def total(admin, name):
    lines = [line for line in admin("CLIENT", "LIST").split("\n") if f"name={name} " in line]
    return int(re.search(r"tot-mem=(\d+)", lines[0]).group(1)) if lines else None


def test_clients_that_hold_too_much_go(server):
    """Each with another kind of memory."""
    admin = Client(server)
    admin("CLIENT", "NO-EVICT", "on")

    def evicted(name, *step):
        client = Client(server)
        client("CLIENT", "SETNAME", name)
        admin("CONFIG", "SET", "maxmemory-clients", "400000")
        try:
            for number in range(100_000):
                client(*[word.replace("#", str(number)) for word in step])
            gone = False
        except (OSError, listeners.resp.Closed):
            gone = True
        admin("CONFIG", "SET", "maxmemory-clients", "0")
        check(f"{name} was disconnected", gone, True)
        check(f"{name} is listed", total(admin, name), None)
    evicted("watcher", "WATCH", "key:#")
    evicted("subscriber", "SUBSCRIBE", "channel:#")
    evicted("pattern", "PSUBSCRIBE", "channel:#*")
    queuer = Client(server)
    queuer("CLIENT", "SETNAME", "queuer")
    queuer("MULTI")
    admin("CONFIG", "SET", "maxmemory-clients", "3000000")
    try:
        for _ in range(10):
            queuer("SET", "k", "v" * 500_000)
        gone = False
    except (OSError, listeners.resp.Closed):
        gone = True
    admin("CONFIG", "SET", "maxmemory-clients", "0")
    check("queuer was disconnected", gone, True)


def test_a_lowered_limit_holds_at_once(server):
    """The clients that hold most are gone at once, and no others. Two workers take turns, each
    until the other's largest is larger, so one may be asked in between."""
    admin, small, big = Client(server), Client(server), [Client(server) for _ in range(4)]
    admin("CLIENT", "NO-EVICT", "on")
    admin("CONFIG", "SET", "maxmemory-clients", "0")
    small("CLIENT", "SETNAME", "small")
    sent = b"*2\r\n$1000000\r\n"
    for number, client in enumerate(big):
        client("CLIENT", "SETNAME", f"big{number}")
        client.send(sent + b"v" * 1_000_000)
        while total(admin, f"big{number}") < 1_000_000:
            continue
    admin("CONFIG", "SET", "maxmemory-clients", "900000")
    wait_until(lambda: all(total(admin, f"big{number}") is None for number in range(4)))
    check("small", small("PING"), "PONG")
    admin("CONFIG", "SET", "maxmemory-clients", "0")


def test_a_slow_listener_goes_without_the_clock(server):
    """Who does not read its invalidations is disconnected by what is sent to it."""
    admin, listener, tracked = Client(server), Client(server), Client(server)
    admin("CLIENT", "NO-EVICT", "on")
    listener("CLIENT", "SETNAME", "listener")
    listener("SUBSCRIBE", "__redis__:invalidate")
    tracked("CLIENT", "TRACKING", "on", "REDIRECT", listener.id, "BCAST")
    key = "k" * 200_000
    increment = admin("SCRIPT", "LOAD", f"redis.call('INCR', '{key}')")
    admin("CONFIG", "SET", "maxmemory-clients", "3000000")
    admin("DEBUG", "PAUSE-CRON", "1")
    try:
        for _ in range(200):
            held = total(admin, "listener")
            if held is None:
                break
            assert held < 3_000_000, held
            tracked("EVALSHA", increment, "0")
    finally:
        admin("DEBUG", "PAUSE-CRON", "0")
        admin("CONFIG", "SET", "maxmemory-clients", "0")
    check("listener", total(admin, "listener"), None)


def test_monitors_are_normal_clients(server):
    admin, monitor = Client(server), Client(server)
    monitor("MONITOR")
    assert f"id={monitor.id} " in admin("CLIENT", "LIST", "TYPE", "normal")
    assert f"id={monitor.id} " not in admin("CLIENT", "LIST", "TYPE", "replica")


def test_monitors_see_the_database_of_a_command(server):
    """As it is behind SELECT; a script stands before what it calls."""
    asker, monitor = Client(server), Client(server)
    monitor("MONITOR")
    asker("SELECT", "3")
    asker("EVAL", "return redis.call('SELECT', 5)", "0")
    asker("MULTI")
    asker("SELECT", "4")
    asker("EXEC")
    lines = [monitor.push().split(" ", 3) for _ in range(6)]
    seen = [(line[1].strip("["), line[3].split('"')[1]) for line in lines]
    check("seen", seen, [("3", "SELECT"), ("3", "EVAL"), ("5", "SELECT"),
                         ("3", "MULTI"), ("4", "SELECT"), ("4", "EXEC")])


def test_a_pause_ends_before_the_next_request(server):
    admin, waiter = Client(server), Client(server)
    admin("CLIENT", "PAUSE", "100000", "WRITE")
    waiter.tell("BLPOP", "list", "0")
    while "blocked_clients:1\r" not in admin("INFO", "clients"):
        continue
    admin("CLIENT", "UNPAUSE")
    check("its command waits", admin("CLIENT", "UNBLOCK", waiter.id), 1)
    check("BLPOP", waiter.push(), None)


def test_larder_draws_expired_keys_of_a_pause(server):
    """Redis 7.0 looks for a key that is alive for ever."""
    admin = Client(server)
    admin("MULTI")
    admin("SET", "brief", "v", "PX", "1")
    admin("CLIENT", "PAUSE", "100000", "WRITE")
    admin("EXEC")
    while admin("GET", "brief") is not None:
        continue
    check("paused", admin("RANDOMKEY"), "brief")
    admin("CLIENT", "UNPAUSE")
    check("removed", admin("RANDOMKEY"), None)


def wait_until(condition):
    limit = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.01)


def fields(text):
    return {line.split(":")[0] for line in text.split("\r\n") if ":" in line}


def test_larder_has_redis_fields(server):
    """Exporters ask for them."""
    redis = listeners.servers.Server("redis", "redis-server", [])
    ours, theirs = Client(server), Client(redis)
    for client in (ours, theirs):
        client("SET", "k", "v")
        client("GET", "k")
    missing = fields(theirs("INFO", "everything")) - fields(ours("INFO", "everything"))
    check("missing in INFO", missing, set())
    names = [set(client("MEMORY", "STATS")[::2]) for client in (theirs, ours)]
    check("missing in MEMORY STATS", names[0] - names[1], set())
    redis.stop()


def memory(admin):
    return {name: int(value) for name, value in
            (line.split(":") for line in admin("INFO", "memory").split("\r\n") if ":" in line)
            if value.isdigit()}


def test_larder_a_backlog_leaves_room_for_data(server):
    """Tools take what is not counted off what is used, to know how far the limit is."""
    admin, replica = Client(server), Client(server)
    replica.tell("PSYNC", "?", "-1")
    said = b""
    while b"FULLRESYNC" not in said:
        said += replica.socket.recv(1000)
    for number in range(100):
        admin("SET", f"key:{number}", "v" * 1000)
    facts = memory(admin)
    assert facts["mem_replication_backlog"] > 50_000, facts
    check("all but the backlog counts", facts["mem_not_counted_for_evict"], 0)


def wait_for_used_memory(admin, bytes_min, bytes_max=1 << 60):
    end = time.monotonic() + WAIT_S
    while not bytes_min <= memory(admin)["used_memory"] <= bytes_max:
        assert time.monotonic() < end, f"{bytes_min} expected: {memory(admin)}"


def test_larder_counts_what_clients_keep(server):
    admin, queuer, listener, reader = (Client(server) for _ in range(4))
    before = memory(admin)["used_memory"]
    queuer("MULTI")
    for number in range(50):
        queuer("SET", f"key:{number}", "v" * 100_000)
    wait_for_used_memory(admin, before + 5_000_000)
    queuer("DISCARD")
    wait_for_used_memory(admin, 0, before + 1_000_000)
    listener.tell("SUBSCRIBE", *["channel:%d:" % number + "x" * 1000 for number in range(2000)])
    wait_for_used_memory(admin, before + 2_000_000)
    before = memory(admin)["used_memory"]
    admin("SET", "big", "v" * 30_000_000)
    reader.tell("GET", "big")
    reader.socket.recv(1)
    admin("DEL", "big")
    used = memory(admin)["used_memory"]
    assert used > before + 25_000_000, f"a reply that is being sent: {before}, {used}"


def test_a_plain_replica_need_not_wait(server):
    """Without capability eof it can't share a stream with others that may come."""
    admin, replica = Client(server), Client(server)
    admin("CONFIG", "SET", "repl-diskless-sync-delay", "3600")
    replica.tell("SYNC")
    said = b""
    while b"$" not in said:
        said += replica.socket.recv(1000)
    admin("CONFIG", "SET", "repl-diskless-sync-delay", "5")


DATA = """
SET text hello | SET number 12345 | SETRANGE raw 3 x | SET timed v PXAT 99999999999999
RPUSH list a 1 -7 """ + "x" * 9000 + """ | SADD ints 3 1 2 | SADD words b a c | HSET hash f v g w
ZADD scores 1.5 a -inf b 3 c 0.1 d | XADD stream 5-1 f v g w | XADD stream 6-0 f v
XGROUP CREATE stream group 0 | SELECT 3 | SET other x | PFADD log a b c | SELECT 0
"""


def test_larder_digests_as_redis(server):
    redis = listeners.servers.Server("redis", "redis-server", [])
    ours, theirs = Client(server), Client(redis)

    def same(*words):
        check(" ".join(words), ours(*words), theirs(*words))
    ours("FLUSHALL")
    same("DEBUG", "DIGEST")
    for line in DATA.strip().replace("\n", "|").split("|"):
        same(*line.split())
        same("DEBUG", "DIGEST")
    for client in (ours, theirs):
        client("SADD", "many", *range(2000))
        client("HSET", "wide", *[word for n in range(2000) for word in (f"f{n}", n)])
        client("ZADD", "ranks", *[word for n in range(2000) for word in (n / 7, f"m{n}")])
    keys = ours("KEYS", "*")
    same("DEBUG", "DIGEST-VALUE", *keys, "absent")
    same("DEBUG", "DIGEST")
    ours("FLUSHALL")
    redis.stop()


def test_larder_tells_its_listeners(server):
    admin = Client(server)
    assert f"listener0:name=tcp,bind=127.0.0.1,port={server.port}" in admin("INFO", "server")


def test_larder_refuses_clients_without_files(server):
    admin = Client(server)
    most = admin("CONFIG", "GET", "maxclients")[1]
    error = admin("CONFIG", "SET", "maxclients", "4000000000")
    assert "not able to handle the specified number of clients, try with" in error, error
    check("unchanged", admin("CONFIG", "GET", "maxclients")[1], most)
    check("fewer", admin("CONFIG", "SET", "maxclients", "100"), "OK")
    admin("CONFIG", "SET", "maxclients", most)


def score(server):
    with open(f"/proc/{server.process.pid}/oom_score_adj") as file:
        return int(file.read())


def test_oom_score(server):
    admin = Client(server)

    def config(*words):
        return admin("CONFIG", "SET", *words)
    base = score(server)
    check("on", config("oom-score-adj-values", "10 20 30", "oom-score-adj", "yes"), "OK")
    check("relative", score(server), base + 10)
    config("oom-score-adj-values", "15 20 30")
    check("changed", score(server), base + 15)
    admin("REPLICAOF", "127.0.0.1", "1")
    check("of a replica", score(server), base + 20)
    admin("REPLICAOF", "NO", "ONE")
    check("of a primary again", score(server), base + 15)
    config("oom-score-adj", "absolute")
    check("absolute", score(server), 15)
    config("oom-score-adj", "no")
    check("restored", score(server), base)
    config("oom-score-adj-values", "40 40 40")
    check("untouched", score(server), base)


def title(server):
    with open(f"/proc/{server.process.pid}/cmdline") as file:
        return file.read().rstrip("\0")


def test_process_title(server):
    admin = Client(server)

    def template(text):
        return admin("CONFIG", "SET", "proc-title-template", text)
    program = title(server).split()[0]
    plain = f"{program} 127.0.0.1:{server.port}"
    check("at the start", title(server), plain)
    check("set", template("{title} {{b {port} {tls-port} {listen-addr}{unixsocket} {server-mode}"),
          "OK")
    shown = f"{program} {{b {server.port} 0 127.0.0.1:{server.port}"
    check("shown", title(server), shown)
    check("refused", template("{nosuch}")[:29], "ERR CONFIG SET failed (possib")
    check("shown still", title(server), shown)
    check("longer than its room", template("x" * 100_000), "OK")
    check("cut", set(title(server)), {"x"})
    template("{title} {listen-addr} {server-mode}")
    check("as it was", title(server), plain)


def test_objects_freed_aside(server):
    """Counted by keys; what is not yet freed waits."""
    admin = Client(server)

    def lazyfree(field):
        return int(re.search(rf"lazyfree{field}_objects:(\d+)", admin("INFO", "memory")).group(1))
    admin("CONFIG", "RESETSTAT")
    admin("MSET", *[word for n in range(100) for word in (f"key:{n}", "v")])
    admin("FLUSHALL", "ASYNC")
    wait_until(lambda: lazyfree("_pending") == 0)
    check("freed", lazyfree("d"), 100)
    admin("CONFIG", "RESETSTAT")
    check("from now on", lazyfree("d"), 0)


def test_values_freed_aside(server):
    """Of more pieces than 64, where the command or an option says so; as Redis counts them."""
    admin = Client(server)

    def freed(*command, pieces=65):
        admin("DEL", "other", "value")
        admin("SADD", "value", *[f"member:{n}" for n in range(pieces + 100)])
        admin("SREM", "value", *[f"member:{n}" for n in range(pieces, pieces + 100)])
        admin("SET", "other", "v")
        admin("CONFIG", "RESETSTAT")
        admin(*command)
        wait_until(lambda: "lazyfree_pending_objects:0" in admin("INFO", "memory"))
        return int(re.search(r"lazyfreed_objects:(\d+)", admin("INFO", "memory")).group(1))

    def with_option(option, *command):
        admin("CONFIG", "SET", option, "yes")
        count = freed(*command)
        admin("CONFIG", "SET", option, "no")
        return count
    check("unlinked", freed("UNLINK", "value"), 1)
    check("a small one", freed("UNLINK", "value", pieces=64), 0)
    commands = {"user-del": ("DEL", "value"), "server-del": ("RENAME", "other", "value"),
                "expire": ("EXPIRE", "value", "-1"), "user-flush": ("FLUSHALL",)}
    for option, command in commands.items():
        check(f"without {option}", freed(*command), 0)
        check(option, with_option("lazyfree-lazy-" + option, *command) > 0, True)


def spikes(admin):
    return {event[0] for event in admin("LATENCY", "LATEST")}


def forget_spikes(admin):
    admin("CONFIG", "SET", "latency-monitor-threshold", 0)
    admin("LATENCY", "RESET")


def test_expiry_is_watched(server):
    """What takes long is known to LATENCY."""
    admin = Client(server)
    admin("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    admin("EVAL", "for i = 1, 200000 do redis.call('SET', i, 'v', 'PX', 1) end", 0)
    admin("CONFIG", "SET", "latency-monitor-threshold", 1)
    admin("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    wait_until(lambda: "expire-cycle" in spikes(admin))
    forget_spikes(admin)
    stats = figures(admin, "stats")
    check("processor time", int(stats["expire_cycle_cpu_milliseconds"]) > 0, True)
    check("stopped early", int(stats["expired_time_cap_reached_count"]) > 0, True)


def test_eviction_is_watched(server):
    admin = Client(server)
    admin("EVAL", "for i = 1, 200000 do redis.call('SET', i, 'v') end", 0)
    admin("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "latency-monitor-threshold", 1,
          "maxmemory-eviction-tenacity", 100, "maxmemory", memory(admin)["used_memory"] + 2_000_000)
    admin("SET", "big", "v" * 8_000_000)
    admin("PING")
    check("known", "eviction-cycle" in spikes(admin), True)
    admin("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction",
          "maxmemory-eviction-tenacity", 10)
    forget_spikes(admin)


def test_serving_is_watched(server):
    """Apart from commands: it takes time of another client's."""
    admin, waiting = Client(server), Client(server)
    waiting.tell("BLMPOP", 0, 1, "served", "LEFT", "COUNT", 300_000)
    wait_until(lambda: "blocked_clients:1" in admin("INFO", "clients"))
    admin("CONFIG", "SET", "latency-monitor-threshold", 1)
    admin("RPUSH", "served", *["value"] * 300_000)
    waiting.read()
    check("known", "command-unblocking" in spikes(admin), True)
    forget_spikes(admin)


def test_writing_the_log_is_watched(server):
    admin = Client(server)
    admin("CONFIG", "SET", "appendonly", "yes", "latency-monitor-threshold", 1)
    wait_until(lambda: "aof_rewrite_in_progress:0" in admin("INFO", "persistence"))
    admin("LATENCY", "RESET")
    admin("SET", "big", "v" * 60_000_000)
    wait_until(lambda: {"aof-write", "aof-write-alone"} <= spikes(admin))
    admin("CONFIG", "SET", "appendonly", "no")
    forget_spikes(admin)


def requests_of(stream):
    """Of a replication stream that has no line ends in its words. Pings come when they like."""
    lines, requests = stream.decode("latin-1").split("\r\n"), []
    while lines and lines[0].startswith("*"):
        count = int(lines.pop(0)[1:])
        words, lines = lines[1:2 * count:2], lines[2 * count:]
        if words[0].upper() != "PING":
            requests.append(" ".join([words[0].upper()] + words[1:]))
    return requests


def test_what_replicas_are_told(server):
    """SELECT only where the database changes, DEL for an expired key that somebody waits for and
    is asked for (7.0: at once), RESTORE in the words that were sent."""
    admin, waiting, replica = Client(server), Client(server), Client(server)
    admin("CONFIG", "SET", "repl-diskless-sync-delay", "0", "save", "3600 1")
    admin("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    replica.tell("SYNC")
    wait_until(lambda: "state=online" in admin("INFO", "replication"))
    admin("SET", "the", "beginning")
    payload = admin.ask([b"DUMP", b"the"])[1]
    admin("FLUSHALL")
    waiting.tell("BRPOP", "k", 0)
    wait_until(lambda: "blocked_clients:1" in admin("INFO", "clients"))
    for request in ("MULTI", "RPUSH k v", "PEXPIRE k 10", "DEBUG SLEEP 0.05", "EXEC", "EXISTS k",
                    "SET timed v pxat 99999999999999"):
        admin(*request.split())
    admin("RESTORE", "copy", 99999999999999, payload, "absttl")
    admin("RESTORE", "copy", 0, payload, "REPLACE")
    admin("SET", "the", "end")
    stream = b""
    while b"$3\r\nend\r\n" not in stream:
        stream += replica.socket.recv(65536)
    told = requests_of(stream[stream.index(b"$9\r\nbeginning\r\n") + 15:])
    told[3] = told[3][:len("PEXPIREAT k")]
    restored = payload.decode("latin-1")
    check("told", told, ["FLUSHALL", "MULTI", "RPUSH k v", "PEXPIREAT k", "EXEC", "DEL k",
                         "SET timed v PXAT 99999999999999",
                         f"RESTORE copy 99999999999999 {restored} absttl",
                         f"RESTORE copy 0 {restored} REPLACE", "SET the end"])
    admin("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_replicas_are_told_of_restore_as_asked(server):
    """With an absolute time; how the key was used is not lost on the way."""
    admin, replica = Client(server), Client(server)
    admin("CONFIG", "SET", "repl-diskless-sync-delay", "0", "save", "3600 1")
    replica.tell("SYNC")
    wait_until(lambda: "state=online" in admin("INFO", "replication"))
    admin("SET", "one", "beginning")
    payload = admin.ask([b"DUMP", b"one"])[1]
    admin("RESTORE", "a", 0, payload)
    admin("RESTORE", "a", 0, payload, "REPLACE", "idletime", 100)
    admin("RESTORE", "b", 100_000, payload, "FREQ", 7)
    admin("RESTORE", "c", 99999999999999, payload, "absttl")
    admin("SET", "the", "end")
    stream = b""
    while b"$3\r\nend\r\n" not in stream:
        stream += replica.socket.recv(65536)
    stream = stream[stream.index(b"$9\r\nbeginning\r\n") + 15:]
    told = requests_of(stream.replace(payload, b"PAYLOAD"))
    told[2] = told[2].replace(told[2].split()[2], "TIME")
    check("told", told, ["RESTORE a 0 PAYLOAD", "RESTORE a 0 PAYLOAD REPLACE idletime 100",
                         "RESTORE b TIME PAYLOAD FREQ 7 ABSTTL",
                         "RESTORE c 99999999999999 PAYLOAD absttl", "SET the end"])


def test_who_is_served_is_not_blocked(server):
    """Known to whoever has the answer to the write, on whatever worker the others are."""
    admin = Client(server)
    for number in range(50):
        waiting = Client(server)
        waiting.tell("BLPOP", "served", 0)
        wait_until(lambda: "blocked_clients:1" in admin("INFO", "clients"))
        admin("RPUSH", "served", number)
        assert "blocked_clients:0" in admin("INFO", "clients"), number
        waiting.read()
    check("none", "blocked_clients:0" in admin("INFO", "clients"), True)


def figures(admin, section):
    return dict(line.split(":", 1) for line in admin("INFO", section).split("\r\n") if ":" in line)


def test_who_waits_for_a_time_is_counted(server):
    admin, waiting = Client(server), Client(server)
    for seconds, count in ((100, "1"), (0, "0")):
        waiting.tell("BLPOP", "nothing", seconds)
        wait_until(lambda: figures(admin, "clients")["blocked_clients"] == "1")
        check(f"with {seconds}", figures(admin, "clients")["clients_in_timeout_table"], count)
        admin("RPUSH", "nothing", "v")
        waiting.read()
    waiting.tell("BLPOP", "nothing", "0.05")
    waiting.read()
    check("none", figures(admin, "clients")["clients_in_timeout_table"], "0")


def test_errors_of_those_who_wait_are_counted(server):
    admin, waiting = Client(server), Client(server)
    for wait in (("WAIT", 5, 0), ("BLPOP", "nothing", 0)):
        admin("CONFIG", "RESETSTAT")
        waiting.tell(*wait)
        wait_until(lambda: figures(admin, "clients")["blocked_clients"] == "1")
        admin("CLIENT", "UNBLOCK", waiting.id, "ERROR")
        waiting.read()
        check(wait[0], figures(admin, "errorstats"), {"errorstat_UNBLOCKED": "count=1"})
        counted = figures(admin, "commandstats")["cmdstat_" + wait[0].lower()]
        check(wait[0], (counted.split(",")[0], counted.split(",")[-1]),
              ("calls=1", "failed_calls=1"))


def test_time_over_the_limit_is_counted(server):
    admin = Client(server)
    admin("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1)

    def over(field):
        admin("SET", "k", "v")
        return int(figures(admin, "stats")[field]) > 0
    wait_until(lambda: over("current_eviction_exceeded_time"))
    admin("CONFIG", "SET", "maxmemory", "4gb")
    wait_until(lambda: not over("current_eviction_exceeded_time"))
    check("in all", over("total_eviction_exceeded_time"), True)
    admin("CONFIG", "SET", "maxmemory", 0)
    check("startup", memory(admin)["used_memory_startup"] > 0, True)


def test_clients_are_told_of(server):
    admin, client = Client(server), Client(server)

    def fact(name):
        line = admin("CLIENT", "LIST", "ID", client.id)
        return re.search(rf" {name}=(\S*)", line).group(1)
    check("reply buffer of a new client", fact("rbs"), "16384")
    client("MULTI")
    client("GET", "k")
    check("queued", [fact(name) for name in ("flags", "multi", "cmd")], ["x", "1", "get"])
    client("CLIENT", "INFO")
    assert f"id={client.id} " in client("EXEC")[1]
    check("over", [fact(name) for name in ("flags", "multi", "cmd")], ["N", "-1", "exec"])
    client("GET")
    check("refused", fact("cmd"), "get")
    client("NOSUCH")
    check("not known", fact("cmd"), "NULL")


def test_a_limit_that_nothing_keeps(server):
    """No policy is named: nothing goes for it."""
    client = Client(server)
    client("SET", "kept", "x")
    client("MULTI")
    client("GET", "kept")
    client("CONFIG", "SET", "maxmemory", 1)
    check("transaction", client("EXEC"), ["x", "OK"])
    assert "OOM" in client("SET", "k", "v")
    check("still there", client("GET", "kept"), "x")
    check("policy", client("CONFIG", "GET", "maxmemory-policy")[1], "noeviction")
    client("CONFIG", "SET", "maxmemory", 0)


def test_configuration_beside_transactions(server):
    """Who changes an option may wait for what a transaction holds, which may ask for options."""
    done = []

    def change():
        client = Client(server)
        for _ in range(200):
            for classes in ("AKEn", ""):
                answer = client("CONFIG", "SET", "notify-keyspace-events", classes)
                check("CONFIG SET", answer, "OK")
        done.append("changes")

    def transact(first):
        client = Client(server)
        for _ in range(200):
            client.tell("MULTI")
            for key in range(first, first + 20):
                client.tell("SET", f"key:{key}", "v")
            client.tell("CONFIG", "GET", "maxmemory")
            client.tell("EXEC")
            for _ in range(22):
                client.read()
            check("results", len(client.read()[1]), 21)
        done.append("transactions")

    threads = [threading.Thread(target=change, daemon=True)] + [
        threading.Thread(target=transact, args=(first,), daemon=True) for first in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    check("ended", sorted(done), ["changes", "transactions", "transactions"])


def test_the_whole_server_sleeps(server):
    """The clients are of different workers."""
    sleeper, others = Client(server), [Client(server) for _ in range(3)]
    for client in others:
        client("PING")
    began = time.monotonic()
    sleeper.tell("DEBUG", "SLEEP", 0.5)
    time.sleep(0.1)
    for client in others:
        client.tell("PING")
    for client in others:
        check("PING", client.push(), "PONG")
        check("slept until then", time.monotonic() - began >= 0.5, True)


def main():
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    chosen = sys.argv[2:]
    if chosen:
        tests = [test for test in tests if any(word in test.__name__ for word in chosen)]
    for test in tests:
        test.__name__ = test.__name__.removeprefix("test_")
    sys.exit(listeners.run(os.path.abspath(sys.argv[1]), tests, ["--enable-debug-command", "yes"]))


if __name__ == "__main__":
    main()
