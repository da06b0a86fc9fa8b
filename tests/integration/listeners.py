"""What the integration tests of pushes share: servers of both kinds and clients."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../conformance")
import expect  # noqa: E402
import resp  # noqa: E402
import servers  # noqa: E402


class Client(resp.Connection):
    """Asks with words, answers with plain values."""

    def __init__(self, server, protocol=2):
        super().__init__(server.port, protocol)
        self.id = self("CLIENT", "ID")

    def __call__(self, *words):
        return plain(self.ask([str(w).encode() if not isinstance(w, bytes) else w for w in words]))

    def tell(self, *words):
        self.send(resp.encode([str(w).encode() for w in words]))

    def push(self):
        """The next thing the server says by itself."""
        return plain(self.read())


def plain(reply):
    kind, value = reply
    if kind in ("array", "push", "set"):
        return [plain(item) for item in value]
    if kind == "map":
        return {plain(key): plain(item) for key, item in value}
    if kind in ("bulk", "simple", "error"):
        return value.decode()
    return value


def check(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: expected {wanted!r:.500}, got {got!r:.500}")


def run(larder, tests, options=()):
    """Every test against a server of both kinds; those named larder_... only against ours."""
    failures = 0
    for name, program, extra in (("larder", larder, ["--threads", "2"]),
                                 ("redis", "redis-server", [])):
        server = servers.Server(name, program, [*extra, *options])
        for test in tests:
            if name == "redis" and test.__name__.startswith("larder_"):
                continue
            try:
                admin = Client(server)
                admin("FLUSHALL")
                test(server)
            except (AssertionError, OSError, resp.Closed, RuntimeError) as fault:
                failures += 1
                print(f"{name}: {test.__name__}: {type(fault).__name__} {fault}")
        server.stop()
    print(f"{len(tests)} tests, {failures} failures")
    return 1 if failures else 0
