"""Starts and stops the programs of a measurement, each on the processors it was given."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time


class ProgramError(RuntimeError):
    """A program did not start, ended early or did not answer in time."""


class Program:
    """One child process in its own process group, pinned to `cpus`; ended by its own id.

    Standard output is read line by line as JSON; standard error goes to a file in `folder`, shown
    when the program fails.
    """

    def __init__(self, name, command, cpus, folder):
        self.name = name
        self.command = [str(word) for word in command]
        self.error_path = os.path.join(folder, name + ".stderr")
        self.buffer = b""
        with open(self.error_path, "ab") as errors:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                cwd=folder, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    @property
    def pid(self):
        return self.process.pid

    def say(self, line):
        """Sends one line to the program's standard input."""
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ProgramError(self.complaint("has ended")) from None

    def hear(self, timeout):
        """The next line of its output, as a JSON value; `timeout` in seconds."""
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise ProgramError(self.complaint(f"said nothing for {timeout} s"))
                piece = os.read(self.process.stdout.fileno(), 65536)
                if not piece:
                    raise ProgramError(self.complaint("has ended"))
                self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def is_alive(self):
        return self.process.poll() is None

    def finish_input(self, timeout=10):
        """Closes its input, which asks a load generator to end, and waits for it."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self._wait(timeout)

    def stop(self, timeout=10):
        """Ends it with SIGTERM, or SIGKILL to its group where that does not help."""
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
        self._wait(timeout)

    def _wait(self, timeout):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            print(f"bench: {self.name} (pid {self.pid}) did not end, killed", file=sys.stderr)
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()

    def close(self):
        """Releases everything; the program has ended afterwards, whatever it did before."""
        self.stop()
        for stream in (self.process.stdin, self.process.stdout):
            if not stream.closed:
                stream.close()

    def complaint(self, what):
        with open(self.error_path, "rb") as errors:
            text = errors.read()[-2000:].decode(errors="replace").strip()
        command = " ".join(self.command)
        return f"{self.name} (pid {self.pid}, {command}) {what}: {text or 'no message'}"
