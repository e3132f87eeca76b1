"""The axes of bench/run --growth: their scenarios, tables and plot."""

import unittest

import support
from harness import growth
from harness.setup import Setup


def result_of(rounds):
    """A result in which every scenario of every axis was measured like `rounds`."""
    return {"machine": {"date": "2026-01-01T00:00", "commit": "abc", "processor": "one",
                        "kernel": "6.1"},
            "subjects": {"sluice": {}, "nginx": {}, "hitch": {}}, "errors": [],
            "scenarios": {each.name: {"measure": "cpu", "rounds": rounds}
                          for each in growth.scenarios()}}


class GrowthTest(unittest.TestCase):
    def test_an_axis_changes_its_own_number_only(self):
        for axis in growth.AXES:
            found = axis.scenarios()
            self.assertEqual(tuple(found), axis.values)
            for value, scenario in found.items():
                self.assertEqual({getattr(scenario, field) for field in axis.fields}, {value})
                self.assertEqual(scenario.mode, axis.base.mode)
        names = [each.name for each in growth.scenarios()]
        self.assertEqual(len(names), len(set(names)))

    def test_ten_thousand_servers_are_ten_thousand_addresses(self):
        setup = Setup(support.scenario(server_addresses=10_000), "/run/x", 81, [90])
        self.assertEqual(len(set(setup.servers)), 10_000)
        self.assertEqual(setup.servers[0], ("127.0.0.1", 90))
        for address, _ in setup.servers:
            self.assertTrue(all(0 <= int(part) < 255 for part in address.split(".")), address)

    def test_tables_have_a_row_for_each_value_and_say_what_is_missing(self):
        rounds = [{"sluice": {"cpu_per_unit": 1.5, "throughput": 2000.0}},
                  {"sluice": {"cpu_per_unit": 2.5, "throughput": 2000.0}}]
        text = growth.markdown(result_of(rounds))
        self.assertIn("| 10,000 | 2 | – | 2,000 | – | – | – |", text)
        self.assertNotIn("hitch", text)

    def test_plot_has_every_axis(self):
        rounds = [{"sluice": {"cpu_per_unit": 1.5}, "nginx": {"cpu_per_unit": 3.0}}] * 2
        with support.folder() as folder:
            for path in growth.draw(result_of(rounds), folder):
                with open(path, encoding="utf-8") as file:
                    self.assertIn("<svg", file.read())


if __name__ == "__main__":
    unittest.main()
