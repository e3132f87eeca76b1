"""How the cost of a unit of work grows: bench/run --growth.

An axis is a row of scenarios that differ in one number only. Each is measured like any other
scenario; the tables and plots are by axis.
"""

import dataclasses
import os

from . import stats
from .plots import COLOURS, pyplot, save
from .scenario import Scenario

PRESET = {"rounds": 2, "seconds": 1.2, "warmup": 0.3}
SUBJECTS = ("sluice", "nginx", "haproxy")


@dataclasses.dataclass(frozen=True)
class Axis:
    name: str       # of the plot's file and the field that changes
    title: str
    base: Scenario
    values: tuple
    fields: tuple   # of the scenario that take the value

    def scenarios(self):
        return {value: dataclasses.replace(self.base, name=f"{self.name}-{value}",
                                           what=f"{self.title}: {value:,}",
                                           **{field: value for field in self.fields})
                for value in self.values}


def _echo(**fields):
    return Scenario(**{"name": "growth", "what": "", "mode": "echo", "service": "echo", **fields})


AXES = (
    Axis("connections", "connections with 64-byte echoes", _echo(), (1, 10, 50, 200, 1000),
         ("connections",)),
    Axis("servers", "servers, a connection for each 64-byte request, 32 at a time",
         Scenario("growth", "", "short", "request", unit="10k connections", connections=32,
                  response_bytes=256, sources=8),
         (1, 100, 10_000), ("server_addresses",)),
    Axis("bytes", "bytes of an echo, 50 connections", _echo(connections=50),
         (64, 1024, 8192, 65_536, 262_144), ("request_bytes", "response_bytes")),
    Axis("workers", "workers, 64-byte echoes on 200 connections", _echo(connections=200), (1, 2),
         ("workers",)),
)


def scenarios():
    return [scenario for axis in AXES for scenario in axis.scenarios().values()]


def _points(axis, result, subject, metric):
    """(value, Spread) for every value that was measured."""
    found = [(value, stats.of(result["scenarios"][scenario.name], subject, metric))
             for value, scenario in axis.scenarios().items()
             if scenario.name in result["scenarios"]]
    return [(value, spread) for value, spread in found if spread]


def _subjects(result):
    return [name for name in SUBJECTS if name in result["subjects"]]


def _row(axis, result, value):
    cells = [f"{value:,}"]
    for metric, scale in (("cpu_per_unit", 1), ("throughput", 1), ("latency_p99_us", 1)):
        for subject in _subjects(result):
            found = dict(_points(axis, result, subject, metric)).get(value)
            cells.append(f"{found.median * scale:.3g}" if found and found.median < 1000
                         else f"{found.median:,.0f}" if found else "–")
    return "| " + " | ".join(cells) + " |"


def markdown(result, heading="#"):
    """A table for each axis."""
    names = _subjects(result)
    parts = [f"{heading} How cost grows, {result['machine']['date'][:10]}, commit "
             f"{result['machine']['commit']}, {result['machine']['processor']}, Linux "
             f"{result['machine']['kernel']}\n"]
    for axis in AXES:
        unit = axis.base.unit
        head = ([axis.name] + [f"{name}, s per {unit}" for name in names]
                + [f"{name}, {unit} a second" for name in names]
                + [f"{name}, p99 µs" for name in names])
        rows = [_row(axis, result, value) for value in axis.values]
        parts.append("\n".join([f"{heading}# {axis.title[0].upper()}{axis.title[1:]}\n",
                                "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)] + rows)
                     + "\n")
    errors = "".join(f"- {error}\n" for error in result["errors"])
    return "\n".join(parts) + (f"\n{heading}# Failed measurements\n\n{errors}" if errors else "")


def draw(result, folder):
    """One SVG with a panel for each axis; nothing without matplotlib."""
    plot = pyplot()
    if plot is None:
        return []
    os.makedirs(folder, exist_ok=True)
    figure, panels = plot.subplots(2, 2, figsize=(9, 7))
    for axis, panel in zip(AXES, panels.flat):
        for subject in _subjects(result):
            points = _points(axis, result, subject, "cpu_per_unit")
            if not points:
                continue
            values, spreads = zip(*points)
            panel.errorbar(values, [each.median for each in spreads],
                           yerr=[[each.median - each.low for each in spreads],
                                 [each.high - each.median for each in spreads]],
                           marker=".", color=COLOURS.get(subject), label=subject)
        if len(axis.values) > 2:
            panel.set_xscale("log")
        else:
            panel.set_xticks(axis.values)
        if axis.name == "bytes":
            panel.set_yscale("log")
        else:
            panel.set_ylim(bottom=0)
        panel.set_title(axis.title, fontsize="small")
        panel.set_xlabel(axis.name)
        panel.set_ylabel(f"CPU seconds per {axis.base.unit}", fontsize="small")
        panel.grid(alpha=0.3)
    panels.flat[0].legend(fontsize="small")
    return [save(plot, figure, folder, "growth.svg")]
