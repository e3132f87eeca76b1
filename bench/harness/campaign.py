"""All measurements of a run of bench/run: scenarios, rounds, and the order of the subjects."""

import dataclasses
import sys

from .certificate import CertificateError
from .measure import measure
from .programs import ProgramError
from .subjects import DIRECT
from .syscalls import CountError


def order_in_round(subjects, number):
    """Every second round runs the one before it backwards, so that a machine that slowly gets
    faster or slower favours nobody; each such pair begins with another subject."""
    start = number // 2 % len(subjects)
    turned = subjects[start:] + subjects[:start]
    return turned[::-1] if number % 2 else turned


def name_of(subject):
    return subject if subject == DIRECT else subject.name


def run_scenario(scenario, subjects, rounds, bench):
    """One scenario in full, `rounds` times its `times`: a list of rounds, each
    {subject: numbers}, and a list of errors.

    A measurement that fails leaves a hole in its round and a line in the errors.
    """
    if scenario.measure == "memory":
        subjects = [subject for subject in subjects if subject != DIRECT]
    subjects = [subject for subject in subjects
                if subject == DIRECT or not subject.refuses(scenario)]
    results, errors = [], []
    for number in range(rounds * scenario.times):
        if number == 1:  # the number of system calls hardly varies: one round is enough
            bench = dataclasses.replace(bench, counts_syscalls=False)
        numbers = {}
        for subject in order_in_round(subjects, number):
            name = name_of(subject)
            try:
                numbers[name] = measure(scenario, subject, bench)
            except (ProgramError, CertificateError, CountError, OSError) as error:
                errors.append(f"{scenario.name}, round {number + 1}, {name}: {error}")
                print("bench: " + errors[-1], file=sys.stderr)
        results.append(numbers)
    return results, errors


def run(scenarios, subjects, rounds, bench, progress):
    """Every scenario; `progress(text)` is told what comes next. Gives what result.json holds
    under `scenarios`, and all errors."""
    outcome, all_errors = {}, []
    for scenario in scenarios:
        progress(f"{scenario.name}: {scenario.what}")
        results, errors = run_scenario(scenario, subjects, rounds, bench)
        outcome[scenario.name] = {
            "what": scenario.what, "measure": scenario.measure, "unit": scenario.unit,
            "target": scenario.target, "connections": scenario.connections,
            "latency": scenario.has_latency, "rounds": results,
        }
        all_errors += errors
    return outcome, all_errors
