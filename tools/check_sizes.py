#!/usr/bin/env python3
"""Checks sizes (file, function, line) and words that mean unfinished work."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 100
SUFFIXES = {".h", ".cc", ".py", ".cmake", ".sh"}
FOLDERS = ("base", "protocol", "trace", "storage", "client", "server", "tests", "tools", "cmake")
WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
# What opens a brace that is no function: scopes, types, initialisers.
NO_FUNCTION = re.compile(r"^\s*(extern|namespace|class|struct|union|enum|template\s*<.*>\s*(class|"
                         r"struct))\b|=\s*$|=\s*\S*\s*$")


def without_text(source):
    """The source without comments, literals and preprocessor lines, line by line as before."""
    pattern = re.compile(r'^[ \t]*#[^\n]*|R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
                         r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S | re.M)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), source)


def functions(source):
    """(first line, lines) of every outermost function body, told by its opening brace."""
    depth_of_function, start, head = None, 0, ""
    depth = line = 0
    for char in without_text(source):
        if char == "\n":
            line += 1
        if char == "{":
            opens = ")" in head and not NO_FUNCTION.search(head.strip())
            if depth_of_function is None and opens:
                depth_of_function, start = depth, line
            depth += 1
            head = ""
        elif char == "}":
            depth -= 1
            if depth == depth_of_function:
                yield start + 1, line - start + 1
                depth_of_function = None
            head = ""
        elif char == ";":
            head = ""
        else:
            head += char


def faults_of(path, text):
    lines = text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        yield f"{path}: {len(lines)} lines, {FILE_LINES_MAX} at most"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield f"{path}:{number}: {len(line)} columns, {LINE_COLUMNS_MAX} at most"
        if WORDS.search(line):
            yield f"{path}:{number}: finish it or open an issue: {line.strip()}"
    if path.endswith((".h", ".cc")):
        for first, count in functions(text):
            if count > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: function of {count} lines, {FUNCTION_LINES_MAX} at most"


def main():
    faults = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                faults += faults_of(path.relative_to(ROOT).as_posix(), path.read_text())
    print("\n".join(faults) or "every size is in bounds")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
