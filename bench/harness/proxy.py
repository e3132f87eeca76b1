"""A running subject: configured, started on its processor, ready, and gone afterwards."""

import os
import socket
import time

from . import proc
from .ports import Reservation
from .programs import Program, ProgramError

READY_TIMEOUT = 10  # seconds
QUIET_SPAN = 0.02  # seconds in which a quiet proxy uses no CPU worth mentioning
QUIET_CPU = 0.0005  # seconds of CPU in that span
QUIET_TIMEOUT = 5  # seconds


class Proxy:
    """One process tree under test, accepting on `port`."""

    def __init__(self, subject, backend_ports, cpus, folder):
        self.reservation = Reservation()
        self.port = self.reservation.port
        name, text = subject.configure(folder, self.port, backend_ports)
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.program = Program(subject.name, subject.command(subject.program, path), cpus, folder)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self):
        """It is ready when its port accepts; what a program creates later (nginx its worker) it has
        created by then, because only that accepts."""
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            if not self.program.is_alive():
                raise ProgramError(self.program.complaint("has ended"))
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise ProgramError(self.program.complaint(f"does not accept on port {self.port}"))

    def pids(self):
        return proc.tree(self.program.pid)

    def cpu_seconds(self):
        return sum(proc.cpu_seconds(pid) for pid in self.pids())

    def settle(self):
        """Waits until the proxy has done what it was given: until it stops using its CPU."""
        deadline = time.monotonic() + QUIET_TIMEOUT
        before = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(QUIET_SPAN)
            after = self.cpu_seconds()
            if after - before < QUIET_CPU:
                return
            before = after
        raise ProgramError(self.program.complaint("keeps using its CPU without any load"))

    def close(self):
        self.program.close()
        self.reservation.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
