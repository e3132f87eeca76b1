"""bench/run --self-test: the harness's own tests (tests/unit/bench) against the built programs."""

import os
import unittest

from .build import ROOT

TESTS = os.path.join(ROOT, "tests", "unit", "bench")


def main(build_folder):
    """0: the harness works; 1: it does not."""
    os.environ["SLUICE_BENCH_BUILD"] = build_folder
    suite = unittest.defaultTestLoader.discover(TESTS, pattern="*_test.py", top_level_dir=TESTS)
    outcome = unittest.TextTestRunner(verbosity=1).run(suite)
    return 0 if outcome.wasSuccessful() and outcome.testsRun else 1
