#!/usr/bin/env python3
"""Compares COMMAND of larder-server with redis-server's for every command both have.

    cards_as_redis.py LARDER_SERVER

Arity, flags, key positions, ACL categories, key specs. Tips and notes are left out.
"""
import sys

from same_as_redis import Server

# Redis 7.2 changed these; the redis-server at hand may be older.
NEWER = {
    ("command|getkeys", "arity"), ("command|getkeysandflags", "arity"), ("zrank", "arity"),
    ("zrevrank", "arity"),
    # Scripts may call what waits: it does not wait there.
    *((name, "flags") for name in ("blpop", "brpop", "brpoplpush", "blmove", "bzpopmin",
                                   "bzpopmax", "wait")),
}
# There is no cluster to ask in.
OURS = {("restore-asking", "flags")}
FIELDS = ["name", "arity", "flags", "first key", "last key", "step", "ACL categories"]
KEY_SPECS, SUBCOMMANDS = 8, 9


def key_spec(pairs):
    spec = dict(zip(pairs[::2], pairs[1::2]))
    spec.pop("notes", None)
    spec["flags"] = sorted(spec["flags"])
    return spec


def facts(command):
    values = {}
    for field, value in zip(FIELDS, command):
        values[field] = sorted(value) if isinstance(value, list) else value
    values["key specs"] = [key_spec(pairs) for pairs in command[KEY_SPECS]]
    return values


def text(reply):
    if isinstance(reply, list):
        return [text(each) for each in reply]
    if isinstance(reply, bytes):
        return reply.decode().removeprefix("+").removesuffix("\r\n")
    return reply


def cards(server):
    found = {}
    for command in text(server.ask(["COMMAND"])):
        for card in [command] + command[SUBCOMMANDS]:
            found[card[0]] = facts(card)
    return found


def main():
    larder = Server([sys.argv[1]])
    redis = Server(["redis-server", "--save", ""])
    try:
        ours, theirs = cards(larder), cards(redis)
    finally:
        larder.stop()
        redis.stop()
    wrong = [
        f"{name}, {field}:\n    larder {ours[name][field]}\n    redis  {theirs[name][field]}"
        for name in sorted(set(ours) & set(theirs))
        for field in ours[name]
        if ours[name][field] != theirs[name][field] and (name, field) not in NEWER | OURS
    ]
    print("\n".join(wrong) or f"{len(set(ours) & set(theirs))} cards are as Redis's")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
