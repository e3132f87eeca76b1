"""Counts the system calls of processes with perf(1), in a run of its own: tracing costs time."""

import os
import select
import signal
import subprocess
import sys

EVENT = "raw_syscalls:sys_enter"
TIMEOUT = 10  # seconds for perf to start, obey or end


class CountError(RuntimeError):
    """perf is missing, may not trace here, or does not answer."""


class SyscallCounter:
    """perf stat on `pids`, not counting until it is told to (perf-stat(1), --control)."""

    def __init__(self, pids):
        orders_read, self.orders = os.pipe()
        self.answers, answers_write = os.pipe()
        command = ["perf", "stat", "-x", ";", "-e", EVENT, "-p", ",".join(map(str, pids)),
                   "--delay=-1", f"--control=fd:{orders_read},{answers_write}"]
        try:
            self.perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True,
                                         stderr=subprocess.PIPE,
                                         pass_fds=(orders_read, answers_write))
        except OSError as error:
            raise CountError(f"perf: {error}") from None
        finally:
            os.close(orders_read)
            os.close(answers_write)

    def _order(self, word):
        try:
            os.write(self.orders, word.encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended: its message tells why
        readable, _, _ = select.select([self.answers], [], [], TIMEOUT)
        if not readable or b"ack" not in os.read(self.answers, 64):
            self.perf.kill()
            raise CountError("perf stat: " + self.perf.communicate()[1].strip())

    def count(self, work):
        """Runs `work()`; gives its result and the number of system calls made meanwhile."""
        self._order("enable")
        result = work()
        self._order("disable")
        self.perf.send_signal(signal.SIGINT)
        text = self.perf.communicate(timeout=TIMEOUT)[1]
        number = next((line.split(";")[0] for line in text.splitlines() if EVENT in line), "")
        if not number.isdigit():
            raise CountError("perf stat: " + text.strip())
        return result, int(number)

    def close(self):
        if self.perf.poll() is None:
            self.perf.kill()
        self.perf.wait()
        self.perf.stderr.close()
        os.close(self.orders)
        os.close(self.answers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def is_possible():
    """Whether system calls can be counted here; says why not."""
    try:
        with SyscallCounter([os.getpid()]) as counter:
            counter.count(os.getppid)
        return True
    except CountError as error:
        print(f"bench: system calls are not counted: {error}", file=sys.stderr)
        return False
