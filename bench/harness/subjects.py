"""What is measured: Sluice and its peers, each with a configuration that says the same
(setup.py)."""

import dataclasses
import os
import re
import signal
import subprocess
import typing

from . import haproxy, hitch, nginx, sluice
from .setup import MAX_PIPES


def _refuses_nothing(_scenario):
    return ""


@dataclasses.dataclass(frozen=True)
class Subject:
    """A program under test. `configure(setup)` gives the name and the text of its configuration
    file, `command(program, file)` its command line, `reload_command` likewise where it has another
    one for being reloaded, by `reload_signal`; `refuses(scenario)` says why it cannot be measured
    in a scenario, or nothing."""
    name: str
    program: str
    version_flag: str
    configure: typing.Callable
    command: typing.Callable
    is_peer: bool = True
    refuses: typing.Callable = _refuses_nothing
    binds_clients: bool = True  # http: by a cookie that it sets
    reload_signal: int = signal.SIGHUP
    reload_command: typing.Optional[typing.Callable] = None

    def command_for(self, scenario, file):
        """The command line for a scenario."""
        makes = scenario.reload_every and self.reload_command or self.command
        return makes(self.program, file)

    def version(self):
        """The first line of what the program says about itself that holds a number."""
        done = subprocess.run([self.program, self.version_flag], capture_output=True, text=True,
                              timeout=10, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        return next((line.strip() for line in lines if re.search(r"\d", line)), "unknown")

    def is_installed(self):
        return os.access(self.program, os.X_OK)


def _haproxy_refuses(scenario):
    return "HAProxy forwards no datagrams" if scenario.protocol == "udp" else ""


def _splice_refuses(scenario):
    if scenario.tls in ("terminate", "reencrypt"):
        return "HAProxy does not splice what it decrypts"
    if scenario.protocol == "http":
        return "messages this small are not spliced"
    return _haproxy_refuses(scenario)


def of_sluice(program):
    return Subject("sluice", program, "--version", sluice.config,
                   lambda program, file: [program, "--config", file], is_peer=False)


def of_nginx(program="/usr/sbin/nginx"):
    return Subject("nginx", program, "-v", nginx.config(program),
                   lambda program, file: [program, "-p", os.path.dirname(file), "-c", file,
                                          "-e", os.path.join(os.path.dirname(file), "nginx.log")],
                   binds_clients=False)


# A master that starts a new worker and tells the old one to end with its sessions.
HAPROXY_RELOAD = {"reload_signal": signal.SIGUSR2,
                  "reload_command": lambda program, file: [program, "-W", "-db", "-f", file]}


def of_haproxy(program="/usr/sbin/haproxy"):
    return Subject("haproxy", program, "-v", haproxy.config(),
                   lambda program, file: [program, "-db", "-f", file], refuses=_haproxy_refuses,
                   **HAPROXY_RELOAD)


def of_haproxy_splice(program="/usr/sbin/haproxy"):
    return Subject("haproxy-splice", program, "-v",
                   haproxy.config(f"maxpipes {MAX_PIPES}", "option splice-auto"),
                   lambda program, file: [program, "-db", "-f", file], refuses=_splice_refuses,
                   **HAPROXY_RELOAD)


def of_hitch(program="/usr/sbin/hitch"):
    return Subject("hitch", program, "--version", hitch.config,
                   lambda program, file: [program, f"--config={file}"], refuses=hitch.refuses)


PEERS = {"nginx": of_nginx, "haproxy": of_haproxy, "haproxy-splice": of_haproxy_splice,
         "hitch": of_hitch}
# No proxy at all: what the load generator and the backend can do between themselves.
DIRECT = "direct"
