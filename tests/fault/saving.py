#!/usr/bin/env python3
"""Saving when something goes wrong: the old file stays whole. saving.py LARDER_SERVER [test ...]"""
import os
import random
import shutil
import subprocess
import tempfile
import time

import lab

SAVES = ("--save", "3600 1")


def fill(client, first, count, size=100):
    for start in range(first, first + count, 500):
        words = [b"MSET"]
        for i in range(start, min(start + 500, first + count)):
            words += [b"key:%d" % i, os.urandom(size // 2) + b"x" * (size // 2)]
        client.ask(words)


def checked(path):
    done = subprocess.run(["redis-check-rdb", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-800:]


def wait_for(what, patience_s=lab.PATIENCE_S):
    limit = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < limit, "it did not come true"
        time.sleep(0.02)


def test_killed_while_it_saves(program):
    """kill -9 at any moment: the file is the old or the new one, and loads."""
    with tempfile.TemporaryDirectory() as folder:
        options = (*SAVES, "--dir", folder)
        server = lab.Server(program, *options)
        fill(server.client(), 0, 50_000)
        server.ask("SAVE")
        for round_number in range(5):
            fill(server.client(), 50_000 + round_number * 1000, 1000)
            server.ask("BGSAVE")
            time.sleep(random.random() * 0.15)
            server.process.kill()
            server.process.wait()
            checked(folder + "/dump.rdb")
            server.log.close()
            server = lab.Server(program, *options)
            wait_for(lambda: server.info("loading") == "0")
            keys = int(server.ask("DBSIZE"))
            assert 50_000 <= keys <= 51_000 + round_number * 1000, keys
        server.stop()


def test_no_room_on_the_disk(program):
    """The save fails with a reason, writes are refused, and all is well when there is room."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", folder],
                                 capture_output=True)
        if mounted.returncode != 0:
            return  # not allowed here
        try:
            full_disk(program, folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def full_disk(program, folder):
    with lab.Server(program, *SAVES, "--dir", folder) as server:
        client = server.client()
        fill(client, 0, 5000)
        server.ask("SAVE")
        whole = open(folder + "/dump.rdb", "rb").read()
        fill(client, 5000, 50_000)
        kind, text = client.ask([b"SAVE"])
        assert kind == "error", text
        assert open(folder + "/dump.rdb", "rb").read() == whole
        assert os.listdir(folder) == ["dump.rdb"], "nothing half is left"
        assert client.ask([b"SET", b"a", b"1"])[0] == "simple", "who waited for SAVE knows"
        server.ask("BGSAVE")
        wait_for(lambda: server.info("rdb_last_bgsave_status") == "err")
        assert "No space left" in server.log_text()
        wait_for(lambda: client.ask([b"SET", b"a", b"1"])[0] == "error")
        assert client.ask([b"SET", b"a", b"1"])[1].startswith(b"MISCONF")
        assert client.ask([b"GET", b"key:1"])[0] == "bulk"
        client.ask(lab.words("CONFIG SET stop-writes-on-bgsave-error no"))
        wait_for(lambda: client.ask([b"SET", b"a", b"1"])[0] == "simple")
        client.ask(lab.words("FLUSHALL"))
        wait_for(lambda: server.info("rdb_last_bgsave_status") == "ok")
        kind, text = client.ask(lab.words("SAVE"))
        assert kind == "simple" or b"already in progress" in text


def scripts_are_refused(client):
    """While nothing can be saved, scripts may read; those that mean to write do not begin."""
    def run(code):
        return client.ask([b"EVAL", code, b"1", b"key:1"])
    wait_for(lambda: client.ask([b"SET", b"a", b"1"])[0] == "error")
    for code in (b"return redis.call('set', KEYS[1], 'x')", b"#!lua\nreturn 1"):
        kind, text = run(code)
        assert kind == "error" and text.startswith(b"MISCONF"), text
    for code in (b"return #redis.call('get', KEYS[1])", b"#!lua flags=no-writes\nreturn 100"):
        assert run(code) == ("integer", 100), code


def test_nowhere_to_write(program):
    with tempfile.TemporaryDirectory() as folder:
        with lab.Server(program, *SAVES, "--dir", folder, "--enable-protected-configs",
                        "yes") as server:
            client = server.client()
            fill(client, 0, 10)
            os.mkdir(folder + "/taken")
            client.ask(lab.words("CONFIG SET dbfilename taken"))
            assert client.ask([b"SAVE"])[0] == "error"
            server.ask("BGSAVE")
            wait_for(lambda: server.info("rdb_last_bgsave_status") == "err")
            assert os.listdir(folder) == ["taken"]
            scripts_are_refused(client)
            kind, _ = client.ask(lab.words("SHUTDOWN"))
            assert kind == "error", "it goes on when it can't save"
            client.ask(lab.words("CONFIG SET dbfilename dump.rdb"))
            wait_for(lambda: client.ask([b"SAVE"])[0] == "simple")
            wait_for(lambda: client.ask([b"SET", b"a", b"1"])[0] == "simple")
        checked(folder + "/dump.rdb")


def test_the_folder_is_removed(program):
    with tempfile.TemporaryDirectory() as other, tempfile.TemporaryDirectory() as parent:
        folder = parent + "/gone"
        os.mkdir(folder)
        with lab.Server(program, "--dir", folder, "--enable-protected-configs", "yes") as server:
            client = server.client()
            fill(client, 0, 10)
            os.rmdir(folder)
            for word in (b"BGSAVE", b"SAVE", b"BGREWRITEAOF"):
                wait_for(lambda: b"already in progress" not in client.ask([word])[1])
            wait_for(lambda: server.info("rdb_last_bgsave_status") == "err")
            client.ask([b"CONFIG", b"SET", b"dir", other.encode()])
            wait_for(lambda: client.ask([b"SAVE"])[0] == "simple")
        checked(other + "/dump.rdb")


def test_a_configuration_that_can_not_be_read_is_not_written(program):
    with lab.folder() as folder:
        path = f"{folder}/larder.conf"
        with open(path, "w") as config:
            config.write("# mine\n")
        with lab.Server(program, config=[path]) as server:
            os.remove(path)
            os.mkdir(path)
            kind, said = server.client().ask(lab.words("CONFIG REWRITE"))
            assert kind == "error" and b"Rewriting config file" in said, said
            os.rmdir(path)
            assert server.ask("CONFIG REWRITE") == b"OK"
            assert os.path.isfile(path)


def test_a_damaged_file_is_not_loaded(program):
    """The server says where the damage is, and ends."""
    with tempfile.TemporaryDirectory() as folder:
        with lab.Server(program, *SAVES, "--dir", folder) as server:
            fill(server.client(), 0, 2000)
            server.ask("SAVE")
        path = folder + "/dump.rdb"
        whole = open(path, "rb").read()
        for damage in (whole[:-100], whole[:5000] + b"\xfb" * 40 + whole[5040:], b"NOTRDB", b""):
            open(path, "wb").write(damage)
            done = subprocess.run([program, "--port", str(lab.free_port()), "--dir", folder],
                                  capture_output=True, text=True, timeout=lab.PATIENCE_S)
            said = done.stdout + done.stderr
            assert done.returncode == 1, said
            assert "offset " in said, said
            assert open(path, "rb").read() == damage, "the file is left as it is"


def test_the_end_saves(program):
    """SIGTERM and SHUTDOWN save when there are save points, NOSAVE and no points do not."""
    for options, word, kept in ((SAVES, None, True), (SAVES, "SHUTDOWN NOSAVE", False),
                                (("--save", ""), None, False),
                                (("--save", ""), "SHUTDOWN SAVE", True)):
        with tempfile.TemporaryDirectory() as folder:
            with lab.Server(program, *options, "--dir", folder) as server:
                fill(server.client(), 0, 100)
                if word is not None:
                    server.client().send(lab.request(word))  # the end is the answer
                    server.process.wait(timeout=lab.PATIENCE_S)
            assert os.path.exists(folder + "/dump.rdb") == kept, (options, word)


def test_import_takes_what_is_asked_for(program):
    with tempfile.TemporaryDirectory() as folder:
        with lab.Server(program, "--save", "", "--dir", folder) as server:
            client = server.client()
            for text in ("SET user:1 a", "SET user:2 b", "SET other c", "SELECT 2", "SET user:3 d"):
                client.ask(lab.words(text))
            client.ask([b"SAVE"])
        shutil.move(folder + "/dump.rdb", folder + "/from.rdb")
        for more, keys in (((), (3, 1)), (("--import-pattern", "user:*"), (2, 1)),
                           (("--import-db", "2"), (0, 1))):
            with lab.Server(program, "--save", "", "--dir", folder, "--import",
                            folder + "/from.rdb", *more) as server:
                wait_for(lambda: server.info("loading") == "0")
                client = server.client()
                got = []
                for db in (0, 2):
                    client.ask(lab.words(f"SELECT {db}"))
                    got.append(int(client.ask([b"DBSIZE"])[1]))
                assert tuple(got) == keys, (more, got)


def test_a_newer_format_where_it_is_asked_for(program):
    """rdb-version 11: a stream's consumers keep that they got nothing yet."""
    for version, inactive in ((b"10", False), (b"11", True)):
        with tempfile.TemporaryDirectory() as folder:
            with lab.Server(program, *SAVES, "--dir", folder) as server:
                for text in (f"CONFIG SET rdb-version {version.decode()}", "XADD x 1-0 f v",
                             "XGROUP CREATE x group 0", "XGROUP CREATECONSUMER x group idle"):
                    server.ask(text)
                server.ask("SAVE")
            with open(folder + "/dump.rdb", "rb") as file:
                assert file.read(9) == b"REDIS00" + version
            with lab.Server(program, *SAVES, "--dir", folder) as server:
                wait_for(lambda: server.info("loading") == "0")
                facts = [value for _, value in server.ask("XINFO CONSUMERS x group")[0][1]]
                assert (dict(zip(facts[::2], facts[1::2]))[b"inactive"] == -1) == inactive, facts


def test_a_save_point_saves(program):
    with tempfile.TemporaryDirectory() as folder:
        with lab.Server(program, "--save", "1 5", "--dir", folder) as server:
            fill(server.client(), 0, 10)
            wait_for(lambda: os.path.exists(folder + "/dump.rdb"))
            wait_for(lambda: server.info("rdb_changes_since_last_save") == "0")


def keys_in(program, path):
    """How many keys a server that loads a copy of the file has."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, folder + "/dump.rdb")
        with lab.Server(program, "--dir", folder) as server:
            wait_for(lambda: server.info("loading") == "0")
            return int(server.ask("DBSIZE"))


def begin_to_save(server, client, word="BGSAVE"):
    """It would take minutes. A key more than the last save had tells it from that."""
    client.ask(lab.words("CONFIG SET rdb-key-save-delay 100000"))
    client.ask([b"SET", b"one:more", b""])
    keys = int(client.ask([b"DBSIZE"])[1])
    client.send(lab.request(word))
    wait_for(lambda: int(server.info("current_save_keys_total")) == keys)
    if word == "BGSAVE":
        assert client.read()[0] == "simple"


def test_flushall_ends_a_save(program):
    """What is being saved is gone. With save points the answer comes when the file is empty."""
    for options, kept in ((SAVES, 0), (("--save", ""), 2000)):
        for flush in ("FLUSHALL", "FLUSHALL ASYNC", "EVAL return(redis.call('flushall')) 0"):
            with tempfile.TemporaryDirectory() as folder:
                with lab.Server(program, *options, "--dir", folder) as server:
                    client = server.client()
                    fill(client, 0, 2000)
                    client.ask([b"SAVE"])
                    begin_to_save(server, client)
                    assert client.ask(lab.words(flush)) == ("simple", b"OK")
                    if flush.startswith("EVAL"):  # nothing may wait there
                        wait_for(lambda: server.info("rdb_bgsave_in_progress") == "0")
                    assert keys_in(program, folder + "/dump.rdb") == kept, (options, flush)
                    wait_for(lambda: server.info("rdb_bgsave_in_progress") == "0")
                    assert server.info("rdb_last_bgsave_status") == "ok"
                    assert os.listdir(folder) == ["dump.rdb"], "nothing half is left"
                    server.process.kill()  # what is on the disk stays as it is
                    server.process.wait()
                    server.process.returncode = 0
                assert keys_in(program, folder + "/dump.rdb") == kept


def test_flushdb_lets_a_save_go_on(program):
    with tempfile.TemporaryDirectory() as folder:
        with lab.Server(program, *SAVES, "--dir", folder) as server:
            client = server.client()
            fill(client, 0, 20)
            begin_to_save(server, client)
            client.ask([b"FLUSHDB"])
            assert server.info("rdb_bgsave_in_progress") == "1"
            wait_for(lambda: server.info("rdb_bgsave_in_progress") == "0")
            assert keys_in(program, folder + "/dump.rdb") == 21


def test_save_beside_flushall(program):
    """Who waits for SAVE gets a file, the empty one."""
    with tempfile.TemporaryDirectory() as folder:
        with lab.Server(program, "--save", "", "--dir", folder) as server:
            client, saving = server.client(), server.client()
            fill(client, 0, 2000)
            begin_to_save(server, saving, "SAVE")
            assert client.ask([b"FLUSHALL"]) == ("simple", b"OK")
            assert saving.read() == ("simple", b"OK")
            assert keys_in(program, folder + "/dump.rdb") == 0


def test_the_end_does_not_wait_for_bgsave(program):
    """What it would write is old. With save points the end saves by itself."""
    for options, word in ((("--save", ""), None), (("--save", ""), "SHUTDOWN"), (SAVES, None),
                          (SAVES, "SHUTDOWN"), (SAVES, "SHUTDOWN NOSAVE")):
        with tempfile.TemporaryDirectory() as folder:
            with lab.Server(program, *options, "--dir", folder) as server:
                client = server.client()
                fill(client, 0, 2000)
                begin_to_save(server, client)
                client.ask(lab.words("CONFIG SET rdb-key-save-delay 0"))
                client.ask([b"SET", b"late", b""])
                if word is not None:
                    client.send(lab.request(word))
                else:
                    server.process.terminate()
                assert server.process.wait(lab.PATIENCE_S) == 0
            saves = options == SAVES and word != "SHUTDOWN NOSAVE"
            assert os.path.exists(folder + "/dump.rdb") == saves, (options, word)
            assert not saves or keys_in(program, folder + "/dump.rdb") == 2002


if __name__ == "__main__":
    lab.main()
