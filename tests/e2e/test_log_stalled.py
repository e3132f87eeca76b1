"""A log that nobody reads stalls nothing: sessions go on, and the process still ends."""

import os
import signal

from harness.addresses import free_address
from harness.clients import connect, round_trip
from harness.sluice import Sluice, backend, frontend, server
from harness.thread_server import echo
from harness.waiting import wait_for


def test_a_full_pipe_as_log(tmp_path, serve):
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # never read: 64 KiB fit, some 200 lines
    address = free_address()
    proxy = Sluice({"frontends": [frontend("front", address, "back")],
                    "backends": [backend("back", [server("s1", serve(echo))])]},
                   launcher=["sh", "-c", f'exec "$@" 2>{fifo}', "sh"])
    try:
        proxy.start()
        for _ in range(500):
            with connect(address) as client:
                assert round_trip(client)
        wait_for(lambda: proxy.status()["sessions"] == 0, "the sessions have ended")
        proxy.running.send(signal.SIGTERM)
        assert proxy.running.wait() == 0, "it ends although its last lines find no reader"
    finally:
        proxy.stop()
        os.close(reader)
