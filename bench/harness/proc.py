"""What the kernel says about processes and processors: CPU time, switches, memory.

CPU time is read from the process's CPU clock (clock_gettime(2) on clock_getcpuclockid(3)): all its
threads, those that have ended and io_uring's kernel workers (io-wq workers are threads of the
process) included, in nanoseconds. /proc/PID/stat would round to ticks.
"""

import dataclasses
import os
import time

CPUCLOCK_SCHED = 2
FIRST = 1  # the lowest of the real-time priorities
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def tree(pid):
    """`pid` and all its descendants that live."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def threads(pids):
    return [int(thread) for pid in pids for thread in os.listdir(f"/proc/{pid}/task")]


def keep_on(pids, cpus):
    """Moves the threads that run anywhere else to `cpus`, as a worker does that pins itself to a
    processor by number (hitch: its first worker to the machine's first). Returns how many."""
    moved = 0
    for thread in threads(pids):
        if not os.sched_getaffinity(thread) <= set(cpus):
            os.sched_setaffinity(thread, cpus)
            moved += 1
    return moved


def put_first(pids):
    """Lets the threads run before all that the machine has beside them (SCHED_FIFO, the lowest
    priority): another program's time slice of 3 ms is no proxy's latency. PermissionError without
    CAP_SYS_NICE or a limit on real-time priorities (RLIMIT_RTPRIO) that allows it."""
    for thread in threads(pids):
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(FIRST))


def may_put_first():
    """Whether `put_first()` is allowed here."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIRST))
    except PermissionError:
        return False
    os.sched_setscheduler(0, policy, parameters)
    return True


def cpu_seconds(pid):
    """User and system time of one process, all its threads together."""
    return time.clock_gettime(((~pid) << 3) | CPUCLOCK_SCHED)


def waited_seconds(pid):
    """User and system time of the children that have ended, in ticks."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) * TICK_SECONDS


def tree_cpu_seconds(pids):
    """All the time of a process tree, of its members that have ended too."""
    total = 0.0
    for pid in pids:
        try:
            total += cpu_seconds(pid) + waited_seconds(pid)
        except OSError:  # ended since it was listed: it counts with its parent
            continue
    return total


def cpu_split(pid):
    """(user, system) seconds of one process, as the kernel divides them by sampling."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) * TICK_SECONDS, int(fields[12]) * TICK_SECONDS


def _status_sum(path, wanted):
    total = 0
    with open(path, encoding="utf-8", errors="replace") as status:
        for line in status:
            key, _, value = line.partition(":")
            if key in wanted:
                total += int(value.split()[0])
    return total


def switches(pid):
    """(voluntary, involuntary) context switches of the threads that live."""
    voluntary = involuntary = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        path = f"/proc/{pid}/task/{thread}/status"
        try:
            voluntary += _status_sum(path, {"voluntary_ctxt_switches"})
            involuntary += _status_sum(path, {"nonvoluntary_ctxt_switches"})
        except (FileNotFoundError, ProcessLookupError):
            continue
    return voluntary, involuntary


@dataclasses.dataclass
class Memory:
    """Bytes of a process tree: PSS shares what is mapped by several, RSS counts it for each."""
    pss: int
    rss: int
    descriptors: int

    def __sub__(self, other):
        return Memory(self.pss - other.pss, self.rss - other.rss,
                      self.descriptors - other.descriptors)


def memory(pids):
    """Process memory and open descriptors of `pids` together."""
    total = Memory(0, 0, 0)
    for pid in pids:
        rollup = f"/proc/{pid}/smaps_rollup"
        total.pss += _status_sum(rollup, {"Pss"}) * 1024
        total.rss += _status_sum(rollup, {"Rss"}) * 1024
        total.descriptors += len(os.listdir(f"/proc/{pid}/fd"))
    return total


def processor_seconds(cpus):
    """Seconds since boot that `cpus` spent (busy, stolen by the hypervisor), in ticks."""
    busy = stolen = 0
    names = {f"cpu{cpu}" for cpu in cpus}
    with open("/proc/stat", encoding="utf-8") as stat:
        for line in stat:
            name, *fields = line.split()
            if name in names:
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
                busy += user + nice + system + irq + softirq
                stolen += steal
    return busy * TICK_SECONDS, stolen * TICK_SECONDS


def kernel_slab_bytes():
    """Memory of the kernel's own objects, sockets and io_uring requests among them, of the whole
    machine."""
    return _status_sum("/proc/meminfo", {"Slab"}) * 1024
