"""What the harness's tests share: the harness itself, the built programs, small servers."""

import os
import socket
import sys
import tempfile
import threading

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "bench"))

BUILD = os.environ.get("SLUICE_BENCH_BUILD", os.path.join(ROOT, "build"))
CPUS = frozenset(os.sched_getaffinity(0))


def scenario(**fields):
    """A Scenario with the fields that a test is not about filled in."""
    from harness.scenario import Scenario
    return Scenario(**{"name": "test", "what": "a test", "mode": "echo", "service": "echo",
                       "verify": True, **fields})


def folder():
    return tempfile.TemporaryDirectory(prefix="sluice-bench-test-")


class MisbehavingServer:
    """Accepts one client on a free loopback port and hands it to `serve(client)` in a thread."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, args=(serve,))
        self.thread.start()

    def _run(self, serve):
        try:
            client, _ = self.listener.accept()
            with client:
                serve(client)
        except OSError:
            pass  # the test has ended first

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
