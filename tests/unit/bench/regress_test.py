"""bench/compare: what it calls a regression, and what it leaves alone."""

import contextlib
import io
import json
import os
import random
import unittest

import support
from harness import regress


def result(rounds, metric="cpu_per_unit", **changes):
    """A result of one scenario; `rounds` is a list of {subject: value}."""
    scenario = {"unit": "GB", "measure": "cpu", "connections": 1, **changes,
                "rounds": [{subject: {metric: value} for subject, value in numbers.items()}
                           for numbers in rounds]}
    return {"format": 1, "scenarios": {"bulk-1": scenario}}


def noisy(generator, level, spread, count=5, machine=1.0):
    """Rounds with Sluice at `level` and one peer at 1, both times what the machine does."""
    return [{"sluice": level * drift * generator.gauss(1, spread),
             "nginx": drift * generator.gauss(1, spread)}
            for drift in (machine * generator.uniform(0.9, 1.1) for _ in range(count))]


class RegressTest(unittest.TestCase):
    def setUp(self):
        self.generator = random.Random(11)

    def change(self, first, second, **changes):
        found = regress.compare(result(first, **changes), result(second, **changes))
        self.assertEqual(len(found), 1)
        return found[0]

    def test_results_of_other_conditions_are_refused(self):
        rounds = noisy(self.generator, 0.5, 0.02)
        for key in ("puts_first", "has_own_network"):
            with self.assertRaisesRegex(regress.CompareError, "only one of the results"):
                regress.compare(result(rounds), result(rounds) | {"settings": {key: True}})

    def test_equal_runs_rarely_differ(self):
        """50 comparisons a run and one false alarm in 20 runs at most: 1 in 1,000."""
        alarms = sum(self.change(noisy(self.generator, 0.5, 0.02),
                                 noisy(self.generator, 0.5, 0.02)).is_regression
                     for _ in range(4000))
        self.assertLessEqual(alarms, 4)

    def test_clear_slowdown_is_found(self):
        found = sum(self.change(noisy(self.generator, 0.5, 0.01),
                                noisy(self.generator, 0.55, 0.01)).is_regression
                    for _ in range(200))
        self.assertGreaterEqual(found, 180)

    def test_slower_machine_is_not_a_regression(self):
        found = self.change(noisy(self.generator, 0.5, 0.005),
                            noisy(self.generator, 0.5, 0.005, machine=1.6))
        self.assertFalse(found.is_regression)

    def test_slower_machine_shows_without_peers(self):
        alone = [{"sluice": 0.5 + n / 1000} for n in range(5)]
        slower = [{"sluice": 0.8 + n / 1000} for n in range(5)]
        self.assertTrue(self.change(alone, slower).is_regression)

    def test_noise_hides_a_small_change(self):
        found = self.change(noisy(self.generator, 0.5, 0.2), noisy(self.generator, 0.54, 0.2))
        self.assertFalse(found.is_regression)
        self.assertGreater(found.noise, 0.08)

    def test_change_below_the_floor_is_left_alone(self):
        quiet = [{"sluice": 1.0}] * 3
        self.assertFalse(self.change(quiet, [{"sluice": 1.029}] * 3).is_regression)
        self.assertTrue(self.change(quiet, [{"sluice": 1.031}] * 3).is_regression)

    def test_less_throughput_is_worse_and_more_is_better(self):
        quiet, less, more = ([{"sluice": value}] * 3 for value in (10.0, 8.0, 12.0))
        self.assertTrue(self.change(quiet, less, metric="throughput").is_regression)
        self.assertTrue(self.change(quiet, more, metric="throughput").is_gain)
        self.assertTrue(self.change(quiet, more, metric="latency_p99_us").is_regression)

    def test_direct_runs_are_no_yardstick(self):
        first = [{"sluice": 1.0, "direct": 1.0}] * 3
        second = [{"sluice": 1.0, "direct": 0.5}] * 3
        self.assertEqual(self.change(first, second, metric="throughput").change, 0)

    def test_too_few_rounds_are_refused(self):
        with self.assertRaisesRegex(regress.CompareError, "fewer than 3"):
            self.change([{"sluice": 1.0}] * 2, [{"sluice": 2.0}] * 5)

    def test_different_scenarios_are_refused(self):
        rounds = [{"sluice": 1.0}] * 3
        with self.assertRaisesRegex(regress.CompareError, "connections was 1 and is 16"):
            regress.compare(result(rounds), result(rounds, connections=16))
        with self.assertRaisesRegex(regress.CompareError, "no scenario"):
            regress.compare(result(rounds), result([{"nginx": 1.0}] * 3))


class CommandTest(unittest.TestCase):
    def setUp(self):
        folder = support.folder()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def status(self, first, second):
        self.output = io.StringIO()
        with contextlib.redirect_stdout(self.output), contextlib.redirect_stderr(self.output):
            return regress.main([first, second])

    def test_exit_status_and_words(self):
        good = self.file("result.json", json.dumps(result([{"sluice": 1.0}] * 3)))
        bad = self.file("bad.json", json.dumps(result([{"sluice": 2.0}] * 3)))
        self.assertEqual(self.status(good, self.folder), 0)
        self.assertRegex(self.output.getvalue(), r"cpu_per_unit +\+0.0% +0.0%  same")
        self.assertEqual(self.status(good, bad), 1)
        self.assertIn("WORSE", self.output.getvalue())
        self.assertEqual(self.status(bad, good), 0)
        self.assertIn("better", self.output.getvalue())

    def test_unreadable_result_is_refused(self):
        good = self.file("good.json", json.dumps(result([{"sluice": 1.0}] * 3)))
        self.assertEqual(self.status(good, self.file("half.json", "{")), 2)
        self.assertEqual(self.status(good, os.path.join(self.folder, "none.json")), 2)


if __name__ == "__main__":
    unittest.main()
