"""The plots of a result, as SVG files; without matplotlib there are none."""

import io
import os

from . import stats

# Okabe and Ito's palette: told apart with any colour vision.
COLOURS = {"sluice": "#0072B2", "nginx": "#009E73", "haproxy": "#D55E00",
           "haproxy-splice": "#E69F00", "hitch": "#CC79A7", "direct": "#999999"}
QUANTILES = (("p10", 10), ("p25", 25), ("p50", 50), ("p75", 75), ("p90", 90), ("p99", 99),
             ("p99_9", 99.9), ("p99_99", 99.99))


def pyplot():
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "sluice"  # the same result gives the same file
    import matplotlib.pyplot
    return matplotlib.pyplot


def save(plot, figure, folder, name):
    path = os.path.join(folder, name)
    figure.tight_layout()
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    plot.close(figure)
    with open(path, "w", encoding="utf-8") as file:  # matplotlib ends lines in spaces
        file.writelines(line.rstrip() + "\n" for line in drawing.getvalue().splitlines())
    return path


def _bars(axes, groups, subjects, values):
    """Grouped horizontal bars; `values(group, subject)` is (middle, low, high) or None."""
    height = 0.8 / len(subjects)
    for position, subject in enumerate(subjects):
        for row, group in enumerate(groups):
            found = values(group, subject)
            if not found:
                continue
            middle, low, high = found
            axes.barh(row + (position + 0.5) * height - 0.4, middle, height * 0.9,
                      color=COLOURS.get(subject), label=subject if row == 0 else None,
                      xerr=[[max(0, middle - low)], [max(0, high - middle)]],
                      error_kw={"elinewidth": 0.8})
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    handles, labels = axes.get_legend_handles_labels()
    first = dict(zip(labels, handles))
    axes.legend(first.values(), first.keys(), fontsize="small", ncol=len(first),
                loc="lower left", bbox_to_anchor=(0, 1), frameon=False)


def _cpu(plot, result, folder):
    scenarios = {name: scenario for name, scenario in result["scenarios"].items()
                 if scenario["measure"] == "cpu" and stats.better_peer(scenario, result["peers"])}
    if not scenarios:
        return None
    subjects = [name for name in result["subjects"] if name != "direct"]

    def ratio_to_peer(name, subject):
        peer = stats.better_peer(scenarios[name], result["peers"])
        value = stats.ratio(scenarios[name], subject, peer, "cpu_per_unit")
        return (value.median, value.low, value.high) if value else None

    figure, axes = plot.subplots(figsize=(8, 1.3 + 0.2 * len(scenarios) * (len(subjects) + 1)))
    _bars(axes, list(scenarios), subjects, ratio_to_peer)
    for row, scenario in enumerate(scenarios.values()):
        if scenario["target"]:
            axes.plot([scenario["target"]] * 2, [row - 0.42, row + 0.42], color="black", lw=1.2)
    axes.axvline(1, color="grey", lw=0.6, ls=":")
    axes.set_xlabel("CPU per unit of work, better peer = 1 (whiskers: rounds; black: target)")
    return save(plot, figure, folder, "cpu.svg")


def _memory(plot, result, folder):
    scenarios = {name: scenario for name, scenario in result["scenarios"].items()
                 if scenario["measure"] == "memory"}
    if not scenarios:
        return None
    subjects = [name for name in result["subjects"] if name != "direct"]

    def bytes_of(name, subject):
        value = stats.of(scenarios[name], subject, "bytes_per_session")
        return (value.median, value.low, value.high) if value else None

    figure, axes = plot.subplots(figsize=(8, 1.2 + 0.25 * len(scenarios) * (len(subjects) + 1)))
    _bars(axes, list(scenarios), subjects, bytes_of)
    axes.set_xlabel("process memory per idle session, bytes")
    return save(plot, figure, folder, "memory.svg")


def _latency(plot, result, folder):
    """One panel for each scenario with latencies: the quantiles, on logarithmic axes."""
    names = [name for name, scenario in result["scenarios"].items() if scenario["latency"]]
    if not names:
        return None
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, panels = plot.subplots(rows, columns, figsize=(4.2 * columns, 3.2 * rows),
                                   squeeze=False)
    for panel in panels.flat[len(names):]:
        panel.set_visible(False)
    for name, panel in zip(names, panels.flat):
        for subject in result["subjects"]:
            points = [(share, stats.of(result["scenarios"][name], subject, f"latency_{key}_us"))
                      for key, share in QUANTILES]
            points = [(100 / (100 - share), value.median) for share, value in points if value]
            if points:
                panel.loglog(*zip(*points), marker=".", label=subject,
                             color=COLOURS.get(subject))
        panel.set_title(name, fontsize="medium")
        panel.set_xticks([10, 100, 1000, 10000], ["90 %", "99 %", "99.9 %", "99.99 %"])
        panel.set_ylabel("µs")
        panel.grid(alpha=0.3)
    panels.flat[0].legend(fontsize="small")
    return save(plot, figure, folder, "latency.svg")


def draw(result, folder):
    """Writes what there is to draw and gives the paths."""
    plot = pyplot()
    if plot is None:
        return []
    paths = [draw_one(plot, result, folder) for draw_one in (_cpu, _memory, _latency)]
    return [path for path in paths if path]
