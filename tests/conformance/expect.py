"""Expected replies: the notation of the scripts, read once and held against a reply.

    OK                      simple string             "bulk"      bulk string
    (integer) 5             (integer) 1..9  (integer) *           number, range, any
    (error) ERR text        (error) /regex/           (nil)  (nil array)
    (double) 1.5            (true) (false)            (verbatim) "txt:..."
    [a, b, ...]             array; "..." stands for any rest
    {"k": v, ...}           map, order free; a flat array in RESP2
    ~["a", "b"]             set, order free; an array in RESP2
    ?["a", "b"]             array in any order        (push) [...]
    /regex/                 bulk or verbatim text     *           anything

Doubles, booleans, verbatim texts and nulls turn into what RESP2 has for them.
"""
import re

import words


class Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def spaces(self):
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def take(self, word):
        self.spaces()
        if not self.text.startswith(word, self.at):
            return False
        self.at += len(word)
        return True

    def need(self, word):
        if not self.take(word):
            raise words.BadText(f"'{word}' expected at: {self.text[self.at:]}")

    def bare(self):
        """A word inside a list, or everything at the outer level."""
        self.spaces()
        found = re.compile(r"[^,\]\}]+").match(self.text, self.at)
        if not found:
            raise words.BadText(f"a value expected at: {self.text[self.at:]}")
        self.at = found.end()
        return found.group().strip()

    def regex(self):
        end = self.at
        while self.text[end : end + 1] != "/" or self.text[end - 1] == "\\":
            end += 1
            if end >= len(self.text):
                raise words.BadText(f"unbalanced /: {self.text}")
        pattern, self.at = self.text[self.at : end], end + 1
        return re.compile(pattern.encode(), re.DOTALL)

    def string(self):
        self.spaces()
        data, self.at = words.quoted(self.text, self.at)
        return data

    def items(self, end):
        found, open_end = [], False
        while not self.take(end):
            if self.take("..."):
                open_end = True
            else:
                key = self.value(False)
                found.append((key, self.value(False)) if end == "}" and self.take(":") else key)
            if not self.take(","):
                self.need(end)
                break
        return found, open_end

    def integer(self):
        text = self.bare()
        if text == "*":
            return ("integer", (None, None))
        low, dots, high = text.partition("..")
        return ("integer", (int(low), int(high if dots else low)))

    def value(self, outer):
        if self.take("(integer)"):
            return self.integer()
        if self.take("(error)"):
            if self.take("/"):
                return ("error", self.regex())
            return ("error", self.rest() if outer else self.string())
        if self.take("(double)"):
            return ("double", self.bare().encode())
        if self.take("(verbatim)"):
            return ("verbatim", self.regex() if self.take("/") else self.string())
        for text, node in ((("(nil array)"), ("nil array", None)), ("(nil)", ("nil", None)),
                           ("(true)", ("bool", True)), ("(false)", ("bool", False))):
            if self.take(text):
                return node
        if self.take("(push)"):
            self.need("[")
            return ("push", self.items("]"))
        for text, kind, end in (("[", "array", "]"), ("{", "map", "}"), ("~[", "set", "]"),
                                ("?[", "bag", "]")):
            if self.take(text):
                return (kind, self.items(end))
        if self.take("/"):
            return ("bulk", self.regex())
        if self.text[self.at : self.at + 1] == '"':
            return ("bulk", self.string())
        if self.take("/"):
            return ("bulk", self.regex())
        text = self.rest().decode() if outer else self.bare()
        return ("any", None) if text == "*" else ("simple", text.encode())

    def rest(self):
        self.spaces()
        text, self.at = self.text[self.at :], len(self.text)
        return text.rstrip().encode()


def parse(text):
    reader = Reader(text.strip())
    node = reader.value(True)
    reader.spaces()
    if reader.at != len(reader.text):
        raise words.BadText(f"left over: {reader.text[reader.at:]}")
    return node


def same_text(wanted, got):
    return bool(wanted.search(got)) if isinstance(wanted, re.Pattern) else wanted == got


def same_list(wanted, got, protocol):
    nodes, open_end = wanted
    if len(got) < len(nodes) or (len(got) > len(nodes) and not open_end):
        return False
    return all(matches(node, reply, protocol) for node, reply in zip(nodes, got))


def same_bag(wanted, got, same):
    nodes, open_end = wanted
    left = list(got)
    for node in nodes:
        hit = next((reply for reply in left if same(node, reply)), None)
        if hit is None:
            return False
        left.remove(hit)
    return open_end or not left


def same_map(wanted, got, protocol):
    def same(node, reply):
        return matches(node[0], reply[0], protocol) and matches(node[1], reply[1], protocol)

    return same_bag(wanted, got, same)


def as_resp2(kind, wanted):
    """What RESP2 sends for a RESP3 kind; maps and sets stay, their replies are turned."""
    if kind in ("double", "verbatim"):
        if kind == "verbatim" and not isinstance(wanted, re.Pattern):
            wanted = wanted[4:]
        return "bulk", wanted
    if kind == "bool":
        return "integer", (int(wanted), int(wanted))
    return ("array" if kind == "push" else kind), wanted


def matches(node, reply, protocol):
    kind, wanted = node
    got_kind, got = reply
    if kind == "any":
        return True
    if protocol == 2:
        kind, wanted = as_resp2(kind, wanted)
    elif kind == "nil array":
        kind = "nil"
    wanted_kind = "set" if (kind, protocol) == ("set", 3) else "array"
    if kind in ("bag", "set") and got_kind == wanted_kind:
        return same_bag(wanted, got, lambda one, other: matches(one, other, protocol))
    if kind == "map" and protocol == 2 and got_kind == "array" and len(got) % 2 == 0:
        return same_map(wanted, list(zip(got[::2], got[1::2])), protocol)
    if kind == "bulk" and got_kind == "verbatim" and isinstance(wanted, re.Pattern):
        return same_text(wanted, got[4:])
    if kind != got_kind:
        return False
    if kind in ("array", "push"):
        return same_list(wanted, got, protocol)
    if kind == "map":
        return same_map(wanted, got, protocol)
    if kind == "integer":
        low, high = wanted
        return low is None or low <= got <= high
    if kind in ("nil", "nil array", "bool"):
        return wanted == got
    return same_text(wanted, got.rstrip() if kind == "error" else got)


def show(reply):
    kind, value = reply
    if kind == "simple":
        return value.decode(errors="replace")
    if kind in ("nil", "nil array"):
        return f"({kind})"
    if kind == "bulk":
        return words.show(value)
    if kind == "bool":
        return "(true)" if value else "(false)"
    if kind == "map":
        return "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in value) + "}"
    if kind in ("array", "set", "push"):
        sign = {"array": "", "set": "~", "push": "(push) "}[kind]
        return sign + "[" + ", ".join(show(item) for item in value) + "]"
    if kind == "verbatim":
        return "(verbatim) " + words.show(value)
    if kind == "integer":
        return f"(integer) {value}"
    return f"({kind}) {value.decode(errors='replace')}"
