"""The proxy under test: one process with its configuration in a directory of its own."""

import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

import yaml

from . import addresses, process, settings
from .admin import Admin
from .process import Background

_REPORTS = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|LeakSanitizer|"
                      r"runtime error:|assertion failed|SUMMARY: \w+Sanitizer)")


def server(name, address, **keys):
    """An entry of `servers:`; `address` is (ip, port) or anything with an `.address`."""
    ip, port = getattr(address, "address", address)
    return {"name": name, "address": ip, "port": port} | keys


def backend(name, servers, **keys):
    return {"name": name, "servers": servers} | keys


def frontend(name, listen, to, **keys):
    return {"name": name, "listen": addresses.text(listen), "backend": to} | keys


class Sluice:
    """`config` is the YAML file as a dict; `admin.socket` is filled in where it is missing."""

    def __init__(self, config, launcher=(), environment=None):
        self.directory = Path(tempfile.mkdtemp(prefix="sluice-"))  # short: it holds a UNIX socket
        self.file = self.directory / "sluice.yaml"
        self.socket = self.directory / "admin.sock"
        self.admin = Admin(self.socket)
        self.launcher = list(launcher)
        self.environment = os.environ | {
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
            "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
            "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1",
        } | (environment or {})
        self.running = None
        self.write(config)

    def write(self, config):
        """Puts a configuration in the file; it takes effect at start or reload."""
        if isinstance(config, dict):
            self.config = {"stop_timeout": "2s"} | config
            self.config["admin"] = {"socket": str(self.socket)} | config.get("admin", {})
            config = yaml.safe_dump(self.config, sort_keys=False)
        replacement = self.file.with_suffix(".new")
        replacement.write_text(config)
        replacement.rename(self.file)

    def start(self):
        """Starts it and waits until every frontend listens."""
        self.spawn()
        self.await_health()
        return self

    def spawn(self, **options):
        self.running = Background([*self.launcher, settings.SLUICE, "--config", self.file],
                                  self.directory / "log", env=self.environment, **options)

    def await_health(self):
        self.running.wait_until(self.admin.is_healthy, "sluice answers /healthz with 200", 20)

    @property
    def pid(self):
        return self.running.pid

    def log(self):
        return self.running.output()

    # --- asking ---

    def status(self):
        return self.admin.get("/v1/status")

    def frontend(self, name):
        return next(row for row in self.admin.rows("frontends") if row["name"] == name)

    def server(self, name):
        return next(row for row in self.admin.rows("servers") if row["server"] == name)

    def sessions(self):
        return self.admin.rows("sessions")

    def reasons(self):
        """{(reason, side): total} of those that happened."""
        return {(row["reason"], row["side"]): row["total"] for row in self.admin.rows("reasons")
                if row["total"]}

    def metrics(self, name):
        """{labels as they are written: value} of a metric."""
        text = self.admin.ask("GET", "/metrics")[2]
        return {labels: float(value) for labels, value in
                re.findall(rf"^{name}(\{{.*\}}|) (\S+)$", text, re.MULTILINE)}

    def lbstat(self, *words, check=True):
        return process.run(settings.LBSTAT, "--socket", self.socket, *words, check=check)

    # --- telling ---

    def reload(self, config=None):
        """Writes `config` (if given) and reloads with lbstat; returns its output, which must be
        that of a reload that succeeded."""
        if config is not None:
            self.write(config)
        return self.lbstat("reload").stdout

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it by signal and checks that it ended as it should."""
        if self.running is None:
            return
        status = self.running.stop(number, seconds)
        log = self.log()
        assert not _REPORTS.search(log), log
        assert status == 0, f"sluice: exit status {status}\n{log[-4000:]}"
        self.remove()

    def remove(self):
        self.running = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def abandon(self):
        """After a failed test: end it without a check; the log stays for the report."""
        if self.running is not None:
            self.running.stop(signal.SIGKILL)
