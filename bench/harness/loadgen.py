"""The load generator and its backend (bench/load/), as objects."""

import os

from .certificate import NAME
from .programs import Program, ProgramError

START_TIMEOUT = 60  # seconds; thousands of connections are opened one after the other
MOST_LOST = 0.01  # share of datagrams; with more it is another load than what was asked for
DRAIN_TIMEOUT = 45  # seconds beyond the run itself: more than the load generator's own limits


class Backend:
    """The servers behind the proxy, with TLS where they have a certificate. `totals` is there once
    it was closed."""

    def __init__(self, build, spec, cpus, folder, certificate=""):
        command = [os.path.join(build, "bench/load/sluice-bench-backend"),
                   "--service", spec.service, "--listeners", spec.servers,
                   "--request", spec.request_bytes, "--response", spec.response_bytes]
        # On every loopback address, where the servers have several.
        command += ["--listen", "0.0.0.0:0"] if spec.server_addresses > 1 else []
        command += ["--udp"] if spec.protocol == "udp" else []
        command += ["--tls", certificate] if certificate else []
        command += ["--verify"] if spec.verify else []
        self.program = Program("backend", command, cpus, folder)
        try:
            self.ports = self.program.hear(START_TIMEOUT)["ports"]
        except BaseException:
            self.program.close()
            raise
        self.totals = None

    @property
    def pid(self):
        return self.program.pid

    def close(self):
        """Ends it and keeps what it counted."""
        if self.totals is None and self.program.is_alive():
            self.program.stop()
            self.totals = self.program.hear(START_TIMEOUT)
        self.program.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Load:
    """A load generator with its connections open, waiting for commands. `exchange` is the request
    of HTTP, as bytes, and the length of its response."""

    def __init__(self, build, spec, targets, cpus, folder, exchange=None):
        command = [os.path.join(build, "bench/load/sluice-bench-load"), "--mode", spec.mode,
                   "--connections", spec.connections, "--sources", spec.sources,
                   "--rate", spec.rate]
        command += self._shape(spec, exchange, folder)
        for port in targets:
            command += ["--target", f"127.0.0.1:{port}"]
        if spec.protocol == "udp":
            command += ["--udp", "--burst", spec.burst, "--outstanding", spec.outstanding]
        if spec.has_tls:
            command += ["--tls", "--tls-version", spec.tls_version, "--tls-name", NAME]
            command += ["--tls-resume"] if spec.resumes else []
        command += ["--bursts"] if spec.bursts else []
        command += ["--verify"] if spec.verify else []
        self.burst = spec.burst
        self.program = Program("load", command, cpus, folder)
        try:
            self.program.hear(START_TIMEOUT)
        except BaseException:
            self.program.close()
            raise

    @staticmethod
    def _shape(spec, exchange, folder):
        if not exchange:
            return ["--request", spec.request_bytes, "--response", spec.response_bytes]
        path = os.path.join(folder, "request")
        with open(path, "wb") as file:
            file.write(exchange[0])
        return ["--request-file", path, "--response", exchange[1]]

    @property
    def pid(self):
        return self.program.pid

    def run(self, seconds):
        """Loads for that long; gives the load generator's report."""
        self.begin(seconds)
        return self.finish(seconds)

    def begin(self, seconds):
        """Loads for that long, while the caller does something else."""
        self.program.say(f"run {seconds}")

    def finish(self, seconds):
        """The report of what `begin` began."""
        return self._report(seconds)

    def once(self):
        """One unit on every connection."""
        self.program.say("once")
        return self._report(0)

    def queued_bytes(self):
        """Bytes that have arrived on its streams and were not read."""
        self.program.say("queued")
        return self.program.hear(START_TIMEOUT)["bytes"]

    def _report(self, seconds):
        report = self.program.hear(seconds + DRAIN_TIMEOUT)
        failures = {kind: count for kind, count in report["failures"].items() if count}
        if failures:
            raise ProgramError(f"the load met failures: {failures}")
        if report["lost"] > MOST_LOST * report["units"] * self.burst:
            raise ProgramError(f"{report['lost']} datagrams were lost")
        return report

    def close(self):
        if self.program.is_alive():
            self.program.finish_input()
        self.program.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
