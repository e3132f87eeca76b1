"""Whole measurements through a proxy of a few lines: backend, proxy, load, and their clean end."""

import dataclasses
import json
import os
import tempfile
import unittest
from unittest import mock

import support
from harness import campaign, proc, proxy
from harness.measure import Bench, measure, stage
from harness.programs import ProgramError
from harness.subjects import DIRECT, Subject

FORWARDER = os.path.join(support.ROOT, "tests", "unit", "bench", "forwarder.py")


def forwarder(fault=""):
    def configure(setup):
        return "forwarder.json", json.dumps({"port": setup.port, "backends": setup.ports,
                                             "fault": fault})
    return Subject("forwarder", "/usr/bin/python3", "--version", configure,
                   lambda program, file: [program, FORWARDER, file])


class MeasureTest(unittest.TestCase):
    def setUp(self):
        folder = support.folder()
        self.addCleanup(folder.cleanup)
        self.enterContext(mock.patch.object(tempfile, "tempdir", folder.name))
        self.folder = folder.name
        self.bench = Bench(support.BUILD, support.CPUS, support.CPUS, seconds=0.3, warmup=0.1)

    def tearDown(self):
        self.assertEqual(os.listdir(self.folder), [], "files left behind")
        self.assertEqual(proc.tree(os.getpid()), [os.getpid()], "programs left behind")

    def test_cpu_and_latency_of_echoes(self):
        numbers = measure(support.scenario(connections=10), forwarder(), self.bench)
        self.assertGreater(numbers["work"], 0)
        self.assertGreater(numbers["cpu_per_unit"], 0)
        self.assertLessEqual(numbers["latency_p50_us"], numbers["latency_p99_us"])
        self.assertGreater(numbers["proxy_load"], 0.05)
        self.assertLess(numbers["proxy_load"], 1.3)

    def test_bytes_of_streams_in_both_directions(self):
        for mode, service in (("download", "source"), ("upload", "sink")):
            scenario = support.scenario(mode=mode, service=service, unit="GB", connections=2)
            self.assertGreater(measure(scenario, forwarder(), self.bench)["work"], 0, mode)

    def test_memory_of_sessions(self):
        scenario = support.scenario(measure="memory", connections=200)
        numbers = measure(scenario, forwarder(), self.bench)
        self.assertGreater(numbers["bytes_per_session"], 1000)  # Python objects are not small
        self.assertEqual(numbers["descriptors_per_session"], 2)

    def test_reloads_while_it_measures(self):
        numbers = measure(support.scenario(reload_every=0.05), forwarder("forks"), self.bench)
        self.assertGreaterEqual(numbers["reloads"], 3)
        # The children burn twice this each, and have ended by the end of the run.
        self.assertGreater(numbers["cpu_per_unit"] * numbers["work"], 0.02 * numbers["reloads"])

    def test_an_open_loop_is_put_first_and_no_other(self):
        if not proc.may_put_first():
            self.skipTest("the real-time class is not allowed here")
        bench = dataclasses.replace(self.bench, puts_first=True)
        for rate, policy in ((0, os.SCHED_OTHER), (100, os.SCHED_FIFO)):
            with stage(support.scenario(rate=rate), forwarder(), bench) as (backend, tree, load, _):
                for thread in proc.threads([backend.pid, load.pid, *tree.pids()]):
                    self.assertEqual(os.sched_getscheduler(thread), policy)

    def test_direct_has_latency_and_no_proxy(self):
        numbers = measure(support.scenario(), DIRECT, self.bench)
        self.assertEqual(numbers["cpu_per_unit"], 0)
        self.assertGreater(numbers["latency_p50_us"], 0)

    def test_proxy_that_does_not_start_is_an_error_with_its_message(self):
        results, errors = campaign.run_scenario(support.scenario(), [forwarder("refuses"), DIRECT],
                                                2, self.bench)
        self.assertEqual([list(numbers) for numbers in results], [[DIRECT], [DIRECT]])
        self.assertEqual(len(errors), 2)
        self.assertIn("forwarder: refuses to start", errors[0])

    def test_proxy_that_spins_without_load_is_not_measured(self):
        with mock.patch.object(proxy, "QUIET_TIMEOUT", 0.5):
            with self.assertRaisesRegex(ProgramError, "keeps using its CPU"):
                measure(support.scenario(), forwarder("spins"), self.bench)


if __name__ == "__main__":
    unittest.main()
