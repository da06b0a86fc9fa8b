"""Marks of what others notice when somebody asks for something big. See compare."""

import functools
import os
import statistics
import threading
import time

from servers import Server, command_of, result_of

RATE = 20_000  # GETs per second
LARGE = 5_000_000  # elements to remove
WHOLE = 1_000_000  # elements to read at once
RETURN_S = 2.0  # until removed memory is to be back


def nothing(server):
    del server


def in_command(*words):
    return lambda server: server.ask(*words)


def in_array(*words):
    return lambda server: server.ask_for_array(*words)


def add_elements(command, count, server):
    """`command`: how one element is added to the key "big"."""
    server.load(fill=True, pipeline=64, keys=count, data_bytes=16, command=command)


add_members = functools.partial(add_elements, "SADD big __key__")
add_fields = functools.partial(add_elements, "HSET big __key__ __data__")
add_text = in_command("SETRANGE", "big", 100_000_000, "x")

DISTURBED = {  # name: (what there is beside the keys, what disturbs)
    "nothing": (add_text, nothing),
    "KEYS *": (add_text, in_array("KEYS", "*")),
    "UNLINK 100 MB": (add_text, in_command("UNLINK", "big")),
    "FLUSHALL ASYNC": (add_text, in_command("FLUSHALL", "ASYNC")),
}
LARGE_VALUES = {
    "nothing": (nothing, nothing),
    "DEL of a set": (functools.partial(add_members, LARGE), in_command("DEL", "big")),
    "DEL of a hash": (functools.partial(add_fields, LARGE), in_command("DEL", "big")),
    "expiry of a set": (functools.partial(add_members, LARGE), in_command("PEXPIRE", "big", 50)),
    "expiry of a hash": (functools.partial(add_fields, LARGE), in_command("PEXPIRE", "big", 50)),
    "SMEMBERS": (functools.partial(add_members, WHOLE), in_array("SMEMBERS", "big")),
    "HGETALL": (functools.partial(add_fields, WHOLE), in_array("HGETALL", "big")),
}


def aside(disturb, server):
    """On core 1, the load's, when the load leaves it alone: who disturbs is not to take time from
    either of those who are measured."""
    thread = threading.get_native_id()
    os.sched_setaffinity(thread, {1})
    os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
    disturb(server)


def disturbed_gets(args, name, prepare, disturb):
    """What the load says, and the MB more than before `prepare` some time after it."""
    with Server(name, args.port) as server:
        server.load(fill=True, pipeline=64, keys=args.keys)
        before = server.rss_bytes()
        prepare(server)
        load = server.start_load(rate=RATE, ratio="0:1", keys=args.keys, seconds=args.seconds * 2)
        time.sleep(args.seconds / 2)
        disturber = threading.Thread(target=aside, args=(disturb, server))
        disturber.start()
        disturber.join()
        time.sleep(RETURN_S)
        kept_mb = (server.rss_bytes() - before) / 1e6
        return {"kept": kept_mb} | result_of(load)["latency_us"]


def gets_beside(disturbances, args):
    rows = []
    for name in ("larder", "redis"):
        if name in args.without or not command_of(name, 0, 1):
            continue
        rounds = {what: [] for what in disturbances}
        for _ in range(args.rounds):
            for what, (prepare, disturb) in disturbances.items():
                rounds[what].append(disturbed_gets(args, name, prepare, disturb))
        calm_us = statistics.median(one["p99"] for one in rounds["nothing"])
        for what, results in rounds.items():
            middle = {which: statistics.median(one[which] for one in results)
                      for which in results[0]}
            rows.append({"server": name, "meanwhile": what, "p50 us": round(middle["p50"]),
                         "p99 us": round(middle["p99"]), "x calm": middle["p99"] / calm_us,
                         "p99.9 us": round(middle["p99.9"]),
                         "worst us": round(max(one["max"] for one in results)),
                         "kept after 2 s MB": middle["kept"]})
    return rows


def mark_disturbed(args):
    """GETs at a steady rate while another connection asks for something big."""
    return gets_beside(DISTURBED, args)


def mark_large(args):
    """GETs at a steady rate while big values are removed or read whole."""
    return gets_beside(LARGE_VALUES, args)


MARKS = {"disturbed": mark_disturbed, "large": mark_large}
