#!/usr/bin/env python3
"""Publish and subscribe with many clients on several workers, beside redis-server.

    pubsub.py LARDER_SERVER
"""
import sys
import threading
import time

from listeners import Client, check, resp, run


def fields(line):
    return dict(field.split("=", 1) for field in line.split())


def counts_and_fan_out(server):
    publisher = Client(server)
    listeners = [Client(server, 2 + i % 2) for i in range(20)]
    for listener in listeners:
        check("subscribe", listener("SUBSCRIBE", "news"), ["subscribe", "news", 1])
    check("receivers", publisher("PUBLISH", "news", "hello"), 20)
    for listener in listeners:
        check("message", listener.push(), ["message", "news", "hello"])
    check("numsub", publisher("PUBSUB", "NUMSUB", "news"), ["news", 20])


def order_of_one_publisher(server):
    listeners = [Client(server) for _ in range(8)]
    for listener in listeners:
        listener("SUBSCRIBE", "a", "b"), listener.push()

    def publish(channel):
        client = Client(server)
        for i in range(200):
            client("PUBLISH", channel, i)
            client.tell("PUBLISH", channel, f"p{i}")
            client.tell("PUBLISH", channel, f"q{i}")
            client.read(), client.read()

    threads = [threading.Thread(target=publish, args=(channel,)) for channel in "ab"]
    for thread in threads:
        thread.start()
    wanted = [text for i in range(200) for text in (str(i), f"p{i}", f"q{i}")]
    for listener in listeners:
        heard = {"a": [], "b": []}
        for _ in range(2 * len(wanted)):
            _, channel, text = listener.push()
            heard[channel].append(text)
        check("order", heard, {"a": wanted, "b": wanted})
    for thread in threads:
        thread.join()


def order_of_two_publishers_one_after_the_other(server):
    publishers = [Client(server) for _ in range(4)]
    listeners = [Client(server) for _ in range(4)]
    for listener in listeners:
        listener("SUBSCRIBE", "c")
    for i in range(400):
        check("receivers", publishers[i % 4]("PUBLISH", "c", i), 4)
    for listener in listeners:
        check("order", [listener.push()[2] for _ in range(400)], [str(i) for i in range(400)])


def big_messages_arrive_whole(server):
    publisher = Client(server)
    listeners = [Client(server, 2 + i % 2) for i in range(6)]
    for listener in listeners:
        listener("PSUBSCRIBE", "big*")
    text = "x" * 3_000_000
    for _ in range(3):
        check("receivers", publisher("PUBLISH", "big1", text), 6)
    for listener in listeners:
        for _ in range(3):
            check("message", listener.push(), ["pmessage", "big*", "big1", text])


def slow_readers_are_cut(server):
    admin = Client(server)
    before = admin("CONFIG", "GET", "client-output-buffer-limit")[1]
    admin("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
    slow, quick = Client(server), Client(server)
    slow("SUBSCRIBE", "flood")
    quick("SUBSCRIBE", "flood")
    text = "x" * 100_000
    for i in range(400):
        heard = admin("PUBLISH", "flood", text)
        check("message", quick.push(), ["message", "flood", text])
        if heard == 1:
            break
    else:
        raise AssertionError("the slow reader was never cut")
    check("receivers", admin("PUBLISH", "flood", "end"), 1)
    admin("CONFIG", "SET", "client-output-buffer-limit", before)


def lists_and_kills(server):
    admin, listener, other = Client(server), Client(server), Client(server)
    listener("SUBSCRIBE", "a", "b"), listener.push()
    listener("PSUBSCRIBE", "c*")
    listener("SSUBSCRIBE", "d")
    line = fields(admin("CLIENT", "LIST", "ID", listener.id))
    check("flags", line["flags"], "P")
    check("counts", (line["sub"], line["psub"], line["ssub"]), ("2", "1", "1"))
    listed = admin("CLIENT", "LIST", "TYPE", "pubsub").strip().split("\n")
    check("of the type", [int(fields(each)["id"]) for each in listed], [listener.id])
    info = admin("INFO", "stats")
    for name, count in (("pubsub_channels", 2), ("pubsub_patterns", 1),
                        ("pubsubshard_channels", 1)):
        check(name, f"{name}:{count}\r\n" in info, True)
    check("killed", admin("CLIENT", "KILL", "TYPE", "pubsub"), 1)
    check("closed", listener.is_closed(), True)
    check("receivers", admin("PUBLISH", "a", "x"), 0)
    check("the other", other("PING"), "PONG")


def subscribers_that_vanish_are_forgotten(server):
    admin = Client(server)
    for _ in range(20):
        listener = Client(server)
        listener("SUBSCRIBE", "gone")
        listener("PSUBSCRIBE", "gon*")
        listener.close()
    limit = time.monotonic() + 5
    while admin("PUBLISH", "gone", "x") > 0:
        check("in time", time.monotonic() < limit, True)
    check("patterns", admin("PUBSUB", "NUMPAT"), 0)


# Redis 7.2's order; 7.0 puts the message first.
def larder_own_messages_come_behind_the_reply(server):
    client = Client(server, 3)
    client("SUBSCRIBE", "me")
    check("reply", client("PUBLISH", "me", "1"), 1)
    check("message", client.push(), ["message", "me", "1"])
    client.tell("PUBLISH", "me", "2")
    client.tell("UNSUBSCRIBE", "me")
    client.tell("PING")
    check("all", [client.push() for _ in range(4)],
          [1, ["message", "me", "2"], ["unsubscribe", "me", 0], "PONG"])


def fill_worker(client, channel, count):
    client.send(b"".join(resp.encode([b"PUBLISH", channel, b"%d" % i]) for i in range(count)))


# The queue between workers is bounded: a publisher that is faster has to wait.
def larder_a_flood_does_not_eat_the_memory(server):
    listeners = [Client(server) for _ in range(10)]
    for listener in listeners:
        listener("SUBSCRIBE", "f")
    heard = []

    def read(listener):
        heard.append(all(listener.push() == ["message", "f", str(i)] for i in range(20_000)))

    threads = [threading.Thread(target=read, args=(listener,)) for listener in listeners]
    for thread in threads:
        thread.start()
    publishers = [Client(server), Client(server)]
    fill_worker(publishers[0], b"f", 20_000)
    check("receivers", {publishers[0].push() for _ in range(20_000)}, {10})
    for thread in threads:
        thread.join()
    check("heard", heard, [True] * 10)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], [
        counts_and_fan_out, order_of_one_publisher, order_of_two_publishers_one_after_the_other,
        big_messages_arrive_whole, slow_readers_are_cut, lists_and_kills,
        subscribers_that_vanish_are_forgotten, larder_own_messages_come_behind_the_reply,
        larder_a_flood_does_not_eat_the_memory]))
