#!/usr/bin/env python3
"""Keyspace events: every command's events as redis-server has them, in the same order.

    keyspace_events.py LARDER_SERVER
"""
import sys
import time

from listeners import Client, check, run

# What happens on a connection, and the events that are heard of it: (event, key), or with the
# database in front where it is another.
SCRIPT = [
    ("SET a 1", "set a"), ("SET a 1 EX 100", "set a, expire a"), ("SET a 1 XX KEEPTTL", "set a"),
    ("SET b 1 XX", ""), ("SETNX a 1", ""), ("SETEX a 100 v", "set a, expire a"),
    ("PSETEX a 100000 v", "set a, expire a"), ("GETSET a 2", "set a"), ("APPEND a x", "append a"),
    ("SETRANGE a 1 yy", "setrange a"), ("SETRANGE none 1 ''", ""), ("GETDEL a", "del a"),
    ("INCR n", "incrby n"), ("DECRBY n 4", "incrby n"), ("INCRBYFLOAT n 1.5", "incrbyfloat n"),
    ("MSET a 1 b 2", "set a, set b"), ("MSETNX a 1 c 2", ""), ("MSETNX c 1 d 2", "set c, set d"),
    ("SETBIT bits 1 1", "setbit bits"), ("BITOP NOT dest bits", "set dest"),
    ("BITOP AND dest none", "del dest"), ("BITFIELD bits SET u8 0 9", "setbit bits"),
    ("BITFIELD bits GET u8 0", ""), ("GETEX a EX 100", "expire a"),
    ("GETEX a PERSIST", "persist a"),
    ("EXPIRE a 100", "expire a"), ("EXPIRE a -1", "del a"),
    ("PEXPIREAT b 99999999999999", "expire b"),
    ("PERSIST b", "persist b"), ("PERSIST b", ""), ("EXPIRE none 100", ""),
    ("RENAME b a", "rename_from b, rename_to a"), ("RENAMENX a c", ""),
    ("COPY a e", "copy_to e"), ("COPY a f DB 1", "1 copy_to f"),
    ("MOVE a 2", "move_from a, 2 move_to a"), ("MOVE none 1", ""),
    ("HSET h a 1 b 2", "hset h"), ("HSETNX h a 1", ""), ("HSETNX h c 1", "hset h"),
    ("HMSET h a 1", "hset h"), ("HINCRBY h a 1", "hincrby h"),
    ("HINCRBYFLOAT h a 1", "hincrbyfloat h"), ("HDEL h none", ""), ("HDEL h a", "hdel h"),
    ("HDEL h b c", "hdel h, del h"),
    ("SADD s a b c 1", "sadd s"), ("SADD s a", ""), ("SREM s none", ""), ("SREM s a", "srem s"),
    ("SMOVE s t b", "srem s, sadd t"), ("SMOVE t t b", ""), ("SINTERSTORE i s s", "sinterstore i"),
    ("SUNIONSTORE u s t", "sunionstore u"), ("SDIFFSTORE u s t", "sdiffstore u"),
    ("SDIFFSTORE u s s", "del u"), ("SINTERSTORE u none s", ""), ("SPOP s 0", ""),
    ("SPOP s", "spop s"), ("SPOP s 5", "spop s, del s"), ("SREM t b", "srem t, del t"),
    ("SADD t b", "sadd t"), ("SMOVE t i b", "srem t, del t, sadd i"), ("DEL i", "del i"),
    ("DEL c d none", "del c, del d"), ("UNLINK e", "del e"), ("TOUCH n", ""), ("GET none", ""),
    ("RPUSH l a b", "rpush l"), ("LTRIM l 0 9", "ltrim l"), ("LTRIM none 0 9", ""),
    ("XGROUP CREATE x g $ MKSTREAM", "xgroup-create x"),
    ("XGROUP CREATECONSUMER x g bob", "xgroup-createconsumer x"), ("XADD x 1-0 f v", "xadd x"),
    ("XREADGROUP GROUP g alice STREAMS x >", "xgroup-createconsumer x"),
    ("XREADGROUP GROUP g alice STREAMS x 0", ""),
    ("XCLAIM x g mike 0 1-0", "xgroup-createconsumer x"), ("XCLAIM x g bob 0 1-0", ""),
    ("XGROUP DELCONSUMER x g lee", ""), ("XAUTOCLAIM x g mike 0 1-0", ""), ("XACK x g 1-0", ""),
    ("XADD x 2-0 f v", "xadd x"), ("XREADGROUP GROUP g mike STREAMS x >", ""),
    ("XGROUP DELCONSUMER x g bob", "xgroup-delconsumer x"), ("XSETID x 9-0", "xsetid x"),
    ("XGROUP SETID x g 0", "xgroup-setid x"), ("XGROUP DESTROY x g", "xgroup-destroy x"),
    ("XGROUP CREATE x g 0", "xgroup-create x"), ("XTRIM x MAXLEN 1", "xtrim x"),
    ("XDEL x 2-0", "xdel x"),
]
# Of Redis 7.4 and 8.
FIELD_TIMES = [
    ("HSET h b 1 c 2", "hset h"),
    ("HEXPIRE h 100 FIELDS 2 b c", "hexpire h"), ("HPERSIST h FIELDS 1 b", "hpersist h"),
    ("HPERSIST h FIELDS 1 b", ""), ("HGETEX h EX 100 FIELDS 1 b", "hexpire h"),
    ("HSETEX h EX 100 FIELDS 1 d 1", "hset h, hexpire h"), ("HGETDEL h FIELDS 1 b", "hdel h"),
    ("HSETEX h FIELDS 1 e 1", "hset h"), ("HSETEX h EXAT 1 FIELDS 1 e 1", "hset h, hdel h"),
    ("HEXPIREAT h 1 FIELDS 1 d", "hdel h"), ("HDEL h c", "hdel h, del h"),
]


def listen(server, *channels):
    listener = Client(server)
    listener("PSUBSCRIBE", *channels)
    for _ in channels[1:]:
        listener.push()
    return listener


def heard(listener, admin):
    """All events until now. What is published behind them is the end."""
    admin("PUBLISH", "__keyevent@9__:end", "")
    events = []
    while True:
        _, _, channel, key = listener.push()
        where, event = channel.removeprefix("__keyevent@").split("__:")
        if event == "end":
            return ", ".join(events)
        events.append(f"{'' if where == '0' else where + ' '}{event} {key}")


def settings_are_read_back(server):
    admin = Client(server)
    for given in ("", "KEA", "AKE", "gKE", "$lshzxeKE", "KA", "EA", "Ez$", "KEAm", "KEn", "nm",
                  "g$lshzxetdK"):
        admin("CONFIG", "SET", "notify-keyspace-events", given)
        got = admin("CONFIG", "GET", "notify-keyspace-events")[1]
        wanted = {"KEA": "AKE", "gKE": "gKE", "$lshzxeKE": "$lshzxeKE", "KA": "AK", "EA": "AE",
                  "Ez$": "$zE", "KEAm": "AKEm", "KEn": "nKE", "nm": "nm",
                  "g$lshzxetdK": "AK"}.get(given, given)
        check(f"classes {given}", got, wanted)
    check("a letter that is none", admin("CONFIG", "SET", "notify-keyspace-events", "KEy"),
          "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid "
          "event class character. Use 'Ag$lshzxeKEtmdn'.")


def larder_events_of_field_times(server):
    events_of_every_command(server, FIELD_TIMES)


def events_of_every_command(server, script=SCRIPT):
    client, admin = Client(server), Client(server)
    admin("CONFIG", "SET", "notify-keyspace-events", "EA")
    listener = listen(server, "__keyevent@*__:*")
    for command, wanted in script:
        client(*command.replace("''", "").split(" "))
        check(command, heard(listener, admin), wanted)
    check("own changes", client("FLUSHALL"), "OK")
    check("FLUSHALL", heard(listener, admin), "")


def both_forms_in_their_order(server):
    client = Client(server)
    client("CONFIG", "SET", "notify-keyspace-events", "KEA")
    listener = listen(server, "__key*")
    client("SELECT", 3)
    client("SET", "foo", "bar")
    check("keyspace", listener.push(), ["pmessage", "__key*", "__keyspace@3__:foo", "set"])
    check("keyevent", listener.push(), ["pmessage", "__key*", "__keyevent@3__:set", "foo"])


def only_the_classes_that_are_set(server):
    client, admin = Client(server), Client(server)
    listener = listen(server, "__keyevent@*__:*")
    for classes, wanted in (("Eg", "expire k, del k"), ("E$", "set k"), ("Exe", ""), ("g$", ""),
                            ("", ""),
                            ("Em", "keymiss k"), ("En", "new k"), ("E$n", "new k, set k"),
                            ("EAn", "new k, set k, expire k, del k"),
                            ("Eg$nm", "new k, set k, expire k, del k, keymiss k")):
        admin("CONFIG", "SET", "notify-keyspace-events", classes)
        client("SET", "k", "v"), client("EXPIRE", "k", 100), client("DEL", "k"), client("GET", "k")
        check(classes, heard(listener, admin), wanted)


def keys_in_place_of_others(server):
    client, admin = Client(server), Client(server)
    admin("CONFIG", "SET", "notify-keyspace-events", "En")
    listener = listen(server, "__keyevent@*__:*")
    for words in (("SADD", "s", 1, 2), ("ZADD", "z", 1, "a"), ("GEOADD", "g", 1, 1, "a"),
                  ("SET", "old", 1)):
        client(*words)
    heard(listener, admin)
    for command, wanted in (("COPY s old REPLACE", "new old"), ("SUNIONSTORE old s", ""),
                            ("SORT s STORE old", ""), ("ZUNIONSTORE old 1 z", ""),
                            ("SINTERSTORE old s", ""), ("SDIFFSTORE other s", "new other"),
                            ("SORT s STORE third", "new third"), ("RENAME third old", "new old"),
                            ("GEOSEARCHSTORE old g FROMMEMBER a BYRADIUS 1 m", ""),
                            ("ZRANGESTORE old z 0 9", ""), ("BITOP NOT old none", ""),
                            ("SET old 1", "new old"), ("SET old 2", "")):
        client(*command.split(" "))
        check(command, heard(listener, admin), wanted)
    client("RESTORE", "old", 0, b"\x00\x01v\x0a\x00\x91\x08\xce\xb2\x198\x8a\xce", "REPLACE")
    check("RESTORE", heard(listener, admin), "new old")


def lookups_that_miss(server):
    client, admin = Client(server), Client(server)
    admin("CONFIG", "SET", "notify-keyspace-events", "Em")
    listener = listen(server, "__keyevent@*__:*")
    for command in ("GET k", "GETSET k v", "SET k v GET", "SET k v NX GET", "COPY k to",
                    "XACK k g 1-1", "XAUTOCLAIM k g c 0 0", "XREADGROUP GROUP g c STREAMS k >"):
        client(*command.split(" ")), client("DEL", "k")
        check(command, heard(listener, admin), "keymiss k")
    for command in ("XGROUP DESTROY k g", "XGROUP CREATECONSUMER k g c", "XGROUP SETID k g 0"):
        client(*command.split(" "))
        check(command, heard(listener, admin), "")


def expired_on_time_untouched(server):
    client = Client(server)
    client("CONFIG", "SET", "notify-keyspace-events", "Ex")
    listener = listen(server, "__keyevent@*__:expired")
    started = time.monotonic()
    for i in range(100):
        client("SET", f"k{i}", "v", "PX", 100 + i)
    keys = {listener.push()[3] for _ in range(100)}
    check("keys", keys, {f"k{i}" for i in range(100)})
    check("in time", time.monotonic() - started < 2, True)


def larder_fields_expired_on_time(server):
    client, admin = Client(server), Client(server)
    client("CONFIG", "SET", "notify-keyspace-events", "Ehg")
    listener = listen(server, "__keyevent@*__:*")
    client("HSET", "h", "a", 1, "b", 2)
    client("HPEXPIRE", "h", 50, "FIELDS", 1, "a")
    client("HPEXPIRE", "h", 150, "FIELDS", 1, "b")
    names = [listener.push()[2].removeprefix("__keyevent@0__:") for _ in range(6)]
    check("events", names, ["hset", "hexpire", "hexpire", "hexpired", "hexpired", "del"])
    check("end", heard(listener, admin), "")


def expired_when_touched(server):
    client = Client(server)
    client("CONFIG", "SET", "notify-keyspace-events", "Ex$g")
    client("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    listener = listen(server, "__keyevent@*__:*")
    client("SET", "k", "v", "PX", 1)
    time.sleep(0.01)
    check("gone", client("GET", "k"), None)
    check("events", [listener.push()[2] for _ in range(3)],
          ["__keyevent@0__:set", "__keyevent@0__:expire", "__keyevent@0__:expired"])
    client("MSET", "from", 1, "to", 1)
    client("PEXPIRE", "to", 1)
    time.sleep(0.01)
    client("RENAME", "from", "to")
    names = [listener.push()[2].removeprefix("__keyevent@0__:") for _ in range(6)]
    check("renamed over", names, ["set", "set", "expire", "expired", "rename_from", "rename_to"])
    client("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def evicted(server):
    client = Client(server)
    client("CONFIG", "SET", "notify-keyspace-events", "Ee")
    client("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    listener = listen(server, "__keyevent@*__:evicted")
    client("SET", "k", "v" * 100_000)
    client("CONFIG", "SET", "maxmemory", 1)
    client("GET", "other")
    check("event", listener.push(),
          ["pmessage", "__keyevent@*__:evicted", "__keyevent@0__:evicted", "k"])
    client("CONFIG", "SET", "maxmemory", 0)
    client("CONFIG", "SET", "maxmemory-policy", "noeviction")


# Two clients on two workers change one key; whoever listens hears it in the order it happened.
def order_per_key(server):
    clients = [Client(server), Client(server)]
    clients[0]("CONFIG", "SET", "notify-keyspace-events", "KA")
    listener = listen(server, "__keyspace@0__:k")
    clients[0]("DEL", "k")
    for _ in range(300):
        clients[0].tell("SETNX", "k", 1)
        clients[1].tell("DEL", "k")
    made = sum(clients[0].push() for _ in range(300))
    gone = sum(clients[1].push() for _ in range(300))
    events = [listener.push()[3] for _ in range(made + gone)]
    check("in turn", events, ["set", "del"] * (len(events) // 2) + ["set"] * (len(events) % 2))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], [
        settings_are_read_back, events_of_every_command, larder_events_of_field_times,
        both_forms_in_their_order, only_the_classes_that_are_set,
        keys_in_place_of_others, lookups_that_miss,
        expired_on_time_untouched, larder_fields_expired_on_time, expired_when_touched, evicted,
        order_per_key], ["--enable-debug-command", "yes"]))
