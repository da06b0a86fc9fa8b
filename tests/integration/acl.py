#!/usr/bin/env python3
"""Users with several connections: who is cut off when rules change, transactions, blocked clients,
ACL files and configuration files. The first tests run against redis-server too.

    acl.py LARDER_SERVER
"""
import os
import subprocess
import sys
import tempfile
import threading
import time

from listeners import Client, check, plain, resp, run, servers


def is_closed(client):
    try:
        client.read()
    except resp.Closed:
        return True
    return False


def denied(what, reply, *words):
    if not str(reply).startswith("NOPERM") or any(word not in reply for word in words):
        raise AssertionError(f"{what}: got {reply!r}")


def user(server, name, *rules):
    check("setuser", Client(server)("ACL", "SETUSER", name, "reset", "on", "nopass", *rules), "OK")


def as_user(server, name, protocol=2):
    client = Client(server, protocol)
    check("auth", client("AUTH", name, "any"), "OK")
    return client


def lines_of(admin):
    return admin("CLIENT", "LIST").splitlines()


def the_clients_of_a_deleted_user_are_closed(server):
    admin = Client(server)
    user(server, "using", "+acl", "+blpop", "~*")
    idle, blocked, mine = (as_user(server, "using") for _ in range(3))
    blocked.tell("BLPOP", "nothing", 0)
    while not any("flags=b " in line for line in lines_of(admin)):
        time.sleep(0.01)  # what comes later than DELUSER is answered by an error
    check("deluser", mine("ACL", "DELUSER", "using", "nobody"), 1)
    for client in (idle, blocked, mine):
        check("closed", is_closed(client), True)
    check("list", [line for line in lines_of(admin) if "user=using" in line], [])


def subscribers_go_with_their_permission(server):
    for kind, channel in (("SUBSCRIBE", "foo:1"), ("SSUBSCRIBE", "foo:1"), ("PSUBSCRIBE", "bar:*")):
        admin = Client(server)
        user(server, "listener", "+@all", "resetchannels", "&foo:1", "&bar:*")
        listener = as_user(server, "listener")
        listener("CLIENT", "SETNAME", "deathrow")
        check("confirmed", listener(kind, channel)[1:], [channel, 1])
        admin("ACL", "SETUSER", "listener", "resetchannels", "&foo:1", "&bar:*", "&more")
        check("pardoned", any("deathrow" in line for line in lines_of(admin)), True)
        admin("ACL", "SETUSER", "listener", "allchannels")
        admin("ACL", "SETUSER", "listener", "resetchannels", "&foo:2")
        check("gone", any("deathrow" in line for line in lines_of(admin)), False)
        check("closed", is_closed(listener), True)


def channels_are_checked(server):
    user(server, "listener", "+@all", "resetchannels", "&foo:1", "&bar:*")
    listener = as_user(server, "listener", 3)
    check("subscribed", listener("SUBSCRIBE", "bar:2"), ["subscribe", "bar:2", 1])
    denied("subscribe", listener("SUBSCRIBE", "foo:1", "zap"), "channel")
    denied("psubscribe", listener("PSUBSCRIBE", "bar:b*"), "channel")
    denied("publish", listener("PUBLISH", "zap", "x"), "channel")
    denied("spublish", listener("SPUBLISH", "zap", "x"), "channel")
    check("unsubscribe", listener("UNSUBSCRIBE", "zap")[1:], ["zap", 1])
    listener("MULTI")
    denied("in multi", listener("PUBLISH", "zap", "x"), "channel")
    check("exec", listener("EXEC").split()[0], "EXECABORT")


def rules_hold_when_exec_runs(server):
    admin = Client(server)
    user(server, "worker", "+multi", "+exec", "+incr", "+get", "~mine*")
    worker = as_user(server, "worker")
    admin("ACL", "LOG", "RESET")
    worker("MULTI")
    check("queued", worker("INCR", "mine"), "QUEUED")
    check("queued", worker("GET", "mine"), "QUEUED")
    admin("ACL", "SETUSER", "worker", "-incr")
    replies = worker("EXEC")
    denied("exec", replies[0], "ACLs rules changed between the moment", "command or subcommand")
    check("the other", replies[1], None)
    entry = plain_map(admin("ACL", "LOG")[0])
    check("log", (entry["context"], entry["object"], entry["username"]),
          ("multi", "incr", "worker"))
    check("client-info", "cmd=exec" in entry["client-info"], True)
    worker("MULTI")
    denied("queueing", worker("INCR", "mine"))
    denied("queueing", worker("GET", "yours"), "key")
    check("abort", worker("EXEC").split()[0], "EXECABORT")
    check("log", [plain_map(e)["context"] for e in admin("ACL", "LOG")], ["multi"] * 2)


def plain_map(flat):
    return flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2]))


def larder_a_blocked_client_is_served_only_when_it_still_may(server):
    admin = Client(server)
    admin("CONFIG", "RESETSTAT")
    for key in ("list1", "list2", "list3"):
        user(server, "blocked", "+@all", "allkeys")
        blocked = as_user(server, "blocked")
        blocked.tell("BLPOP", "list1", "list2", "list3", 0)
        while not any("cmd=blpop" in line and "flags=b" in line for line in lines_of(admin)):
            time.sleep(0.01)
        admin("ACL", "SETUSER", "blocked", "resetkeys", "~list1")
        admin("LPUSH", key, "foo")
        denied("served", plain(blocked.read()))
        check("still there", admin("LLEN", key), 1)
        admin("DEL", key)


def larder_blocked_denials_are_told(server):
    admin = Client(server)
    stats = admin("INFO", "commandstats")
    line = next(line for line in stats.splitlines() if line.startswith("cmdstat_blpop:"))
    check("rejected", "rejected_calls=3" in line and "calls=0" in line, True)
    time.sleep(0.05)
    entry = plain_map(admin("ACL", "LOG", 1)[0])
    check("log", (entry["reason"], entry["object"], entry["username"]), ("key", "list2", "blocked"))
    check("log", "cmd=blpop" in entry["client-info"], True)


def strangers_wait_outside_while_the_default_user_is_off(server):
    admin = Client(server)
    admin("ACL", "SETUSER", "default", "off")
    stranger = resp.Connection(server.port, 2)
    for words in ([b"PING"], [b"ACL", b"WHOAMI"], [b"HELLO", b"3"]):
        check("noauth", plain(stranger.ask(words)).split()[0], "NOAUTH")
    check("wrong", plain(stranger.ask([b"HELLO", b"2", b"AUTH", b"a", b"b"])).split()[0],
          "WRONGPASS")
    check("mine", admin("PING"), "PONG")
    admin("ACL", "SETUSER", "default", "on")
    check("pong", plain(stranger.ask([b"PING"])), "PONG")


def larder_hello_takes_the_last_login(server):
    for name in ("one", "two"):
        Client(server)("ACL", "SETUSER", name, "reset", "on", ">right", "+@all")
    client = Client(server)
    client("HELLO", 2, "AUTH", "one", "wrong", "AUTH", "two", "right", "AUTH", "one", "right")
    check("whoami", client("ACL", "WHOAMI"), "one")
    check("refused", client("HELLO", 2, "AUTH", "one", "right", "AUTH", "two", "wrong", "SETNAME",
                            "x").split()[0], "WRONGPASS")
    check("whoami", client("ACL", "WHOAMI"), "one")
    check("name", client("CLIENT", "GETNAME"), None)
    client("RESET")
    check("reset", client("ACL", "WHOAMI"), "default")


def client_kill_knows_users(server):
    user(server, "victim", "+@all")
    victims = [as_user(server, "victim") for _ in range(3)]
    check("killed", Client(server)("CLIENT", "KILL", "USER", "victim"), 3)
    check("closed", [is_closed(victim) for victim in victims], [True] * 3)


def larder_secrets_are_not_shown(server):
    admin = Client(server)
    admin("CONFIG", "SET", "slowlog-log-slower-than", 0)
    admin("SLOWLOG", "RESET")
    admin("ACL", "SETUSER", "test user", "+get", ">secret")
    admin("CONFIG", "SET", "masterauth", "")
    admin("CONFIG", "SET", "requirepass", "", "appendonly", "no")
    admin("AUTH", "default", "secret")
    admin("HELLO", 2, "AUTH", "default", "secret")
    admin("ACL", "GETUSER", "someone")
    admin("ACL", "DELUSER", "someone", "else")
    admin("CONFIG", "SET", "slowlog-log-slower-than", 10000)
    hidden = "(redacted)"
    shown = [" ".join(entry[3]).lower() for entry in reversed(admin("SLOWLOG", "GET", -1))]
    check("slowlog", [line for line in shown if "slow" not in line], [
        f"acl setuser {hidden} {hidden} {hidden}", f"config set masterauth {hidden}",
        f"config set requirepass {hidden} appendonly no", f"auth {hidden} {hidden}",
        f"hello 2 auth {hidden} {hidden}", f"acl getuser {hidden}",
        f"acl deluser {hidden} {hidden}"])


def larder_no_request_slips_through(server):
    """Behind the reply of ACL SETUSER nothing that it forbids is run any more."""
    admin = Client(server)
    user(server, "busy", "+@all", "~*")
    stop, faults = threading.Event(), []
    phase = [0]  # odd: SET is forbidden

    def hammer():
        client = as_user(server, "busy")
        while not stop.is_set():
            before = phase[0]
            reply = client("SET", "k", "v")
            if before % 2 == 1 and phase[0] == before and reply == "OK":
                faults.append(reply)

    threads = [threading.Thread(target=hammer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        admin("ACL", "SETUSER", "busy", "-set")
        phase[0] += 1
        time.sleep(0.002)
        phase[0] += 1
        admin("ACL", "SETUSER", "busy", "+set")
    stop.set()
    for thread in threads:
        thread.join()
    check("slipped through", faults, [])


def scripts_run_as_their_caller(server):
    user(server, "scripter", "+eval", "+get", "+set", "~mine")
    scripter = as_user(server, "scripter")
    admin = Client(server)
    admin("ACL", "LOG", "RESET")
    check("allowed", scripter("EVAL", "return redis.call('get', 'mine')", 1, "mine"), None)
    for script in ("return redis.call('incr', 'mine')", "return redis.pcall('get', 'yours')"):
        reply = scripter("EVAL", script, 0)
        if "ACL failure in script" not in reply and "The user executing the script" not in reply:
            raise AssertionError(f"{script}: {reply}")
    entries = [plain_map(entry) for entry in admin("ACL", "LOG")]
    check("log", [(e["reason"], e["context"], e["object"]) for e in entries],
          [("key", "lua", "yours"), ("command", "lua", "incr")])
    check("client-info", "cmd=eval" in entries[0]["client-info"], True)
    check("keys", scripter("EVAL", "return 1", 1, "yours").split()[0], "NOPERM")
    asks = """local all = {}
    for _, words in ipairs({{'set', 'mine', 'x'}, {'set', 'yours', 'x'}, {'incr', 'mine'}}) do
      table.insert(all, redis.acl_check_cmd(unpack(words)) and 1 or 0)
    end
    return all"""
    check("acl_check_cmd", scripter("EVAL", asks, 0), [1, 0, 0])


# -- files: servers of their own ------------------------------------------------------------------


class FileServer:
    """A server with an ACL file or a configuration file of these lines."""

    def __init__(self, program, acl=None, config="", options=()):
        self.folder = tempfile.TemporaryDirectory(prefix="larder-acl-")
        self.acl, self.config = self.path("users.acl"), self.path("server.conf")
        if acl is not None:
            self.write(acl)
            options = [*options, "--dir", self.folder.name, "--aclfile", "users.acl"]
        with open(self.config, "w") as file:
            file.write(config)
        self.program, self.options = program, options
        self.start()

    def start(self):
        self.server = servers.Server("larder", self.program, self.options, config=[self.config])

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, text):
        with open(self.acl, "w") as file:
            file.write(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.folder.cleanup()


USERS = """user alice on allcommands allkeys &* >alice
user bob on -@all +@set +acl ~set* &* >bob

# a comment
user default on nopass ~* &* +@all
"""


def acl_files(program):
    with FileServer(program, acl=USERS) as files:
        admin = Client(files.server)
        check("users", admin("ACL", "USERS"), ["alice", "bob", "default"])
        admin("ACL", "SETUSER", "doug", "on", "nopass", "resetchannels", "&test*", "+@all", "~*")
        alice, bob, doug = (Client(files.server) for _ in range(3))
        check("alice", alice("AUTH", "alice", "alice"), "OK")
        check("bob", bob("AUTH", "bob", "bob"), "OK")
        check("doug", doug("AUTH", "doug", "any"), "OK")
        alice("SUBSCRIBE", "test")
        doug("SUBSCRIBE", "test")
        check("load", admin("ACL", "LOAD"), "OK")
        check("publish", admin("PUBLISH", "test", "hello"), 1)
        check("alice stays", alice.push(), ["message", "test", "hello"])
        check("doug is gone", is_closed(doug), True)
        check("bob stays", bob("SADD", "set", 1), 1)
        admin("ACL", "SETUSER", "eve", "+get", "allkeys", ">eve", "on", "(+set ~e*)")
        before = admin("ACL", "LIST")
        check("save", admin("ACL", "SAVE"), "OK")
        check("load", admin("ACL", "LOAD"), "OK")
        check("the same", admin("ACL", "LIST"), before)
        files.write(USERS + "user alice on\nuser carol +nonsense\nfoo\n")
        reply = admin("ACL", "LOAD")
        for part in ("Duplicate user 'alice' found on line 6", "users.acl:7: Error in applying "
                     "operation '+nonsense'", "users.acl:8 should start with user keyword",
                     "no change to the previously active ACL rules"):
            check(f"{part!r} in {reply!r}", part in reply, True)
        check("as before", admin("ACL", "LIST"), before)
        os.unlink(files.acl)
        check("missing", admin("ACL", "LOAD").startswith("ERR Error loading ACLs, opening file"),
              True)
        files.write("user alice on nopass +@all\n")
        check("load", admin("ACL", "LOAD"), "OK")
        check("default is back", admin("ACL", "GETUSER", "default")[9], "&*")


def configuration_files(program):
    config = 'user default on nopass ~* +@all -flushdb\nuser joe "on" >pw (+get ~a*)\n'
    with FileServer(program, config=config) as files:
        for _ in range(2):
            admin = Client(files.server)
            denied("flushdb", admin("FLUSHDB"))
            denied("subscribe", admin("SUBSCRIBE", "foo"))
            check("joe", admin("ACL", "LIST")[1].endswith("-@all (~a* resetchannels -@all +get)"),
                  True)
            check("quotes", admin("ACL", "SETUSER", "quoted", "~a\"'b", "(~)\"c +get)"),
                  "ERR Error in ACL SETUSER modifier '(~)\"c +get)': Syntax error")
            check("quotes", admin("ACL", "SETUSER", "quoted", "~a\"'b", '("~)\\"c" +get)'), "OK")
            check("rewrite", admin("CONFIG", "REWRITE"), "OK")
            before = admin("ACL", "LIST")
            files.server.stop()
            files.start()
            check("again", Client(files.server)("ACL", "LIST"), before)
        text = open(files.config).read()
        check("once each", text.count("user joe "), 1)


def passwords_by_option(program):
    with FileServer(program, config="requirepass one\n") as files:
        client = resp.Connection(files.server.port, 2)

        def ask(*words):
            return plain(client.ask([word.encode() for word in words]))

        check("noauth", ask("PING"), "NOAUTH Authentication required.")
        check("auth", ask("AUTH", "one"), "OK")
        check("set", ask("CONFIG", "SET", "requirepass", "two"), "OK")
        check("old", ask("AUTH", "one").split()[0], "WRONGPASS")
        check("new", ask("AUTH", "default", "two"), "OK")
        check("rewrite", ask("CONFIG", "REWRITE"), "OK")
        check("no user lines", "user " in open(files.config).read(), False)


def await_loaded(client):
    """Strangers are refused before they are told that the server is loading."""
    end = time.monotonic() + servers.START_S
    while plain(client.ask([b"PING"])) != "PONG":
        if time.monotonic() > end:
            raise AssertionError("it never ends to load")
        time.sleep(0.01)


def what_was_allowed_once_is_loaded(program):
    """Transactions and SORT of the append-only file ask no user, not even the default one."""
    config = "user default off -@all\nuser boss on nopass ~* &* +@all\nappendonly yes\n"
    with FileServer(program, config=config) as files:
        files.server.stop()
        files.options = ["--dir", files.folder.name]
        files.start()
        for round in (1, 2):
            boss = resp.Connection(files.server.port, 2)
            check("auth", plain(boss.ask([b"AUTH", b"boss", b"x"])), "OK")
            await_loaded(boss)
            if round == 1:
                for line in ("RPUSH list 2 1", "MSET w1 5 w2 4", "MULTI", "SET a b", "INCR c",
                             "EXEC", "SORT list BY w* STORE sorted"):
                    boss.ask([word.encode() for word in line.split()])
                files.server.stop()
                files.start()
                continue
            check("transaction", plain(boss.ask([b"MGET", b"a", b"c"])), ["b", "1"])
            check("sorted", plain(boss.ask([b"LRANGE", b"sorted", b"0", b"-1"])), ["2", "1"])


def bad_starts(program):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "users.acl")
        for options, said in (
                (["--user", "foo", "--user", "foo"], "Duplicate user"),
                (["--user", "default", "--user", "default"], "Duplicate user"),
                (["--user", "foo on +nonsense"], "Unknown command or category name in ACL"),
                (["--aclfile", path], "Error loading ACLs, opening file"),
                (["--aclfile", path, "--user", "foo"], "not both")):
            done = subprocess.run([program, "--port", str(servers.free_port()), *options],
                                  capture_output=True, text=True, timeout=10)
            check(f"{options} ends", done.returncode, 1)
            check(f"{said} in {done.stderr}", said in done.stderr + done.stdout, True)


def main():
    larder = sys.argv[1]
    failed = run(larder, [
        the_clients_of_a_deleted_user_are_closed, subscribers_go_with_their_permission,
        channels_are_checked, rules_hold_when_exec_runs,
        larder_a_blocked_client_is_served_only_when_it_still_may, larder_blocked_denials_are_told,
        strangers_wait_outside_while_the_default_user_is_off, larder_hello_takes_the_last_login,
        client_kill_knows_users, larder_secrets_are_not_shown, larder_no_request_slips_through,
        scripts_run_as_their_caller])
    for test in (acl_files, configuration_files, passwords_by_option,
                 what_was_allowed_once_is_loaded, bad_starts):
        try:
            test(larder)
        except (AssertionError, resp.Closed, OSError) as fault:
            failed = 1
            print(f"{test.__name__}: {type(fault).__name__} {fault}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
