"""What the kernel's TLS layer saves on bulk: system calls and bytes through user space per GB, with
`ktls: on` and with `ktls: off`.

For kernels that have the tls module; where this machine's has none, tests/kernel/run starts one:

    bench/kernel-tls --only-build
    tests/kernel/run --command bench/kernel-tls --no-build        (or --qemu --command)

The calls are counted with strace(1), which also tells how much each splice(2) moved: whatever did
not pass a pipe passed user space. CPU is not compared: the tracer, and an emulated machine, distort
it.
"""

import argparse
import dataclasses
import json
import os
import re
import tempfile
import time

from . import build, sluice, subjects, tool
from .measure import Bench, stage
from .programs import Program, ProgramError
from .scenario import Scenario

ATTACH_TIMEOUT = 30  # seconds
SCENARIOS = [Scenario(f"offload-{mode}", "", mode, service, tls="terminate", unit="GB",
                      tls_version=version)
             for mode, service in (("download", "source"), ("upload", "sink"))
             for version in ("1.2", "1.3")]
BEGUN = re.compile(r"^\d+ +\w+\(")
SPLICED = re.compile(r"^\d+ +(?:splice\(|<\.\.\. splice resumed).* = (\d+)$")


def subject(program, setting):
    """Sluice with that value of `ktls`."""
    def configure(setup):
        document = {**sluice.document(setup), "ktls": setting}
        return "sluice.yaml", json.dumps(document, indent=2)
    return dataclasses.replace(subjects.of_sluice(program), configure=configure)


class Trace:
    """strace(1) on every thread of a process, from `with` to its end."""

    def __init__(self, pid, folder):
        self.pid = pid
        self.path = os.path.join(folder, "trace")
        self.program = Program("strace", ["strace", "-f", "-qq", "-o", self.path, "-p", pid],
                               os.sched_getaffinity(0), folder)

    def _is_attached(self):
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/status", encoding="ascii") as status:
                if "TracerPid:\t0\n" in status.read():
                    return False
        return True

    def __enter__(self):
        deadline = time.monotonic() + ATTACH_TIMEOUT
        while not self._is_attached():
            if not self.program.is_alive() or time.monotonic() > deadline:
                raise ProgramError(self.program.complaint("does not trace"))
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.program.stop()
        self.program.close()

    def lines(self):
        with open(self.path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()


def count(lines):
    """(system calls, bytes that went through a pipe) of a trace. Every byte is spliced twice: into
    its pipe, and out of it."""
    calls = sum(1 for line in lines if BEGUN.match(line))
    spliced = sum(int(found[1]) for found in map(SPLICED.match, lines) if found)
    return calls, spliced // 2


def measure(scenario, program, setting, bench):
    """Calls per GB and the share of the bytes, in percent, that passed user space."""
    with stage(scenario, subject(program, setting), bench) as (_, proxy, load, _):
        load.run(bench.warmup)
        queued = load.queued_bytes()
        with tempfile.TemporaryDirectory(prefix="sluice-trace-") as folder:
            with Trace(proxy.program.pid, folder) as trace:
                report = load.run(bench.seconds)
                proxy.settle()
            calls, spliced = count(trace.lines())
        report["bytes_received"] += load.queued_bytes() - queued
    gigabytes = scenario.work(report)
    user = max(0.0, 1 - spliced / (gigabytes * 1e9))
    return {"GB": round(gigabytes, 3), "calls_per_GB": round(calls / gigabytes),
            "user_percent": round(100 * user, 1)}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/kernel-tls", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S")
    parser.add_argument("--warmup", type=float, default=2.0, metavar="S",
                        help="before it: by then the kernel has taken over")
    parser.add_argument("--no-build", action="store_true", help="the programs are there")
    parser.add_argument("--only-build", action="store_true", help="measure nothing")
    parser.add_argument("--build", default=os.path.join(build.ROOT, "build", "release"),
                        metavar="FOLDER")
    return parser.parse_args(arguments)


def print_table(options):
    folder = os.path.abspath(options.build)
    program = build.program(folder) if options.no_build else build.ensure(folder, True)
    if options.only_build:
        return
    cpus = frozenset(os.sched_getaffinity(0))
    bench = Bench(folder, cpus, cpus, options.seconds, options.warmup)
    print("| scenario | TLS | ktls | GB | system calls per GB | bytes through user space |")
    print("|---|---|---|--:|--:|--:|")
    for scenario in SCENARIOS:
        for setting in ("off", "on"):
            found = measure(scenario, program, setting, bench)
            print(f"| {scenario.name} | {scenario.tls_version} | {setting} | {found['GB']} | "
                  f"{found['calls_per_GB']:,} | {found['user_percent']} % |", flush=True)


def main(arguments):
    options = parse(arguments)
    return tool.exit_status(lambda: print_table(options))
