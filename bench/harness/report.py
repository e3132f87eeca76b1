"""The Markdown tables of a result."""

from . import stats


def _number(value):
    """Three significant digits, never an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.5f}"


def _cell(value):
    """A Spread as `median ±MAD`."""
    return f"{_number(value.median)} ±{_number(value.mad)}" if value else "–"


def _range(value):
    return f"{value.median:.2f} [{value.low:.2f}–{value.high:.2f}]" if value else "–"


def _table(head, rows):
    if not rows:
        return "Not measured.\n"
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _of_measure(result, measure):
    return {name: scenario for name, scenario in result["scenarios"].items()
            if scenario["measure"] == measure}


def _proxies(result):
    return [name for name in result["subjects"] if name != "direct"]


def cpu_table(result):
    """CPU seconds per unit of every proxy, and the ratio that the targets are about."""
    proxies = _proxies(result)
    rows = []
    for name, scenario in _of_measure(result, "cpu").items():
        peer, value = stats.judged(scenario, result["peers"])
        target = scenario["target"]
        rows.append([name, scenario["unit"]]
                    + [_cell(stats.of(scenario, proxy, "cpu_per_unit")) for proxy in proxies]
                    + [peer or "–", _range(value), f"{target:.2f}" if target else "–",
                       stats.verdict(value, target)])
    return _table(["scenario", "unit"] + [f"{proxy}, s" for proxy in proxies]
                  + ["better peer", "ratio", "target", ""], rows)


def tail_table(result):
    """p99 of every proxy and the ratio to the best of the peers, which need not be the one with
    the lowest CPU. The load's processor stands beside it: a full one is what requests wait for."""
    proxies = _proxies(result)
    rows = []
    for name, scenario in _of_measure(result, "cpu").items():
        metric = "latency_p99_us"
        peer = stats.better_peer(scenario, result["peers"], metric)
        if peer is None or not stats.of(scenario, "sluice", metric):
            continue
        load = stats.of(scenario, "sluice", "load_load")
        value = stats.ratio(scenario, "sluice", peer, metric)
        rows.append([name, _number(load.median * 100)]
                    + [_cell(stats.of(scenario, proxy, metric)) for proxy in proxies]
                    + [peer, _range(value), stats.verdict(value, 1.0)])
    return _table(["scenario", "load core %"] + [f"{proxy}, µs" for proxy in proxies]
                  + ["best peer", "ratio", "no more than 1"], rows)


def memory_table(result):
    """Process memory per idle session."""
    proxies = _proxies(result)
    rows = []
    for name, scenario in _of_measure(result, "memory").items():
        for metric, label in (("bytes_per_session", "used once, then idle"),
                              ("opened_bytes_per_session", "opened, never used"),
                              ("kernel_bytes_per_session", "in the kernel, both sides")):
            value = stats.of(scenario, "sluice", metric)
            target = scenario["target"] if metric != "kernel_bytes_per_session" else None
            rows.append([name, label]
                        + [_cell(stats.of(scenario, proxy, metric)) for proxy in proxies]
                        + [_number(target) if target else "–", stats.verdict(value, target)])
    return _table(["scenario", "session"] + [f"{proxy}, bytes" for proxy in proxies]
                  + ["target", ""], rows)


def detail_table(result):
    """Everything else that was measured, one row for each scenario and subject."""
    rows = []
    for name, scenario in _of_measure(result, "cpu").items():
        for subject in result["subjects"]:
            def show(metric, scale=1.0):
                value = stats.of(scenario, subject, metric)
                return _number(value.median * scale) if value else "–"
            if stats.of(scenario, subject, "throughput") is None:
                continue
            cpu = stats.of(scenario, subject, "cpu_per_unit")
            rows.append([
                name, subject, f"{show('throughput')} × {scenario['unit']}",
                show("latency_p50_us"), show("latency_p99_us"), show("latency_p99_9_us"),
                show("syscalls_per_unit"), show("voluntary_per_unit"),
                show("involuntary_per_unit"),
                show("proxy_load", 100), show("load_load", 100), show("foreign_load", 100),
                f"{cpu.relative * 100:.0f}" if cpu.median else "–"])
    return _table(["scenario", "subject", "a second", "p50 µs", "p99 µs", "p99.9 µs",
                   "calls a unit", "waits a unit", "preempted a unit", "proxy core %",
                   "load core %", "others %", "spread %"], rows)


def marks(section):
    """The two lines around a section of bench/README.md that is written by bench/run."""
    return f"<!-- {section} begin -->", f"<!-- {section} end -->"


def replace_section(text, section, table, pictures):
    """`text` with the report and the pictures between the two marks, which must be there."""
    begin, end = marks(section)
    before, _, rest = text.partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"no line {begin} with a line {end} behind it")
    shown = "".join(f"\n![{path}]({path})\n" for path in pictures)
    return f"{before}{begin}\n{table}{shown}{mark}{after}"


def markdown(result, heading="#"):
    """The whole report; `heading` is its level, `#` or more of them."""
    machine, settings = result["machine"], result["settings"]
    programs = "".join(f"- {name}: {about['version']}\n"
                       for name, about in result["subjects"].items() if about["version"])
    errors = "".join(f"- {error}\n" for error in result["errors"])
    network = (
        "each measurement in a network namespace of its own" if settings["has_own_network"]
        else "all measurements on the machine's own loopback")
    priority = ("run before everything else on the machine" if settings.get("puts_first")
                else "share their processors with whatever else the machine runs")
    failed = f"\n{heading}# Failed measurements\n\n{errors}" if errors else ""
    return f"""{heading} Benchmark of {machine['date']}

- {machine['processor']}, {machine['processors']} processors, Linux {machine['kernel']}
- commit {machine['commit']}, built as {settings['build']['buildtype']}
- {settings['rounds']} rounds of {settings['seconds']} s after {settings['warmup']} s to warm up
- {network}
- the subjects of open loops {priority}
- proxy on processors {settings['proxy_cpus']}, load and backend on {settings['load_cpus']}
- load average at the start {machine['load_average'][0]:.2f}
{programs}
{heading}# CPU seconds of the proxy per unit of work

Median ±MAD over the rounds. The ratio is Sluice's median to that of the better peer, with the
range of the rounds.

{cpu_table(result)}
{heading}# p99 of the latency

In the `open-*` scenarios all subjects carry the same rate. In the others the load generator sends
as fast as it is answered, and where its processor is full the latency is that processor's queue.

{tail_table(result)}
{heading}# Process memory per idle session

{memory_table(result)}
The kernel's part is that of the whole machine: client, proxy and server ends together.

{heading}# Throughput, latency, switches, and the noise of the machine

`others %` is what anything but the proxy used of the proxy's processor, `spread %` half the range
of the CPU per unit over the rounds: where they are high, the numbers are the machine's.

{detail_table(result)}{failed}"""
