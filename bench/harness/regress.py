"""bench/compare: is the second result slower than the first, beyond the noise of both?

Where both results measured the same other programs in the same rounds, a value is first divided
by the geometric mean of theirs: a machine that was slower on one day slowed them too. The noise
is then estimated from the range of the rounds (range / d2(n), Shewhart), turned into the standard
error of a median, and a change counts when it exceeds SIGMAS of it and FLOOR at once.
"""

import argparse
import dataclasses
import json
import math
import os
import statistics
import sys

LEAST_ROUNDS = 3
FLOOR = 0.03     # below this a change is not worth a person's time
SIGMAS = 5.0     # some fifty comparisons a run, noise from few rounds: 3 would cry wolf weekly
MEDIAN_ERROR = 1.2533  # standard error of a median, in those of a mean
# Expected range of n normal values, in standard deviations (d2 of control charts).
D2 = {2: 1.128, 3: 1.693, 4: 2.059, 5: 2.326, 6: 2.534, 7: 2.704, 8: 2.847, 9: 2.970, 10: 3.078,
      12: 3.258, 15: 3.472, 20: 3.735, 25: 3.931}
# Setting -> what it says of a measurement; both results must have the same.
CONDITIONS = {"puts_first": "open loops before everything else",
              "has_own_network": "network namespaces of their own"}
# Metric -> whether more is better.
METRICS = {"cpu_per_unit": False, "throughput": True, "latency_p99_us": False,
           "bytes_per_session": False}


class CompareError(ValueError):
    """The two results cannot be compared."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One metric of one scenario in both results; `change` and `noise` are parts of the first
    median, a positive change is a worse value."""
    scenario: str
    metric: str
    before: float
    after: float
    change: float
    noise: float

    @property
    def is_regression(self):
        return self.change > max(FLOOR, self.noise)

    @property
    def is_gain(self):
        return -self.change > max(FLOOR, self.noise)


def _d2(count):
    return D2[max(known for known in D2 if known <= count)]


def median_error(values):
    """Standard error of the median of few values, from their range."""
    deviation = (max(values) - min(values)) / _d2(len(values))
    return MEDIAN_ERROR * deviation / math.sqrt(len(values))


def anchored(scenario, subject, metric, anchors):
    """The subject's value of each round, divided by the anchors' geometric mean of that round."""
    values = []
    for numbers in scenario["rounds"]:
        others = [numbers.get(anchor, {}).get(metric) for anchor in anchors]
        ours = numbers.get(subject, {}).get(metric)
        if ours is None or not all(others):
            continue
        values.append(ours / statistics.geometric_mean(others) if others else ours)
    return values


def _subjects_with(scenario, metric):
    return {name for numbers in scenario["rounds"] for name, found in numbers.items()
            if found.get(metric)}


def compare_metric(name, first, second, subject, metric):
    """A Change, or None where a result does not have the metric."""
    common = _subjects_with(first, metric) & _subjects_with(second, metric)
    if subject not in common:
        return None
    # The load generator without a proxy says little about a proxy's CPU; peers say the most.
    anchors = sorted(common - {subject, "direct"})
    before = anchored(first, subject, metric, anchors)
    after = anchored(second, subject, metric, anchors)
    if min(len(before), len(after)) < LEAST_ROUNDS:
        raise CompareError(f"{name}: fewer than {LEAST_ROUNDS} complete rounds show no noise")
    old, new = statistics.median(before), statistics.median(after)
    worse = (old - new if METRICS[metric] else new - old) / old
    noise = SIGMAS * math.hypot(median_error(before), median_error(after)) / old
    return Change(name, metric, old, new, worse, noise)


def compare(first, second, subject="sluice"):
    """All changes of the scenarios that both results hold."""
    if first.get("format") != second.get("format"):
        raise CompareError("the results have different formats")
    for key, what in CONDITIONS.items():
        if first.get("settings", {}).get(key) != second.get("settings", {}).get(key):
            raise CompareError(f"only one of the results was measured with {what}")
    changes = []
    for name in sorted(set(first["scenarios"]) & set(second["scenarios"])):
        old, new = first["scenarios"][name], second["scenarios"][name]
        for key in ("unit", "measure", "connections"):
            if old[key] != new[key]:
                raise CompareError(f"{name}: {key} was {old[key]} and is {new[key]}")
        found = [compare_metric(name, old, new, subject, metric) for metric in METRICS]
        changes += [change for change in found if change]
    if not changes:
        raise CompareError(f"no scenario in both results measured {subject}")
    return changes


def _word(change):
    if change.is_regression:
        return "WORSE"
    return "better" if change.is_gain else "same"


def _read(path):
    if os.path.isdir(path):
        path = os.path.join(path, "result.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise CompareError(f"{path}: {error}") from None


def main(arguments):
    """0: nothing got worse; 1: something did; 2: the results cannot be compared."""
    parser = argparse.ArgumentParser(
        prog="bench/compare", description="Fails where B is worse than A beyond the noise.")
    parser.add_argument("first", metavar="A.json")
    parser.add_argument("second", metavar="B.json")
    parser.add_argument("--subject", default="sluice", help="whose numbers (default: sluice)")
    options = parser.parse_args(arguments)
    try:
        changes = compare(_read(options.first), _read(options.second), options.subject)
    except CompareError as error:
        print(f"bench/compare: {error}", file=sys.stderr)
        return 2
    print(f"{'scenario':14} {'metric':18} {'worse by':>9} {'noise':>7}")
    for change in changes:
        print(f"{change.scenario:14} {change.metric:18} {change.change:>+9.1%} "
              f"{change.noise:>7.1%}  {_word(change)}")
    return 1 if any(change.is_regression for change in changes) else 0
