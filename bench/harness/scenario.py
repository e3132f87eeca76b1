"""Scenarios: what one measurement does, read from bench/scenarios/*.json."""

import dataclasses
import json
import os
import typing

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenarios")

# How much work one unit is: (name in tables, key in the load generator's report, divisor).
UNITS = {
    "GB": ("GB", "bytes", 1e9),
    "100k messages": ("100k messages", "units", 1e5),
    "10k connections": ("10k connections", "units", 1e4),
}


class ScenarioError(ValueError):
    """A scenario file says something that is not known or not possible."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One scenario file. Keys of the file are the names of the fields."""
    name: str
    what: str                       # one line for the reader of the table
    mode: str                       # echo | short | download | upload
    service: str                    # echo | sink | source | request | http
    protocol: str = "tcp"           # tcp | http (cookies find the server) | udp (mode echo: bursts)
    tls: str = "none"               # none | terminate | reencrypt | passthrough (routed by SNI)
    tls_version: str = "1.3"        # the only one that clients offer
    resumes: bool = False           # clients come back with their last session
    burst: int = 1                  # udp: datagrams of a request
    outstanding: int = 0            # udp: exchanges at a time; 0: one on every connection
    measure: str = "cpu"            # cpu | memory
    unit: str = "100k messages"
    connections: int = 1
    request_bytes: int = 64
    response_bytes: int = 64
    rate: float = 0                 # open loop: units a second; 0: closed loop
    servers: int = 1                # backend addresses (ports) that the proxy balances over
    reload_every: float = 0         # seconds between reloads of the proxy during a run; 0: none
    server_addresses: int = 1       # loopback addresses of each port: so many servers
    workers: int = 1                # of the proxy; more than it has processors: it gets all
    sources: int = 1                # loopback addresses the clients connect from
    bursts: bool = False            # all connections at once, again and again, instead of a flow
    times: int = 1                  # rounds of it for one of the others: for what scatters
    verify: bool = False
    target: typing.Optional[float] = None   # cpu: ratio to the better peer; memory: bytes a session
    in_quick: bool = False          # part of `bench/run --quick`

    def __post_init__(self):
        if self.mode not in ("echo", "short", "download", "upload"):
            raise ScenarioError(f"{self.name}: mode: {self.mode!r} is not known")
        if self.service not in ("echo", "sink", "source", "request", "http"):
            raise ScenarioError(f"{self.name}: service: {self.service!r} is not known")
        if self.protocol not in ("tcp", "http", "udp"):
            raise ScenarioError(f"{self.name}: protocol: {self.protocol!r} is not known")
        if self.protocol == "udp" and (self.mode, self.service) != ("echo", "echo"):
            raise ScenarioError(f"{self.name}: protocol: udp is for mode and service echo only")
        if (self.protocol == "http") != (self.service == "http"):
            raise ScenarioError(f"{self.name}: protocol and service: http goes with http")
        if self.tls not in ("none", "terminate", "reencrypt", "passthrough"):
            raise ScenarioError(f"{self.name}: tls: {self.tls!r} is not known")
        if self.tls_version not in ("1.2", "1.3"):
            raise ScenarioError(f"{self.name}: tls_version: {self.tls_version!r} is not known")
        if self.protocol == "udp" and self.has_tls:
            raise ScenarioError(f"{self.name}: tls: not over udp")
        if self.measure not in ("cpu", "memory"):
            raise ScenarioError(f"{self.name}: measure: {self.measure!r} is not known")
        for field in ("connections", "burst", "request_bytes", "response_bytes", "servers",
                      "server_addresses", "sources", "workers", "times"):
            if not isinstance(getattr(self, field), int) or getattr(self, field) < 1:
                raise ScenarioError(f"{self.name}: {field}: must be a positive whole number")
        if self.unit not in UNITS:
            raise ScenarioError(f"{self.name}: unit: {self.unit!r} is not one of {list(UNITS)}")

    @property
    def has_tls(self):
        """Whether clients speak TLS."""
        return self.tls != "none"

    @property
    def has_tls_servers(self):
        """Whether the servers do."""
        return self.tls in ("reencrypt", "passthrough")

    @property
    def has_latency(self):
        return self.mode in ("echo", "short") and self.measure == "cpu"

    def work(self, report):
        """How many units of work a report of the load generator holds."""
        _, key, divisor = UNITS[self.unit]
        if key == "bytes":
            return (report["bytes_sent"] + report["bytes_received"]) / divisor
        return report["units"] / divisor


def load_file(path):
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    known = {field.name for field in dataclasses.fields(Scenario)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ScenarioError(f"{path}: unknown keys: {', '.join(unknown)}")
    try:
        scenario = Scenario(**data)
    except TypeError as error:
        raise ScenarioError(f"{path}: {error}") from None
    if scenario.name != os.path.splitext(os.path.basename(path))[0]:
        raise ScenarioError(f"{path}: name: must be the name of the file")
    return scenario


def load_all(folder=FOLDER):
    """Every scenario by name."""
    paths = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    return {s.name: s for s in (load_file(os.path.join(folder, path)) for path in paths)}
