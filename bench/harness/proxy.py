"""A running subject: configured, started on its processor, ready, and gone afterwards."""

import os
import socket
import time

from . import proc
from .ports import Reservation
from .programs import Program, ProgramError
from .setup import Setup

READY_TIMEOUT = 10  # seconds
QUIET_SPAN = 0.02  # seconds in which a quiet proxy uses no CPU worth mentioning
QUIET_CPU = 0.0005  # seconds of CPU in that span
QUIET_TIMEOUT = 5  # seconds


def accepts(port):
    """Whether something accepts TCP connections at this loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def is_udp_bound(port):
    """Whether some UDP socket of this network namespace has the port (proc_net(5))."""
    with open("/proc/self/net/udp", encoding="ascii") as table:
        return any(line.split()[1].endswith(f":{port:04X}") for line in list(table)[1:])


class Proxy:
    """One process tree under test in a scenario, before the servers at `backend_ports`."""

    def __init__(self, subject, scenario, backend_ports, cpus, folder, certificate=""):
        self.reservation = Reservation()
        self.port = self.reservation.port
        self.is_ready = is_udp_bound if scenario.protocol == "udp" else accepts
        self.reload_signal = subject.reload_signal
        name, text = subject.configure(
            Setup(scenario, folder, self.port, backend_ports, certificate))
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.program = Program(subject.name, subject.command_for(scenario, path), cpus, folder)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self):
        """It is ready when its port accepts (only the worker that nginx creates later does that). A
        UDP port is there before that worker: settle() sees it through."""
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            if not self.program.is_alive():
                raise ProgramError(self.program.complaint("has ended"))
            if self.is_ready(self.port):
                return
            time.sleep(0.01)
        raise ProgramError(self.program.complaint(f"does not accept on port {self.port}"))

    def pids(self):
        return proc.tree(self.program.pid)

    def cpu_seconds(self):
        return proc.tree_cpu_seconds(self.pids())

    def reload(self):
        """Asks for it and does not wait."""
        self.program.process.send_signal(self.reload_signal)

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
