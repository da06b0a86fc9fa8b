#!/usr/bin/env python3
"""The machine's clock is set while the server runs: what waits, waits as long as it was told.

clock_jumps.py LARDER_SERVER [test ...]
The clock is a library's that is loaded in front of the system's: it adds what a file says.
"""
import os
import struct
import subprocess
import tempfile

import lab

LIBRARY = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static const volatile long* ahead;
static __attribute__((constructor)) void begin(void) {
  int fd = open(getenv("CLOCK_AHEAD"), O_RDONLY);
  ahead = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
}
int clock_gettime(clockid_t id, struct timespec* now) {
  int failed = (int)syscall(SYS_clock_gettime, id, now);
  if (id == CLOCK_REALTIME && ahead) now->tv_sec += *ahead;
  return failed;
}
"""


class Clock:
    """`with` gives the environment of a program that goes by it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="larder-clock-")
        self.file, self.library = self.folder.name + "/ahead", self.folder.name + "/clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-xc", "-", "-o", self.library],
                       input=LIBRARY, text=True, check=True)
        self.set(0)

    def set(self, ahead_s):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as file:
            file.write(struct.pack("l", ahead_s))

    def __enter__(self):
        os.environ.update(CLOCK_AHEAD=self.file, LD_PRELOAD=self.library)
        return self

    def __exit__(self, *_):
        for name in ("CLOCK_AHEAD", "LD_PRELOAD"):
            os.environ.pop(name, None)
        self.folder.cleanup()


def test_time_outs_stay_as_long_as_they_were(program):
    with Clock() as clock, lab.Server(program) as server:
        started = int(server.ask("TIME")[0][1])
        clients = [server.client() for _ in range(4)]
        for client, text in zip(clients, ("BLPOP none 1", "XREAD BLOCK 1000 STREAMS none $",
                                          "WAIT 1 1000", "BLPOP none 100")):
            client.send(lab.request(text))
        lab.wait_for(lambda: server.info("blocked_clients") == "4", "they wait")
        clock.set(-3600)
        assert int(server.ask("TIME")[0][1]) < started - 3000, "the clock is set"
        assert [client.read() for client in clients[:3]] == [
            ("nil array", None), ("nil array", None), ("integer", 0)]
        clock.set(3600)
        server.ask("BLPOP none 0.1")
        assert server.info("blocked_clients") == "1", "the last one has its time"
        server.ask("LPUSH none here")
        assert clients[3].read()[0] == "array"
        for client in clients:
            client.close()


def test_save_points_stay_as_far_as_they_were(program):
    with lab.folder() as folder, Clock() as clock, \
            lab.Server(program, "--dir", folder, "--save", "1 1") as server:
        clock.set(-3600)
        server.ask("SET k v")
        lab.wait_for(lambda: os.path.exists(f"{folder}/dump.rdb"), "it is saved")
        lab.wait_for(lambda: server.info("rdb_changes_since_last_save") == "0", "all of it")


if __name__ == "__main__":
    if not lab.SANITIZED:  # their library must be the first
        lab.main()
