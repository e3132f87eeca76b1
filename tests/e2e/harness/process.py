"""Child processes that end with the test, and what /proc tells about a process."""

import os
import signal
import subprocess
from pathlib import Path

from .settings import TIME_SCALE
from .waiting import wait_for


def run(*command, seconds=60, check=True, **options):
    """Runs a program to its end; its output is text in the result. Fails on a non-zero status."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=seconds * TIME_SCALE, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                             f"{done.stdout}\n{done.stderr}")
    return done


class Background:
    """A program that runs beside the test; `log` is the file with its output."""

    def __init__(self, command, log, **options):
        self.command = [str(word) for word in command]
        self.log = Path(log)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, **options)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def wait_until(self, condition, what, seconds=10):
        """wait_for, but fails at once with the output when the program ends."""
        def check():
            if not self.is_running():
                raise AssertionError(f"{self.command[0]} ended with {self.process.returncode} "
                                     f"before: {what}\n{self.output()}")
            return condition()
        return wait_for(check, what, seconds)

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=30):
        """Waits for the end and returns the exit status."""
        return self.process.wait(seconds * TIME_SCALE)

    def stop(self, number=signal.SIGTERM, seconds=10):
        if self.is_running():
            self.send(number)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid):
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))


def status(pid, key):
    """A field of /proc/PID/status: the number of `VmRSS` is in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return line.split(":", 1)[1].strip()
    raise KeyError(key)


def resident_kib(pid):
    return int(status(pid, "VmRSS").split()[0])


def cpu_seconds(pid):
    """User and system time of the whole process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
