#!/usr/bin/env python3
"""Starts that fail, and what a start sets up. starting.py LARDER_SERVER [test ...]"""
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess

import lab

LOCAL = ["--bind", "127.0.0.1"]


def fails_with_one_line(program, options, said, **more):
    code, text = lab.run_to_end(program, options, **more)
    # The log's first lines tell that it starts; what went wrong is the last one, and the only one.
    lines = [line for line in text.splitlines() if " starting, " not in line]
    assert code == 1, (code, text)
    assert len(lines) == 1 and said in lines[0], text


def test_a_taken_port(program):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fails_with_one_line(program, [*LOCAL, "--port", str(port)],
                            f"127.0.0.1:{port}: Address already in use")


def test_bad_addresses(program):
    port = ["--port", str(lab.free_port())]
    fails_with_one_line(program, ["--bind", "192.0.2.1", *port], "Cannot assign requested address")
    fails_with_one_line(program, ["--bind", "no.such.host.invalid", *port],
                        "Could not resolve bind address")
    fails_with_one_line(program, ["--port", "0"], "Configured to not listen anywhere")
    fails_with_one_line(program, ["--port", "0", "--unixsocket", "/no/such/folder/sock"],
                        "Unix socket /no/such/folder/sock")
    fails_with_one_line(program, ["--port", "0", "--unixsocket", "/tmp/" + "x" * 200],
                        "Unix socket path too long")


def test_an_address_that_may_be_missing(program):
    addresses = ["127.0.0.1", "-192.0.2.1", "-no.such.host.invalid"]
    with lab.Server(program, "--bind", *addresses) as server:
        assert server.ask("PING") == b"PONG"


def test_bad_options(program):
    fails_with_one_line(program, ["--port", "x"], "--port")
    fails_with_one_line(program, ["--prot", "1"], "unknown option 'prot'")
    fails_with_one_line(program, ["/no/such.conf"], "/no/such.conf: can't be read")
    fails_with_one_line(program, [*LOCAL, "--logfile", "/proc/log"], "/proc/log")


def test_a_check_finds_what_the_start_would(program):
    """Not only in the options: with the line, and with the same words as the start."""
    with lab.folder() as folder:
        path = f"{folder}/larder.conf"
        for line, said in (("user joe +bogus", f"{path}:1: Error in user declaration '+bogus'"),
                           ("rename-command bogus x", f"{path}:1: No such command 'bogus'"),
                           ("rename-command get set", f"{path}:1: Target command name 'set'"),
                           ("replicaof somewhere", f"{path}:1: bad value for 'replicaof'"),
                           (f"dir {folder}/none", f"can't work in {folder}/none"),
                           ("dbfilename a/b", f"{path}:1: bad value for 'dbfilename'"),
                           (f"aclfile {folder}/none", f"opening file '{folder}/none'"),
                           ("tls-port 1", "TLS needs tls-cert-file")):
            with open(path, "w") as config:
                config.write(line + "\nport 0\n")
            for options in ([path, "--check-config"], [path]):
                fails_with_one_line(program, options, said)
        with open(path, "w") as config:
            config.write("user joe +get\nrename-command get take\n")
        assert lab.run_to_end(program, [path, "--check-config"]) == (
            0, "The configuration is good.\n")


def test_a_relative_log_stands_in_the_folder(program):
    with lab.Server(program, "--logfile", "own.log") as server:
        path = f"{server.folder.name}/own.log"
        lab.wait_for(lambda: "Ready" in open(path).read(), "the first lines")
        server.process.send_signal(signal.SIGHUP)
        lab.wait_for(lambda: "SIGHUP" in open(path).read(), "more of them there")


def test_a_daemon_tells_of_its_log_before_it_goes(program):
    fails_with_one_line(program, ["--daemonize", "yes", "--logfile", "/no/such/log"],
                        "/no/such/log")


def test_a_log_whose_folder_is_missing(program):
    with lab.folder() as folder:
        path = f"{folder}/missing/log"
        fails_with_one_line(program, [*LOCAL, "--logfile", path],
                            f"{path}: No such file or directory")
        assert not os.path.exists(f"{folder}/missing")


def test_endless_files(program):
    """A device is no configuration, however it is named."""
    with lab.folder() as folder:
        path = f"{folder}/larder.conf"
        with open(path, "w") as config:
            config.write("port 0\ninclude /dev/zero\n")
        fails_with_one_line(program, [path], "/dev/zero: is no configuration file")
        fails_with_one_line(program, ["/dev/zero"], "/dev/zero: is no configuration file")


def test_includes_by_pattern(program):
    with lab.folder() as folder:
        os.mkdir(f"{folder}/conf.d")
        for name, line in (("a", "maxclients 77"), ("b", "timeout 5"), ("c", "timeout 6")):
            with open(f"{folder}/conf.d/{name}.conf", "w") as config:
                config.write(line + "\n")
        with open(f"{folder}/larder.conf", "w") as config:
            config.write(f"include {folder}/conf.d/*.conf {folder}/none/*.conf\n")
        with lab.Server(program, config=[f"{folder}/larder.conf"]) as server:
            for option, value in (("maxclients", b"77"), ("timeout", b"6")):
                pair = server.client().ask(lab.words(f"CONFIG GET {option}"))[1]
                assert pair[1] == ("bulk", value), pair


def only_files(soft, hard):
    def limit():
        os.setgid(65534)
        os.setuid(65534)  # root may raise the limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return limit


def for_everybody(program, folder):
    """A copy that a user without rights may run."""
    os.chmod(folder, 0o755)
    copy = shutil.copy(program, folder)
    os.chmod(copy, 0o755)
    return copy


def test_too_few_file_descriptors(program):
    if os.getuid() != 0:
        return
    port = ["--port", str(lab.free_port())]
    with lab.folder() as folder:
        copy = for_everybody(program, folder)
        fails_with_one_line(copy, [*LOCAL, *port, "--threads", "2"], "Too few file descriptors",
                            preexec_fn=only_files(40, 40), cwd="/")


def test_a_folder_that_takes_no_files(program):
    if os.getuid() != 0:
        return
    with lab.folder() as folder:
        copy = for_everybody(program, folder)
        for points, warned in (("60 1", True), ("", False)):
            said = []
            with subprocess.Popen(
                    [copy, *LOCAL, "--port", str(lab.free_port()), "--save", points], cwd="/",
                    preexec_fn=only_files(1000, 1000), stderr=subprocess.PIPE,
                    text=True) as server:
                for line in server.stderr:
                    said.append(line)
                    if "Ready to accept" in line:
                        break
                server.kill()
            assert any("Can't save to /: " in line for line in said) == warned, said


def test_redis_conf_of_debian(program):
    with lab.folder() as folder, open("/etc/redis/redis.conf") as original:
        # Its folders belong to the user redis.
        text = original.read().replace("/var/lib/redis", folder).replace("/var/log/redis", folder)
        text = text.replace("/run/redis", folder).replace("daemonize yes", "daemonize no")
        with open(f"{folder}/redis.conf", "w") as config:
            config.write(text)
        with lab.Server(program, config=[f"{folder}/redis.conf"]) as server:
            assert server.client().ask(lab.words("CONFIG GET databases"))[1][1] == ("bulk", b"16")
            _, pair = server.client().ask(lab.words("CONFIG GET pidfile"))
            assert pair[1] == ("bulk", f"{folder}/redis-server.pid".encode()), pair


def test_unix_socket_permissions(program):
    with lab.folder() as folder:
        path = f"{folder}/socket"
        with lab.Server(program, "--unixsocket", path, "--unixsocketperm", 700):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(path)
                peer.sendall(b"PING\r\n")
                assert peer.recv(100) == b"+PONG\r\n"
        assert not os.path.exists(path), "it is removed at the end"


def test_sighup_opens_the_log_again(program):
    with lab.folder() as folder:
        path = f"{folder}/log"
        with lab.Server(program, "--logfile", path) as server, lab.Pinger(server):
            lab.wait_for(lambda: "Ready" in open(path).read(), "the first lines")
            os.rename(path, path + ".1")
            server.process.send_signal(signal.SIGHUP)
            lab.wait_for(lambda: os.path.exists(path) and "SIGHUP" in open(path).read(),
                         "a new log")
            # One that can't be opened is no reason to end.
            os.remove(path)
            os.mkdir(path)
            server.process.send_signal(signal.SIGHUP)
            assert server.ask("PING") == b"PONG"


def test_pid_file(program):
    with lab.folder() as folder:
        path = f"{folder}/larder.pid"
        with lab.Server(program, "--pidfile", path) as server:
            lab.wait_for(lambda: os.path.exists(path) and
                         open(path).read().strip() == str(server.process.pid), "the pid file")
        assert not os.path.exists(path)


if __name__ == "__main__":
    lab.main()
