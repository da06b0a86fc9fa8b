"""Scripts: steps of a request and the reply that is expected.

    # comment
    @only larder | @only redis     for the next request; `@script only larder` for all of them
    @server --option value         before the first request: servers of its own, with options
    @client name                   goes on as this client, connected when first named
    @sleep 20                      milliseconds
    @raw "bytes"                   sends these bytes as they are; the reply follows
    @within 2000                   asks the next request again until it fits, for so many ms
    @repeat 3                      the next request so many times, each with the same reply
    @closed                        the server has closed this client's connection
    SET key "va\\x00lue"            a request, quoted as in redis-cli
    -> OK                          its reply; 2-> or 3-> for one protocol,
    redis-> (error) ERR ...        and redis-> where Redis 7.0 answers otherwise

A request without an expected reply line must not be answered before the next one is sent
(CLIENT REPLY OFF); several `->` lines are several replies.
"""
import re
from dataclasses import dataclass, field

import expect
import resp
import words

ARROW = re.compile(r"^(redis|2|3)?-> ?(.*)$")


@dataclass
class Step:
    line: int
    client: str
    action: str = "ask"  # ask, sleep, closed
    text: str = ""
    data: bytes = b""
    only: str = ""
    within_ms: int = 0
    times: int = 1
    expected: list = field(default_factory=list)  # (which, node, text)

    def replies(self, server, protocol):
        """The expectations that hold for this server and protocol."""
        own = [e for e in self.expected if e[0] == "redis"]
        if server == "redis" and own:
            return own
        return [e for e in self.expected if e[0] in ("", str(protocol))]


@dataclass
class Script:
    path: str
    only: str = ""
    options: list = field(default_factory=list)
    steps: list = field(default_factory=list)

    def commands(self):
        """The first two words of every request, upper case."""
        found = set()
        for step in self.steps:
            if step.action == "ask" and step.data.startswith(b"*"):
                line = [word.decode(errors="replace").upper() for word in words.split(step.text)]
                found.add(line[0])
                found.add("|".join(line[:2]))
        return found


class Loader:
    def __init__(self, path):
        self.script = Script(path)
        self.client, self.pending = "main", {}

    def add(self, number, **facts):
        self.script.steps.append(Step(number, self.client, **self.pending, **facts))
        self.pending = {}

    def directive(self, number, line):
        word, _, rest = line[1:].partition(" ")
        rest = rest.strip()
        if word == "script":
            self.script.only = rest.removeprefix("only ")
        elif word == "only":
            self.pending["only"] = rest
        elif word == "server":
            self.script.options = rest.split()
        elif word == "client":
            self.client = rest
        elif word == "within":
            self.pending["within_ms"] = int(rest)
        elif word == "repeat":
            self.pending["times"] = int(rest)
        elif word == "raw":
            self.add(number, text=line, data=b"".join(words.split(rest)))
        elif word in ("sleep", "closed"):
            self.add(number, action=word, text=rest)
        else:
            raise words.BadText(f"unknown directive @{word}")

    def line(self, number, line):
        arrow = ARROW.match(line)
        if not line or line.startswith("#"):
            return
        if arrow:
            which, text = arrow.group(1) or "", arrow.group(2)
            self.script.steps[-1].expected.append((which, expect.parse(text), text))
        elif line.startswith("@"):
            self.directive(number, line)
        else:
            self.add(number, text=line, data=resp.encode(words.split(line)))


def load(path):
    loader = Loader(path)
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                loader.line(number, line.strip())
            except (words.BadText, ValueError, IndexError) as mistake:
                raise SystemExit(f"{path}:{number}: {mistake}") from None
    return loader.script
