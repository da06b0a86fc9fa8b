#!/usr/bin/env python3
"""Evaluates the same random expressions over the libraries of scripts in larder-server and in
redis-server and compares what comes back: values, kinds, texts of errors with their lines.

    scripts_as_redis.py LARDER_SERVER [--seed N] [--scripts N]

Prints the seed; the first difference ends the run with code 1.
"""
import argparse
import os
import random
import sys

from same_as_redis import Server, some

NUMBERS = ["0", "1", "-1", "2", "7", "8", "31", "32", "100", "255", "256", "1.5", "-0.5", "0.1",
           "-0", "2147483647", "2147483648", "-2147483649", "4294967295", "4294967296", "1e14",
           "1e15", "9007199254740992", "1e100", "(1/0)", "(-1/0)", "(0/0)", "3.14159265358979",
           "0x10"]
TEXTS = [b"", b"a", b"abc", b"hello world", b"10", b"-5", b"0x1f", b" 12 ", b"nan", b"a\0b",
         b"\0", b"\xff\xfe", b"\xe2\x82\xac", b'"quoted"', b"\\/\n\t\x7f\x01", b"x" * 25, b"%d",
         b"[a-z]+"]
REPLIES = ["{ok='x'}", "{err='y z'}", "{double=1.5}", "{map={a=1}}", "{set={a=true}}",
           "{double='x'}", "{big_number='123'}", "{verbatim_string={string='x',format='txt'}}",
           "{1,nil,3}", "{err='a\\nb'}", "{ok=5}", "{err='x',ok='y'}",
           "{map={1,{set={b=true}}}}"]
JSON = ["{}", "[]", "[1,2,3]", '{"a":{"b":[1,null,true]}}', "null", '"x"', "-1.5e3", "1e400",
        "0123", "0x10", ".5", "+1", "-", "1e", '"\\u0041\\u0000"', '"\\ud83d\\ude00"',
        '"\\ud83d"', '"\\x"', '"a', "[1,]", '{"a"}', '{"a":}', "[1 2]", "nan", "-Infinity",
        "nul", "", '"\x01"', '{"1":2}']
JSON_SETTINGS = ["encode_sparse_array", "encode_max_depth", "decode_max_depth",
                 "encode_number_precision", "encode_invalid_numbers",
                 "decode_invalid_numbers", "encode_keep_buffer"]
JSON_STANDARD = ("cjson.encode_sparse_array(false,2,10) cjson.encode_max_depth(1000) "
                 "cjson.decode_max_depth(1000) cjson.encode_number_precision(14) "
                 "cjson.encode_invalid_numbers(false) cjson.decode_invalid_numbers(true) ")
PACKED = [0xc0, 0xc1, 0xc2, 0xc3, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xd0, 0xd1, 0xd2, 0xd3, 0xd9, 0xda,
          0xdb, 0xdc, 0xdd, 0x80, 0x90, 0x91, 0x93, 0xa0, 0xa3, 0xe0, 0xff, 0x00, 0x7f]
LAYOUTS = ["b", "B", "h", "H", "l", "L", "i", "I", "T", "f", "d", "s", "x", "c", ">", "<", "!", " ",
           "i1", "i3", "I8", "i16", "i33", "c1", "c5", "!2", "!3", "!8", "n", "q"]
SPECS = ["%d", "%5d", "%-5d|", "%05d", "%+d", "%x", "%#X", "%o", "%c", "%e", "%.3f", "%10.2f",
         "%.17g", "%q", "%s", "%-10s|", "%.3s", "%%", "%", "%y", "%100d", "%5.5.5d", "%i", "%u",
         "%G"]
PATTERNS = [".", "%a+", "(%w+)=(%w+)", "^%s*(.-)%s*$", "[^%s]", "()", "%b()", "%f[%w]", "(", "[",
            "%", "(a)(b)%1", "%1", "[]]", "%z", "a?b", "$", "[z-a]"]
FAILING = ["error('x')", "error('x', 0)", "error({err='My err'})", "error()",
           "local x = nil x.y = 1", "return nil..1", "return {} < {}", "return nofunc()",
           "return no", "redis.call('nope')", "redis.call('get')", "redis.call('incr', 'text')",
           "x = 1", "redis.call()", "string.foo = 1", "return redis.sha1hex()",
           "redis.setresp(4)", "table.sort({1, 'x'})", "return string.rep()",
           "return ('x'):rep(1, 2, 3):bad()"]
# What a value is, in one line.
SHOW = """local function show(v, depth)
if type(v) == 'number' then return string.format('%.17g', v) end
if type(v) == 'string' then return 's:' .. v end
if type(v) ~= 'table' then return v == cjson.null and 'null' or tostring(v):match('^%a+') end
local all = {}
for k, x in next, v do all[#all + 1] = show(k) .. '=' .. show(x) end
table.sort(all)
return '{' .. table.concat(all, ',') .. '}'
end
local function shown(...)
local all = {}
for i = 1, select('#', ...) do all[i] = show((select(i, ...))) end
return all
end
local function hex(s)
return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end))
end
"""


def quoted(data):
    plain = (chr(c) if 32 <= c < 127 and c not in (39, 92) else f"\\{c:03}" for c in data)
    return "'" + "".join(plain) + "'"


def text(dice):
    return quoted(some(dice, TEXTS))


def value(dice, depth=0):
    kind = dice.randrange(10)
    if kind < 4:
        return some(dice, NUMBERS)
    if kind < 7:
        return text(dice)
    if kind < 9 and depth < 3:
        return table(dice, depth)
    return some(dice, ["nil", "true", "false", "cjson.null", "tostring"])


def table(dice, depth=0):
    kind = dice.randrange(4)
    if kind == 0:
        return some(dice, REPLIES)
    if kind == 1:
        return f"{{{value(dice, depth + 1)},[{some(dice, ['2', '3', '12'])}]={value(dice, 3)}}}"
    if kind == 2:
        return f"{{[{text(dice)}]={value(dice, depth + 1)}}}"
    return "{" + ",".join(value(dice, depth + 1) for _ in range(dice.randrange(5))) + "}"


def values(dice, most):
    return ",".join(value(dice) for _ in range(dice.randrange(most + 1)))


def json(dice):
    if dice.random() < 0.5:
        return f"cjson.encode({value(dice)})"
    code = bytearray(some(dice, JSON).encode())
    if dice.random() < 0.5:
        code.insert(dice.randrange(len(code) + 1), some(dice, list(b'[]{},:"\\01eE+-.nt x\0\xff')))
    return f"cjson.decode({quoted(code)})"


def packed(dice):
    if dice.random() < 0.4:
        return f"hex(cmsgpack.pack({values(dice, 3)}))"
    code = bytes(some(dice, PACKED + [0, 1, 2, 3, 65]) for _ in range(dice.randrange(1, 12)))
    function, rest = some(dice, [("unpack", ""), ("unpack_one", ",1"), ("unpack_one", ""),
                                 ("unpack_limit", ",2"), ("unpack_limit", ",0,1")])
    return f"cmsgpack.{function}({quoted(code)}{rest})"


def struct(dice):
    layout = quoted("".join(some(dice, LAYOUTS) for _ in range(dice.randrange(1, 5))).encode())
    data = quoted(bytes(dice.randrange(256) for _ in range(dice.randrange(30))))
    return some(dice, [f"hex(struct.pack({layout},{values(dice, 4)}nil))", f"struct.size({layout})",
                       f"struct.unpack({layout},{data})", f"struct.unpack({layout},{data},3)"])


def bits(dice):
    names = ["tobit", "bnot", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror",
             "bswap", "tohex"]
    return f"bit.{some(dice, names)}({values(dice, 3)})"


def strings(dice):
    spec = quoted("".join(some(dice, SPECS) for _ in range(2)).encode())
    pattern = quoted(some(dice, PATTERNS).encode())
    return some(dice, [f"string.format({spec},{value(dice)},{value(dice)})",
                       f"string.find({text(dice)},{pattern})",
                       f"string.match({text(dice)},{pattern})",
                       f"string.gsub({text(dice)},{pattern},{some(dice, ['[[%0%1]]', '{a=5}'])})",
                       f"string.sub({text(dice)},{some(dice, NUMBERS)})",
                       f"tonumber({text(dice)},16)",
                       f"tonumber({value(dice)})", f"#tostring({some(dice, NUMBERS)})"])


def tables(dice):
    small = some(dice, ["", ",1", ",3", ",'x'", ",{}", ",nil", ",1,'v'", ",-1,1", ",','"])
    function = some(dice, ["concat", "insert", "remove", "sort", "maxn"])
    first = table(dice) if dice.random() < 0.8 else value(dice)
    return f"(function(t) return table.{function}(t{small}), t end)({first})"


def script(dice):
    """An expression caught by pcall and shown, or returned as it is, or that fails."""
    kind = dice.randrange(10)
    resp = some(dice, ["", "", "redis.setresp(3) "])
    if kind == 0:
        return resp + "\n" * dice.randrange(3) + some(dice, FAILING)
    if kind == 1:
        return resp + f"return {table(dice)}"
    setting = ""
    if kind == 2:
        given = ["true", "false", "1", "2", "16", "'null'", "true,1,1", "nil", "-1", "'x'"]
        setting = f"pcall(cjson.{some(dice, JSON_SETTINGS)},{some(dice, given)}) "
    expression = some(dice, [json, json, packed, struct, bits, strings, tables])(dice)
    caught = f"return shown(pcall(function() return {expression} end))"
    return SHOW + JSON_STANDARD + setting + resp + caught


def run(larder, seed, count):
    print(f"seed {seed}")
    dice = random.Random(seed)
    servers = [Server([larder, "--save", ""]), Server(["redis-server", "--save", ""])]
    try:
        for server in servers:
            server.ask(["SET", "text", "hello"])
        for number in range(count):
            words = [some(dice, ["EVAL", "EVAL", "EVAL_RO"]), script(dice), "0"]
            ours, theirs = [server.ask(words) for server in servers]
            if ours != theirs:
                print(f"script {number}: {words[0]} {words[1].replace(SHOW, '')!r}")
                print(f"  larder {ours!r}\n  redis  {theirs!r}")
                return 1
        print(f"{count} scripts, no difference")
        return 0
    finally:
        for server in servers:
            server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("larder")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--scripts", type=int, default=5000)
    given = parser.parse_args()
    return run(os.path.abspath(given.larder), given.seed, given.scripts)


if __name__ == "__main__":
    sys.exit(main())
