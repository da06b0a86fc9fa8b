"""Words as redis-cli reads them: bare, "with \\x41 escapes" or 'plain'."""

ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}


class BadText(Exception):
    pass


def quoted(text, at):
    """Reads the quoted word that starts at `at`; returns its bytes and the place behind it."""
    quote, out, at = text[at], b"", at + 1
    while at < len(text):
        char = text[at]
        if char == quote:
            return out, at + 1
        if char == "\\" and quote == '"':
            following = text[at + 1 : at + 2]
            if following == "x":
                out += bytes([int(text[at + 2 : at + 4], 16)])
                at += 4
                continue
            out += ESCAPES.get(following, following.encode())
            at += 2
            continue
        if char == "\\" and text[at + 1 : at + 2] == "'":
            out, at = out + b"'", at + 2
            continue
        out, at = out + char.encode(), at + 1
    raise BadText(f"unbalanced quotes: {text}")


def split(text):
    words, at = [], 0
    while True:
        while at < len(text) and text[at] == " ":
            at += 1
        if at >= len(text):
            return words
        if text[at] in "\"'":
            word, at = quoted(text, at)
        else:
            end = text.find(" ", at)
            end = len(text) if end < 0 else end
            word, at = text[at:end].encode(), end
        words.append(word)


def show(data):
    out = ""
    for byte in data:
        char = chr(byte)
        if char in '"\\':
            out += "\\" + char
        elif 32 <= byte < 127:
            out += char
        else:
            out += {10: "\\n", 13: "\\r", 9: "\\t"}.get(byte, f"\\x{byte:02x}")
    return f'"{out}"'
