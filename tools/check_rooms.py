#!/usr/bin/env python3
"""Checks who includes whom. The table below is the architecture: a room may include itself and what
it names, nothing else. Heavy libraries are kept to the places that need them."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Longest prefix first: server/engine before server.
ROOMS = {
    "server/engine": {"base", "protocol", "storage"},
    "server/commands": {"base", "protocol", "storage", "server/engine"},
    "server/net": {"base", "protocol", "storage", "server/engine"},
    "server/persistence": {"base", "protocol", "storage", "server/engine"},
    "server/replication": {"base", "protocol", "storage", "server/engine", "server/persistence"},
    "server/scripting": {"base", "protocol", "storage", "server/engine"},
    "server/admin": {"base", "protocol", "storage", "server/engine", "server/commands",
                     "server/net", "server/persistence", "server/replication",
                     "server/scripting"},
    "server": {"base", "protocol", "storage", "server/engine", "server/net", "server/admin"},
    "storage/sim": {"base", "storage", "trace"},
    "storage": {"base"},
    "protocol": {"base"},
    "client/bench": {"base", "protocol", "client", "trace"},
    "client": {"base", "protocol"},
    "trace": {"base"},
    "base": set(),
}
# Library: where it may be included, as patterns of paths.
HEAVY = {
    "asio": ["server/net/", r"client/.*\.cc$", "tests/"],
    "lua": ["server/scripting/"],
    "spdlog": [r"server/admin/.*\.cc$"],
    "openssl": ["server/net/", "base/", r"client/.*\.cc$"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)


def room_of(path):
    return next((room for room in ROOMS if path.startswith(room + "/")), None)


def faults_of(path, text):
    room = room_of(path)
    for quote, name in INCLUDE.findall(text):
        library = name.split("/")[0].removesuffix(".hpp")
        if library in HEAVY and not any(re.match(place, path) for place in HEAVY[library]):
            yield f"{path}: {library} has no place here ({name})"
        if quote != '"' or room is None:
            continue
        other = room_of(name)
        if other is None:
            yield f"{path}: \"{name}\" is in no room; write the path from the root"
        elif other != room and other not in ROOMS[room]:
            yield f"{path}: {room} must not include {other} ({name})"


def sources():
    for folder in ("base", "protocol", "trace", "storage", "client", "server", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path


def main():
    faults = []
    for path in sources():
        faults += faults_of(path.relative_to(ROOT).as_posix(), path.read_text())
    print("\n".join(faults) or "every include is allowed")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
