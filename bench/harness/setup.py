"""What the configuration of a subject is made from, and what is the same for all of them.

Equal for all: one worker (unless the scenario says otherwise), one listener (TCP with a backlog of
4096), round robin over the same servers, no log line per session, no health checks, an hour of idle
time, TCP_NODELAY (default of all), room for the same number of sessions. TLS: the same certificate,
versions 1.2 and 1.3, session tickets and no other session memory; certificates of servers are
verified. What is left is each program's own default.
"""

import dataclasses
import resource

from .scenario import Scenario

IDLE_SECONDS = 3600
MAX_PIPES = 1500  # for HAProxy's splicing; two descriptors each
NOWHERE = 1  # a port where nobody listens
GROUPS = "X25519:prime256v1"  # for key exchange, in OpenSSL's words


def max_sessions():
    """Sessions that fit into the limit of descriptors (two each) beside pipes, at most 8,000."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(100, min(8000, (limit - 2 * MAX_PIPES - 500) // 2))


@dataclasses.dataclass(frozen=True)
class Setup:
    """One proxy before one scenario's servers."""
    scenario: Scenario
    folder: str             # for its files
    port: int               # where it listens, on 127.0.0.1
    ports: list             # of the servers
    certificate: str = ""   # with TLS: a PEM file with certificate and key, its own CA

    @property
    def servers(self):
        """(address, port) of every server."""
        addresses = [f"127.0.{(n + 1) // 254}.{(n + 1) % 254 or 254}"
                     for n in range(self.scenario.server_addresses)]
        return [(address, port) for port in self.ports for address in addresses]

    @property
    def terminates(self):
        return self.scenario.tls in ("terminate", "reencrypt")

    @property
    def routes(self):
        """Whether the server's name in the ClientHello says where to; all others go nowhere."""
        return self.scenario.tls == "passthrough"

    @property
    def reencrypts(self):
        return self.scenario.tls == "reencrypt"
