#!/usr/bin/env python3
"""The end is asked for, waits for replicas, saves, fails or is called off: as in Redis.
ending.py LARDER_SERVER [test ...]"""
import os
import re
import signal
import time

import lab
import nodes
from nodes import Node

SAVES = ("--save", "3600 1")
SAVES_NOT = ("--save", "")
REFUSED = ("error", b"ERR Errors trying to SHUTDOWN. Check logs.")


def ask_for_end(node, text="SHUTDOWN"):
    """A client that waits for the end."""
    client = node.client()
    client.send(lab.request(text))
    return client


def lagging(primary):
    """A replica that stands still, and lacks a write."""
    replica = Node(nodes.REDIS, follows=primary)
    nodes.wait_linked(replica)
    nodes.wait_same_offset(primary, replica)
    replica.freeze()
    primary.ask("INCR", "k")
    return replica


def left_ms(node):
    return int(node.info("server").get("shutdown_in_milliseconds", -1))


def ends(node):
    assert node.process.wait(lab.PATIENCE_S) == 0
    node.connection = None


def dump_of(node):
    return os.path.exists(node.folder.name + "/dump.rdb")


def test_the_end_waits_for_a_replica_and_then_saves(program):
    for server in (program, nodes.REDIS):
        with Node(server, *SAVES, "--shutdown-timeout", 3600) as primary:
            replica = lagging(primary)
            with replica:
                asking = ask_for_end(primary)
                lab.wait_for(lambda: left_ms(primary) > 3_000_000, "the end waits")
                assert primary.info("clients")["blocked_clients"] == "1"
                writing = ask_for_end(primary, "SET late 1")
                lab.wait_for(lambda: primary.info("clients")["blocked_clients"] == "2",
                             "writes wait")
                assert primary.ask("GET", "k") == b"1"
                assert not dump_of(primary)
                replica.thaw()
                ends(primary)
                assert dump_of(primary)
                lab.wait_for(lambda: replica.ask("GET", "k") == b"1", "the replica has it")
                assert "1 of 1 replicas are in sync when shutting down" in primary.log_text()
                for client in (asking, writing):
                    client.close()


def test_the_end_is_called_off(program):
    for server in (program, nodes.REDIS):
        with Node(server, *SAVES, "--shutdown-timeout", 3600) as primary:
            assert primary.error("SHUTDOWN", "ABORT") == "ERR No shutdown in progress."
            replica = lagging(primary)
            with replica:
                for _ in range(2):
                    asking = [ask_for_end(primary), ask_for_end(primary, "SHUTDOWN NOSAVE")]
                    lab.wait_for(lambda: primary.info("clients")["blocked_clients"] == "2",
                                 "both wait")
                    assert primary.ask("SHUTDOWN", "ABORT") == b"OK"
                    for client in asking:
                        assert client.read() == REFUSED
                        if server == program:  # Redis 7.0 crashes
                            assert client.ask([b"PING"]) == ("simple", b"PONG")
                        client.close()
                    assert primary.ask("INCR", "k") > 0
                assert primary.error("SHUTDOWN", "ABORT") == "ERR No shutdown in progress."
                assert left_ms(primary) == -1
                assert primary.log_text().count("Shutdown manually aborted.") == 2
                replica.thaw()
                nodes.wait_same_offset(primary, replica)
                assert replica.ask("GET", "k") == b"3"
                ask_for_end(primary).close()
                ends(primary)


def test_a_signal_is_called_off(program):
    for server in (program, nodes.REDIS):
        with Node(server, "--shutdown-timeout", 3600) as primary:
            replica = lagging(primary)
            with replica:
                primary.process.terminate()
                lab.wait_for(lambda: left_ms(primary) > 0, "the end waits")
                assert primary.ask("SHUTDOWN", "ABORT") == b"OK"
                assert primary.ask("INCR", "k") == 2
                primary.process.send_signal(signal.SIGINT)
                lab.wait_for(lambda: left_ms(primary) > 0, "the end waits")
                primary.process.send_signal(signal.SIGINT)
                assert primary.process.wait(lab.PATIENCE_S) == 1, "who insists gets it at once"
                primary.process.returncode = 0
                primary.connection = None
                replica.thaw()


def test_who_insists_leaves_no_half_file(program):
    for server in (program, nodes.REDIS):
        with Node(server, *SAVES) as node:
            for i in range(100):
                node.ask("SET", f"k{i}", "v")
            node.ask("CONFIG", "SET", "rdb-key-save-delay", 100_000)
            half = f"{node.folder.name}/temp-{node.process.pid}.rdb"
            node.process.send_signal(signal.SIGINT)
            lab.wait_for(lambda: os.path.exists(half), "it saves")
            node.process.send_signal(signal.SIGINT)
            assert node.process.wait(lab.PATIENCE_S) == 1
            node.process.returncode = 0
            node.connection = None
            assert not os.path.exists(half)


def test_now_does_not_wait(program):
    with Node(program, *SAVES, "--shutdown-timeout", 3600) as primary:
        replica = lagging(primary)
        with replica:
            asking = ask_for_end(primary)
            lab.wait_for(lambda: left_ms(primary) > 0, "the end waits")
            ask_for_end(primary, "SHUTDOWN NOW").close()
            ends(primary)
            assert dump_of(primary)
            assert "Lagging replica" in primary.log_text()
            asking.close()
            replica.thaw()


def test_a_failed_save_keeps_it_alive(program):
    for server in (program, nodes.REDIS):
        with Node(server, *SAVES, "--enable-protected-configs", "yes") as node:
            node.ask("SET", "k", "v")
            os.mkdir(node.folder.name + "/taken")
            node.ask("CONFIG", "SET", "dbfilename", "taken")
            client = node.client()
            assert client.ask([b"SHUTDOWN"]) == REFUSED
            node.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
            lab.wait_for(lambda: client.ask([b"SET", b"k", b"w"]) == ("simple", b"OK"),
                         "it goes on")
            node.process.terminate()
            said = "Error trying to save the DB, can't exit."
            lab.wait_for(lambda: node.log_text().count(said) == 2, "the signal came to nothing")
            lab.wait_for(lambda: node.raw("SET", "k", "w") == ("simple", b"OK"), "writes go on")
            client.send(lab.request("SHUTDOWN FORCE"))
            ends(node)
            client.close()


def test_what_signals_ask_for(program):
    for server in (program, nodes.REDIS):
        for options, number, saved in (
                ((*SAVES_NOT, "--shutdown-on-sigint", "save"), signal.SIGINT, True),
                ((*SAVES_NOT, "--shutdown-on-sigint", "save"), signal.SIGTERM, False),
                ((*SAVES, "--shutdown-on-sigterm", "nosave now"), signal.SIGTERM, False),
                ((*SAVES, "--shutdown-on-sigterm", "nosave now"), signal.SIGINT, True),
                ((*SAVES_NOT, "--shutdown-on-sigterm", "save force"), signal.SIGTERM, True)):
            with Node(server, *options) as node:
                node.ask("SET", "k", "v")
                node.process.send_signal(number)
                ends(node)
                assert dump_of(node) == saved, (server, options, number)


def test_the_log_tells_of_a_crash(program):
    if lab.SANITIZED:
        return
    for told in ("yes", "no"):
        server = lab.Server(program, "--logfile", "own.log", "--crash-log-enabled", told)
        server.process.send_signal(signal.SIGSEGV)
        assert server.process.wait(lab.PATIENCE_S) == -signal.SIGSEGV
        with open(server.folder.name + "/own.log") as log:
            said = log.read()
        assert ("crashed by signal 11 (SEGV)" in said) == (told == "yes"), said
        # The C library calls the program by its title.
        frame = re.search(r"/larder-server 127\.0\.0\.1:\d+\(\+0x", said)
        assert (frame is not None) == (told == "yes"), said
    server = lab.Server(program, "--logfile", "own.log", "--enable-debug-command", "local")
    server.client().send(lab.request("DEBUG SEGFAULT"))
    assert server.process.wait(lab.PATIENCE_S) == -signal.SIGSEGV
    with open(server.folder.name + "/own.log") as log:
        assert "crashed by signal 11 (SEGV)" in log.read()


def test_sigalrm_tells_what_the_threads_are_at(program):
    with lab.Server(program, "--threads", 2, "--enable-debug-command", "local") as server:
        sleeper = server.client()
        sleeper.send(lab.request("DEBUG SLEEP 1"))
        server.process.send_signal(signal.SIGALRM)

        def told():
            said = server.log_text().partition("Received SIGALRM")[2]
            return all(re.search(rf"Thread {name} \(\d+\) is at:\n.*\[0x", said)
                       for name in ("worker-0", "worker-1", "reclaimer"))
        lab.wait_for(told, "the log tells")
        assert sleeper.read() == ("simple", b"OK")
        assert server.ask("PING") == b"PONG"
        sleeper.close()


def test_signals_that_force(program):
    for server in (program, nodes.REDIS):
        with Node(server, *SAVES, "--shutdown-on-sigterm", "force", "--shutdown-timeout", 3600,
                  "--shutdown-on-sigint", "now", "--enable-protected-configs", "yes") as node:
            node.ask("SET", "k", "v")
            os.mkdir(node.folder.name + "/taken")
            node.ask("CONFIG", "SET", "dbfilename", "taken")
            node.process.terminate()
            ends(node)
        with Node(server, *SAVES, "--shutdown-timeout", 3600,
                  "--shutdown-on-sigint", "now") as node:
            replica = lagging(node)
            with replica:
                node.process.send_signal(signal.SIGINT)
                ends(node)
                replica.thaw()


def test_the_first_append_only_file_is_waited_for(program):
    """Without it the log would not hold the data."""
    for server in (program, nodes.REDIS):
        with Node(server, *SAVES_NOT) as node:
            for i in range(100):
                node.ask("SET", f"k{i}", "v")
            node.ask("CONFIG", "SET", "rdb-key-save-delay", 1_000_000)
            node.ask("CONFIG", "SET", "appendonly", "yes")
            lab.wait_for(lambda: node.info("persistence")["aof_rewrite_in_progress"] == "1",
                         "it is being written")
            time.sleep(1)  # the delay holds for this file, too
            client = node.client()
            assert client.ask([b"SHUTDOWN"]) == REFUSED
            assert "Writing initial AOF, can't exit." in node.log_text()
            assert client.ask([b"SET", b"k", b"v"]) == ("simple", b"OK")
            client.send(lab.request("SHUTDOWN FORCE"))
            ends(node)
            client.close()


if __name__ == "__main__":
    lab.main()
