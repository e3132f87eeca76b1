"""bench/reload: the configuration of many servers, and the parts that need no proxy."""

import os
import unittest

import support
from harness import reload_time, sluice
from harness.setup import Setup


class ReloadTest(unittest.TestCase):
    def test_two_variants_differ_in_a_tenth_of_the_weights(self):
        first, second = (reload_time.many_backends(1000, variant) for variant in range(2))
        self.assertEqual(len(first), 10)
        servers = [[each for backend in found for each in backend["servers"]]
                   for found in (first, second)]
        self.assertEqual(len({server["name"] for server in servers[0]}), 1000)
        self.assertEqual(len({server["address"] for server in servers[0]}), 1000)
        self.assertEqual(sum(one != other for one, other in zip(*servers)), 100)

    def test_the_file_has_a_line_for_each_server(self):
        document = sluice.document(Setup(support.scenario(), "/run/x", 81, [90]))
        document["backends"] += reload_time.many_backends(200, 0)
        lines = reload_time.as_yaml(document).splitlines()
        self.assertEqual(sum(line.startswith("      - {") for line in lines), 201)
        self.assertIn('  - name: "b1"', lines)

    def test_only_workers_count(self):
        self.assertEqual(reload_time.worker_seconds(os.getpid()), {})


if __name__ == "__main__":
    unittest.main()
