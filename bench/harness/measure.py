"""One measurement: one scenario through one subject, once."""

import contextlib
import dataclasses
import tempfile
import time

from . import certificate, http, network, proc
from .loadgen import Backend, Load
from .programs import ProgramError
from .proxy import Proxy
from .reloads import Reloads
from .subjects import DIRECT
from .syscalls import SyscallCounter

MOST_FULL = 0.01  # share of full handshakes where all should be resumed


@dataclasses.dataclass(frozen=True)
class Bench:
    """Where and how long to measure."""
    build: str            # folder of the built load generator
    proxy_cpus: frozenset
    load_cpus: frozenset
    seconds: float        # length of the measured run
    warmup: float         # length of the run before it, and of the one that counts system calls
    has_own_network: bool = False  # each measurement in a network namespace of its own
    counts_syscalls: bool = False  # one more run, under perf
    puts_first: bool = False       # nothing else of the machine interrupts an open loop


@dataclasses.dataclass
class Snapshot:
    """Clocks and counters at one moment, all growing."""
    wall: float
    proxy_cpu: float
    proxy_user: float
    proxy_system: float
    voluntary: int
    involuntary: int
    load_cpu: float
    core_busy: float
    core_stolen: float


def _snapshot(proxy, load_pids, bench):
    pids = proxy.pids() if proxy else []
    splits = [proc.cpu_split(pid) for pid in pids]
    switches = [proc.switches(pid) for pid in pids]
    busy, stolen = proc.processor_seconds(bench.proxy_cpus)
    return Snapshot(
        wall=time.monotonic(),
        proxy_cpu=proc.tree_cpu_seconds(pids),
        proxy_user=sum(user for user, _ in splits),
        proxy_system=sum(system for _, system in splits),
        voluntary=sum(voluntary for voluntary, _ in switches),
        involuntary=sum(involuntary for _, involuntary in switches),
        load_cpu=sum(proc.cpu_seconds(pid) for pid in load_pids),
        core_busy=busy, core_stolen=stolen)


def _difference(before, after):
    return {field.name: getattr(after, field.name) - getattr(before, field.name)
            for field in dataclasses.fields(Snapshot)}


@contextlib.contextmanager
def stage(scenario, subject, bench):
    """Backend, proxy (None when direct) and load, started in that order and ended in reverse."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-bench-"))
        pem = certificate.make(folder) if scenario.has_tls else ""
        # Without a proxy the servers take the TLS of the clients themselves.
        has_tls_servers = scenario.has_tls_servers or subject == DIRECT
        backend = stack.enter_context(Backend(bench.build, scenario, bench.load_cpus, folder,
                                              pem if has_tls_servers else ""))
        proxy, targets = None, backend.ports
        if subject != DIRECT:
            proxy = stack.enter_context(Proxy(subject, scenario, backend.ports, bench.proxy_cpus,
                                              folder, pem))
            targets = [proxy.port]
            proxy.settle()  # its workers have started by then
            proc.keep_on(proxy.pids(), bench.proxy_cpus)
        idle = proc.memory(proxy.pids()) if proxy else None
        exchange = None
        if scenario.protocol == "http":
            exchange = http.prepare(targets[0], has_cookie=subject != DIRECT
                                    and subject.binds_clients)
        load = stack.enter_context(Load(bench.build, scenario, targets, bench.load_cpus, folder,
                                        exchange))
        if bench.puts_first and scenario.rate > 0:
            proc.put_first([backend.pid, load.pid, *(proxy.pids() if proxy else [])])
        yield backend, proxy, load, idle


def measure(scenario, subject, bench):
    """The numbers of one measurement as a flat dictionary; all of them plain numbers."""
    if bench.has_own_network:
        network.enter_fresh()
    if scenario.workers > len(bench.proxy_cpus):
        bench = dataclasses.replace(bench, proxy_cpus=bench.proxy_cpus | bench.load_cpus)
    if scenario.measure == "memory":
        return _measure_memory(scenario, subject, bench)
    return _measure_cpu(scenario, subject, bench)


def _measure_cpu(scenario, subject, bench):
    with stage(scenario, subject, bench) as (backend, proxy, load, _):
        load.run(bench.warmup)
        load_pids = [backend.pid, load.pid]
        if proxy:
            proxy.settle()
        queued = load.queued_bytes()
        before = _snapshot(proxy, load_pids, bench)
        with Reloads(proxy, scenario.reload_every) as reloads:
            report = load.run(bench.seconds)
        _check_handshakes(scenario, report)
        if proxy:
            proxy.settle()
        queued = load.queued_bytes() - queued
        used = _difference(before, _snapshot(proxy, load_pids, bench))
        numbers = _per_unit(scenario, report, used, queued)
        if reloads.count:
            numbers["reloads"] = reloads.count
        # Processes that a reload starts are not counted.
        if proxy and bench.counts_syscalls and not scenario.reload_every:
            numbers["syscalls_per_unit"] = _syscalls_per_unit(scenario, proxy, load, bench)
    return numbers


def _check_handshakes(scenario, report):
    """A run of full handshakes with a resumed one, or the other way round, is another scenario."""
    full = report["handshakes"] - report["resumed"]
    if not scenario.resumes and report["resumed"]:
        raise ProgramError(f"{report['resumed']} handshakes of {report['handshakes']} were resumed")
    if scenario.resumes and full > MOST_FULL * report["handshakes"]:
        raise ProgramError(f"{full} handshakes of {report['handshakes']} were not resumed")


def _syscalls_per_unit(scenario, proxy, load, bench):
    with SyscallCounter(proxy.pids()) as counter:
        report, calls = counter.count(lambda: load.run(bench.warmup))
    return calls / scenario.work(report)


def _per_unit(scenario, report, used, queued):
    """The numbers of a run; `queued` is by how many bytes more lie unread in the load generator's
    sockets after it than before: they have passed through the proxy too."""
    done = scenario.work(report)
    work = scenario.work({**report, "bytes_received": report["bytes_received"] + queued})
    if work <= 0:
        raise ProgramError(f"{scenario.name}: no work was done")
    seconds, wall = report["seconds"], used["wall"]
    numbers = {
        "work": work,
        "seconds": seconds,
        "throughput": done / seconds,
        "cpu_per_unit": used["proxy_cpu"] / work,
        "user_share": used["proxy_user"] / max(used["proxy_user"] + used["proxy_system"], 1e-9),
        "voluntary_per_unit": used["voluntary"] / work,
        "involuntary_per_unit": used["involuntary"] / work,
        "proxy_load": used["proxy_cpu"] / wall,
        "load_load": used["load_cpu"] / wall,
        "foreign_load": max(0.0, used["core_busy"] - used["proxy_cpu"]) / wall,
        "stolen_load": used["core_stolen"] / wall,
        "missed": report["missed"],
    }
    if scenario.has_latency:
        numbers.update({f"latency_{key}_us": value / 1000
                        for key, value in report["latency_ns"].items() if key != "count"})
    return numbers


def _measure_memory(scenario, subject, bench):
    """Memory a session holds after it was opened, and after it was used once; then every session
    is used once more, which proves that all of them were there. What the kernel holds is known for
    the whole machine only: the sockets of all ends, and whatever else happened meanwhile."""
    kernel_before = proc.kernel_slab_bytes()
    with stage(scenario, subject, bench) as (_, proxy, load, empty):
        if proxy is None:
            return {}
        proxy.settle()
        opened = proc.memory(proxy.pids()) - empty
        load.once()
        proxy.settle()
        used = proc.memory(proxy.pids()) - empty
        kernel = proc.kernel_slab_bytes() - kernel_before
        load.once()
    sessions = scenario.connections
    return {
        "bytes_per_session": used.pss / sessions,
        "rss_per_session": used.rss / sessions,
        "opened_bytes_per_session": opened.pss / sessions,
        "descriptors_per_session": used.descriptors / sessions,
        "empty_bytes": empty.pss,
        "kernel_bytes_per_session": kernel / sessions,
    }
