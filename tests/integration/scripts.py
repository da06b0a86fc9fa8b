#!/usr/bin/env python3
"""Scripts that run long, that are killed, that reach for keys they did not name.

What must hold: a long script keeps nobody waiting but those who need its shards; they and requests
about no key get BUSY after the threshold; SCRIPT KILL ends one that wrote nothing; scripts on keys
they did not declare, MSET, EXEC and SUNIONSTORE at the same time neither deadlock nor tear.
Usage: scripts.py LARDER_SERVER [--seed N]
"""
import argparse
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "conformance"))
import resp  # noqa: E402
import servers  # noqa: E402

THRESHOLD_MS = 400
ACCOUNTS, START, ROUNDS = 8, 1000, 300
NAMES = [b"account:%d" % i for i in range(ACCOUNTS)]
LOOP = b"while true do end"
TRANSFER = (b"local a, b, n = ARGV[1], ARGV[2], tonumber(ARGV[3])\n"
            b"redis.call('set', a, tonumber(redis.call('get', a)) - n)\n"
            b"redis.call('set', b, tonumber(redis.call('get', b)) + n)")
SUM = (b"local s = 0 for i = 0, 7 do s = s + tonumber(redis.call('get', 'account:' .. i)) end "
       b"return s")


def ask(connection, *words):
    """The reply's kind and value."""
    return connection.ask([word if isinstance(word, bytes) else str(word).encode()
                           for word in words])


def must(reply):
    kind, value = reply
    if kind == "error":
        raise AssertionError(value.decode())
    return value


def is_error(reply, prefix):
    kind, value = reply
    if kind != "error" or not value.startswith(prefix):
        raise AssertionError(f"{prefix} was expected, it was {reply}")


def until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.002)


def start(port, *words):
    """A client that asks and does not wait for the reply; `finish` does."""
    connection = resp.Connection(port, 2)
    thread = threading.Thread(target=lambda: setattr(connection, "last", ask(connection, *words)))
    thread.start()
    return connection, thread


def finish(started):
    connection, thread = started
    thread.join(10)
    if thread.is_alive():
        raise AssertionError("a reply never came")
    return connection.last


def gets_busy(connection):
    return ask(connection, "PING")[0] == "error"


def answers_at_once(port, name):
    connection = resp.Connection(port, 2)
    connection.socket.settimeout(0.05)
    try:
        return ask(connection, "GET", name)[0] != "error"
    except TimeoutError:
        return False
    finally:
        connection.close()


def key_beside_script(port):
    """One that no running script keeps waiting. Where keys live differs from start to start: one of
    some thirty shares its shard with another."""
    names = (b"free:%d" % i for i in range(6))
    free = next((name for name in names if answers_at_once(port, name)), None)
    if free is None:
        raise AssertionError("a script on one key keeps six others waiting")
    return free


def long_script(port):
    """A loop on one key: others go on; PING and that key get BUSY after the threshold."""
    others = [resp.Connection(port, 2) for _ in range(4)]  # on both workers
    must(ask(others[0], "SET", "held", "x"))
    running = start(port, "EVAL", LOOP, 1, "held")
    time.sleep(0.05)
    free = key_beside_script(port)
    for connection in others:  # before the threshold nothing is refused
        must(ask(connection, "PING"))
        must(ask(connection, "GET", free))
    waiting = [start(port, "GET", "held") for _ in range(2)]
    until(lambda: gets_busy(others[0]), "BUSY")
    for connection in others:
        is_error(ask(connection, "PING"), b"BUSY Redis is busy running a script. You can only call "
                 b"SCRIPT KILL or SHUTDOWN NOSAVE.")
        is_error(ask(connection, "GET", "held"), b"BUSY")
        is_error(ask(connection, "EVAL", "return 1", 0), b"BUSY")
        must(ask(connection, "GET", free))
        must(ask(connection, "SET", free, "z"))
        is_error(ask(connection, "FUNCTION", "KILL"), b"BUSY")
    for request in waiting:
        is_error(finish(request), b"BUSY")
    must(ask(others[1], "SCRIPT", "KILL"))
    is_error(finish(running), b"ERR Script killed by user with SCRIPT KILL.")
    for connection in others:
        must(ask(connection, "PING"))
        must(ask(connection, "GET", "held"))
    is_error(ask(others[0], "SCRIPT", "KILL"), b"NOTBUSY")


def transactions(port):
    """Between MULTI and EXEC, and by EXEC itself, nothing is half done."""
    running = start(port, "EVAL", LOOP, 0)
    client, queued = resp.Connection(port, 2), resp.Connection(port, 2)
    must(ask(queued, "MULTI"))
    must(ask(queued, "INCR", "xx"))
    until(lambda: gets_busy(client), "BUSY")
    must(ask(client, "MULTI"))
    is_error(ask(client, "INCR", "xx"), b"BUSY")
    is_error(ask(queued, "EXEC"), b"EXECABORT Transaction discarded because of: BUSY")
    must(ask(resp.Connection(port, 2), "SCRIPT", "KILL"))
    finish(running)
    is_error(ask(client, "EXEC"), b"EXECABORT Transaction discarded because of previous errors.")


def killed_in_spite_of_pcall(port):
    code = (b"local f = function() while 1 do redis.call('ping') end end "
            b"while 1 do pcall(f) end")
    running = start(port, "EVAL", code, 0)
    client = resp.Connection(port, 2)
    until(lambda: gets_busy(client), "BUSY")
    must(ask(client, "SCRIPT", "KILL"))
    is_error(finish(running), b"ERR Script killed by user")
    must(ask(client, "EVAL", "return 1", 0))


def killed_in_coroutine(port):
    running = start(port, "EVAL", b"local c = coroutine.wrap(function() " + LOOP + b" end) "
                    b"while true do pcall(c) end", 0)
    client = resp.Connection(port, 2)
    until(lambda: gets_busy(client), "BUSY")
    must(ask(client, "SCRIPT", "KILL"))
    is_error(finish(running), b"ERR Script killed by user")


def killed_between_long_steps(port):
    """Of few instructions each, which libraries work on."""
    table = b"local t = {} for i = 1, 200000 do t[i] = i end "
    for step in (b"cjson.encode(t)", b"cmsgpack.pack(t)", b"table.sort(t)", b"cjson.decode(json)",
                 b"cmsgpack.unpack(packed)", b"redis.sha1hex(json)",
                 b"string.rep('x', 1000000)", b"string.gsub(json, ',', ';')"):
        running = start(port, "EVAL", table + b"local json, packed = cjson.encode(t), "
                        b"cmsgpack.pack(t) while true do " + step + b" end", 0)
        client = resp.Connection(port, 2)
        until(lambda: ask(client, "SCRIPT", "KILL") == ("simple", b"OK"), "a script")
        is_error(finish(running), b"ERR Script killed")
        client.close()


def closed_meanwhile(port):
    """The client of a long script, a blocked one and a watching one hang up."""
    running = resp.Connection(port, 2)
    blocked, watching = resp.Connection(port, 2), resp.Connection(port, 2)
    must(ask(watching, "WATCH", "held"))
    waiting = start(port, "BLPOP", "held-list", 0.1)
    running.socket.sendall(b"*4\r\n$4\r\nEVAL\r\n$17\r\n" + LOOP + b"\r\n$1\r\n1\r\n$4\r\nheld\r\n")
    client = resp.Connection(port, 2)
    until(lambda: gets_busy(client), "BUSY")
    for connection in (running, blocked, watching):
        connection.close()
    must(ask(client, "SCRIPT", "KILL"))
    until(lambda: not gets_busy(client), "the end of the script")
    finish(waiting)  # its list may lie in the shard that the script held
    must(ask(client, "SET", "held", 1))


def logged(server):
    """Lines of redis.log are there when the script is answered; of a long script, sooner."""
    def lines():
        with open(server.log.name, errors="replace") as log:
            return [line.split()[-1] for line in log if "logged-" in line]
    client = resp.Connection(server.port, 2)
    code = b"for i = 1, 50 do redis.log(redis.LOG_WARNING, 'logged-' .. i) end"
    must(ask(client, "EVAL", code, 0))
    if lines() != [f"logged-{i}" for i in range(1, 51)]:
        raise AssertionError(f"the log has {lines()}")
    must(ask(client, "MULTI"))
    must(ask(client, "EVAL", b"redis.log(redis.LOG_WARNING, 'logged-exec')", 0))
    must(ask(client, "EXEC"))
    if lines()[-1] != "logged-exec":
        raise AssertionError(f"the log has {lines()}")
    must(ask(client, "DEBUG", "LOG", "logged-mark"))
    if lines()[-1] != "logged-mark":
        raise AssertionError(f"the log has {lines()}")
    running = start(server.port, "EVAL", b"redis.log(redis.LOG_WARNING, 'logged-long') " + LOOP, 0)
    until(lambda: lines()[-1] == "logged-long", "a line of a script that runs long")
    must(ask(client, "SCRIPT", "KILL"))
    finish(running)


def memory_eater(port):
    client = resp.Connection(port, 2)
    code = b"local t = {} for i = 1, 1e9 do t[i] = {i, i, i} end"
    is_error(ask(client, "EVAL", code, 0), b"ERR not enough memory")
    if must(ask(client, "EVAL", "return 7", 0)) != 7:
        raise AssertionError("no script runs after one that ate memory")


def in_thread(work, failures, *args):
    def run():
        try:
            work(*args)
        except Exception as error:  # shown by the main thread
            failures.append(f"{work.__name__}: {error!r}")
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def transfer(port, rng):
    connection = resp.Connection(port, 2)
    for _ in range(ROUNDS):
        a, b = rng.sample(NAMES, 2)
        must(ask(connection, "EVAL", TRANSFER, 0, a, b, rng.randrange(10)))


def disturb(port, rng):
    connection = resp.Connection(port, 2)
    for _ in range(ROUNDS):
        a, b = rng.sample(NAMES, 2)
        must(ask(connection, "MSET", "m1", 1, "m2", 2, "m3", 3, "m4", 4))
        must(ask(connection, "SUNIONSTORE", "u1", "u2", "u3", "u4"))
        must(ask(connection, "MULTI"))
        must(ask(connection, "INCRBY", a, 1))
        must(ask(connection, "EVAL", "return redis.call('decrby', ARGV[1], 1)", 0, b))
        must(ask(connection, "EXEC"))
        must(ask(connection, "DBSIZE"))


def undeclared_keys(port, seed):
    client = resp.Connection(port, 2)
    for name in NAMES:
        must(ask(client, "SET", name, START))
    failures = []
    threads = [in_thread(transfer, failures, port, random.Random(f"{seed} {i}")) for i in range(3)]
    threads += [in_thread(disturb, failures, port, random.Random(f"{seed} d{i}"))
                for i in range(2)]
    while any(thread.is_alive() for thread in threads):
        total = int(must(ask(client, "EVAL", SUM, 0)))
        if total != ACCOUNTS * START:
            failures.append(f"the sum was {total}")
            break
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError("; ".join(failures))


def others_effects_stay_theirs(program):
    """A key of another client ends beside a transaction's long script: its removal stands in the
    file before what is written to the key then, not with the transaction's effects at its end."""
    server = servers.Server("larder", program, ["--threads", "1", "--appendonly", "yes",
                                                "--enable-debug-command", "yes"])
    try:
        client = resp.Connection(server.port, 2)
        probe = start(server.port, "EVAL", LOOP, 1, "held")
        time.sleep(0.05)
        free = key_beside_script(server.port)
        must(ask(client, "SCRIPT", "KILL"))
        finish(probe)
        must(ask(client, "SET", free, "old", "PX", 150))
        running = resp.Connection(server.port, 2)
        must(ask(running, "MULTI"))
        must(ask(running, "EVAL", "local e = os.clock() + 0.6 while os.clock() < e do end "
                                  "return redis.call('SET', KEYS[1], 1)", 1, "held"))
        running.socket.sendall(resp.encode([b"EXEC"]))
        until(lambda: must(ask(client, "GET", free)) is None, "the key ends")
        must(ask(client, "SET", free, "new"))
        must(running.read())
        must(ask(client, "DEBUG", "LOADAOF"))
        value = must(ask(client, "GET", free))
        if value != b"new":
            raise AssertionError(f"acknowledged, then lost: {value}")
    finally:
        server.stop()


def many_libraries(port):
    """The thousandth library is loaded in about the time of the first."""
    client = resp.Connection(port, 2)

    def load(begin, end):
        began = time.monotonic()
        for i in range(begin, end):
            must(ask(client, "FUNCTION", "LOAD", f"#!lua name=lib{i}\n"
                     f"redis.register_function('f{i}', function() return {i} end)"))
        return time.monotonic() - began
    first = load(0, 300)
    load(300, 3000)
    last = load(3000, 3300)
    if last > 5 * first and not os.environ.get("SANITIZED_BUILD"):
        raise AssertionError(f"300 libraries took {first:.3f} s, later {last:.3f} s")
    if must(ask(client, "FCALL", "f3299", 0)) != 3299:
        raise AssertionError("the last function")
    must(ask(client, "FUNCTION", "FLUSH"))


def ended_by_shutdown(server):
    """A script that wrote cannot be killed, but SHUTDOWN NOSAVE ends it."""
    running = start(server.port, "EVAL", b"redis.call('set', KEYS[1], 1) " + LOOP, 1, "x")
    client = resp.Connection(server.port, 2)
    until(lambda: gets_busy(client), "BUSY")
    is_error(ask(client, "SCRIPT", "KILL"), b"UNKILLABLE")
    is_error(ask(client, "PING"), b"BUSY")
    is_error(ask(client, "FUNCTION", "KILL"), b"UNKILLABLE")
    for words in (["SHUTDOWN"], ["SHUTDOWN", "SAVE"], ["SHUTDOWN", "NOW", "FORCE"]):
        is_error(ask(client, *words), b"BUSY")
    is_error(ask(client, "SHUTDOWN", "ABORT"), b"ERR No shutdown in progress")
    client.socket.sendall(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")
    server.process.wait(timeout=10)
    running[1].join(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("larder")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print("seed", options.seed)
    server = servers.Server("larder", options.larder,
                            ["--threads", "2", "--busy-reply-threshold", str(THRESHOLD_MS),
                             "--script-maxmemory", "64mb", "--enable-debug-command", "yes"])
    for test in (long_script, transactions, killed_in_spite_of_pcall, killed_in_coroutine,
                 killed_between_long_steps, closed_meanwhile, memory_eater,
                 many_libraries):
        print(test.__name__, flush=True)
        test(server.port)
    print("logged", flush=True)
    logged(server)
    print("undeclared_keys", flush=True)
    undeclared_keys(server.port, options.seed)
    print("ended_by_shutdown", flush=True)
    try:
        ended_by_shutdown(server)
    finally:
        server.stop()
    print("others_effects_stay_theirs", flush=True)
    others_effects_stay_theirs(options.larder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
