"""Medians, spreads and ratios of the rounds of a result."""

import dataclasses
import statistics

HEADLINE = {"cpu": "cpu_per_unit", "memory": "bytes_per_session"}


@dataclasses.dataclass(frozen=True)
class Spread:
    """A median with what shows how far to trust it."""
    median: float
    mad: float      # median absolute deviation from the median
    low: float
    high: float
    rounds: int

    @property
    def relative(self):
        """Half of the range, as a part of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def spread(values):
    """The Spread of a list that is not empty."""
    middle = statistics.median(values)
    return Spread(middle, statistics.median([abs(value - middle) for value in values]),
                  min(values), max(values), len(values))


def series(scenario, subject, metric):
    """The values of one metric over the rounds that have it."""
    return [numbers[subject][metric] for numbers in scenario["rounds"]
            if metric in numbers.get(subject, {})]


def of(scenario, subject, metric):
    """Its Spread, or None where no round has it."""
    values = series(scenario, subject, metric)
    return spread(values) if values else None


def better_peer(scenario, peers, metric=None):
    """The peer with the lowest median of a metric (the headline's by default); None without any."""
    metric = metric or HEADLINE[scenario["measure"]]
    medians = {peer: of(scenario, peer, metric) for peer in peers}
    known = {peer: value.median for peer, value in medians.items() if value}
    return min(known, key=known.get) if known else None


def ratio(scenario, subject, peer, metric):
    """The ratio of the medians, with the ratios of the single rounds as its spread."""
    pairs = [(numbers[subject][metric], numbers[peer][metric]) for numbers in scenario["rounds"]
             if metric in numbers.get(subject, {}) and numbers.get(peer, {}).get(metric)]
    if not pairs:
        return None
    by_round = spread([ours / theirs for ours, theirs in pairs])
    ours, theirs = zip(*pairs)
    return dataclasses.replace(by_round,
                               median=statistics.median(ours) / statistics.median(theirs))


def verdict(value, target):
    """What a Spread says about a target that it must not exceed."""
    if target is None or value is None:
        return ""
    if value.low <= target <= value.high and value.low != value.high:
        return "met, within noise" if value.median <= target else "missed, within noise"
    return "met" if value.median <= target else "missed"


def judged(scenario, peers, subject="sluice"):
    """(better peer, Spread of what the target limits): a ratio to that peer, or bytes a session."""
    peer = better_peer(scenario, peers)
    metric = HEADLINE[scenario["measure"]]
    if scenario["measure"] == "memory":
        return peer, of(scenario, subject, metric)
    return peer, ratio(scenario, subject, peer, metric) if peer else None


def summary(scenarios, peers):
    """The result in short, for programs: medians, ratios and verdicts by scenario."""
    short = {}
    for name, scenario in scenarios.items():
        subjects = sorted({subject for numbers in scenario["rounds"] for subject in numbers})
        metric = HEADLINE[scenario["measure"]]
        known = {subject: of(scenario, subject, metric) for subject in subjects}
        peer, value = judged(scenario, peers)
        short[name] = {
            "metric": metric,
            "subjects": {subject: dataclasses.asdict(value_of)
                         for subject, value_of in known.items() if value_of},
            "better_peer": peer,
            "judged": dataclasses.asdict(value) if value else None,
            "target": scenario["target"],
            "verdict": verdict(value, scenario["target"]),
        }
    return short
