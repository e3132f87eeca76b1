"""Reloads of a configuration with many servers, beside a client that notices every stall.

The time of a reload is that of POST /v1/reload, which answers when every worker goes by the new
table. Every second reload brings the file of the one before the last back; between them one server
in ten has another weight. The client is an open loop through the same proxy (latency counts from
the intended time), so its largest latency is the longest time that a worker, or the machine, did
not serve. What a reload alone costs a worker shows in reloads without a client: the CPU time of
every worker's thread, which no other program on the machine can lengthen.
"""

import argparse
import dataclasses
import http.client
import json
import os
import socket
import statistics
import tempfile
import time

from . import build, network, sluice, tool
from .cli import raise_descriptor_limit
from .loadgen import Backend, Load
from .ports import Reservation
from .programs import Program, ProgramError
from .proxy import accepts
from .scenario import Scenario
from .setup import Setup

BACKEND_SIZE = 100  # servers
START_TIMEOUT = 30  # seconds
QUIET_RELOADS = 10  # an even number
WORKER_NAME = "worker"


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a UNIX socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=START_TIMEOUT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def many_backends(count, variant):
    """`count` servers that nobody is sent to; a tenth of the weights depends on the variant."""
    found = []
    for number in range(count):
        if number % BACKEND_SIZE == 0:
            found.append({"name": f"b{number // BACKEND_SIZE}", "health_check": {"type": "none"},
                          "servers": []})
        server = {"name": f"s{number}", "port": 8080,
                  "address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
        if number % 10 == 0:
            server["weight"] = 1 + variant
        found[-1]["servers"].append(server)
    return found


def as_yaml(document):
    """The file as people write it: block style, a server a line."""
    lines = []
    for key, value in document.items():
        if key != "backends":
            lines.append(f"{key}: {json.dumps(value)}")
            continue
        lines.append("backends:")
        for backend in value:
            head = {name: each for name, each in backend.items() if name != "servers"}
            lines += ["  - " + "\n    ".join(f"{name}: {json.dumps(each)}"
                                             for name, each in head.items()), "    servers:"]
            lines += ["      - {" + ", ".join(f"{name}: {json.dumps(each)}"
                                              for name, each in server.items()) + "}"
                      for server in backend["servers"]]
    return "\n".join(lines) + "\n"


class Reloaded:
    """A Sluice with many servers whose file has two variants."""

    def __init__(self, program, count, backend_port, cpus, folder):
        self.reservation = Reservation()
        self.port = self.reservation.port
        self.file = os.path.join(folder, "sluice.yaml")
        scenario = Scenario("reload", "", "echo", "echo")
        document = sluice.document(Setup(scenario, folder, self.port, [backend_port]))
        self.socket = document["admin"]["socket"]
        self.texts = []
        for variant in range(2):
            backends = document["backends"] + many_backends(count, variant)
            self.texts.append(as_yaml({**document, "backends": backends}))
        self.write(0)
        self.program = Program("sluice", [program, "--config", self.file], cpus, folder)
        deadline = time.monotonic() + START_TIMEOUT
        while not accepts(self.port):
            if not self.program.is_alive() or time.monotonic() > deadline:
                raise ProgramError(self.program.complaint("does not accept"))
            time.sleep(0.01)

    def write(self, variant):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(self.texts[variant])

    def reload(self, variant):
        """Seconds from asking to the answer; the answer says what has changed."""
        self.write(variant)
        connection = UnixConnection(self.socket)
        begin = time.monotonic()
        connection.request("POST", "/v1/reload")
        answer = connection.getresponse()
        body = answer.read().decode()
        seconds = time.monotonic() - begin
        connection.close()
        if answer.status != 200:
            raise ProgramError(f"reload refused: {body[:500]}")
        return seconds, json.loads(body)

    def close(self):
        self.program.close()
        self.reservation.close()


def client_scenario(rate):
    return Scenario("reload-client", "", "echo", "echo", connections=4, rate=rate)


def measure(options, program):
    """What is printed as JSON: milliseconds of every reload, and the client's latencies."""
    cpus = frozenset(os.sched_getaffinity(0))
    scenario = client_scenario(options.rate)
    with tempfile.TemporaryDirectory(prefix="sluice-reload-") as folder:
        with Backend(options.build, scenario, cpus, folder) as backend:
            subject = Reloaded(program, options.servers, backend.ports[0], cpus, folder)
            try:
                costs = _worker_costs(subject, QUIET_RELOADS)
                with Load(options.build, scenario, [subject.port], cpus, folder) as load:
                    found = _with_client(options, subject, load)
                return {**found, "worker_cpu_us": {"median": statistics.median(costs) * 1e6,
                                                   "most": max(costs) * 1e6}}
            finally:
                subject.close()


def worker_seconds(pid):
    """CPU seconds of every thread of workers (proc(5), schedstat)."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as comm:
            name = comm.read().strip()
        if WORKER_NAME in name:
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as schedstat:
                found[thread] = int(schedstat.read().split()[0]) / 1e9
    return found


def _worker_costs(subject, count):
    """Seconds that the busiest worker spent on each of so many reloads without any client."""
    costs = []
    for number in range(count):
        before = worker_seconds(subject.program.pid)
        subject.reload(1 - number % 2)
        time.sleep(0.1)  # the old table goes back to the control thread within it
        after = worker_seconds(subject.program.pid)
        costs.append(max(after[thread] - before[thread] for thread in before))
    return costs


def _with_client(options, subject, load):
    quiet = load.run(options.seconds)
    load.begin(options.seconds)
    deadline = time.monotonic() + options.seconds
    seconds, changed = [], ""
    while time.monotonic() + options.pause < deadline:
        taken, answer = subject.reload(1 - len(seconds) % 2)
        seconds.append(taken)
        changed = answer.get("summary", "")
        time.sleep(options.pause)
    busy = load.finish(options.seconds)
    return {"servers": options.servers, "reloads": len(seconds), "last": changed,
            "milliseconds": {"median": statistics.median(seconds) * 1e3,
                             "least": min(seconds) * 1e3, "most": max(seconds) * 1e3},
            "client_us": {name: {key: report["latency_ns"][key] / 1000
                                 for key in ("p50", "p99", "p99_9", "max")}
                          for name, report in (("quiet", quiet), ("reloading", busy))}}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/reload", description=__doc__.split("\n\n")[0])
    parser.add_argument("--servers", type=int, default=10_000, metavar="N")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S")
    parser.add_argument("--pause", type=float, default=0.2, metavar="S", help="between reloads")
    parser.add_argument("--rate", type=float, default=2000, metavar="N",
                        help="messages a second of the client")
    parser.add_argument("--sluice", metavar="PATH", help="default: built")
    parser.add_argument("--build", default=os.path.join(build.ROOT, "build", "release"),
                        metavar="FOLDER")
    return parser.parse_args(arguments)


def print_measured(options):
    options.build = os.path.abspath(options.build)
    built = build.ensure(options.build, not options.sluice)
    raise_descriptor_limit()
    network.can_be_fresh()
    print(json.dumps(measure(options, os.path.abspath(options.sluice or built)), indent=1))


def main(arguments):
    options = parse(arguments)
    return tool.exit_status(lambda: print_measured(options))
