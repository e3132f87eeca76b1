"""Scenario files, order of the rounds, medians and ratios, tables and plots."""

import json
import os
import unittest

import support
from harness import campaign, plots, report, scenario, stats


def cpu_rounds(*rounds):
    return [{subject: {"cpu_per_unit": value, "throughput": 1 / value, "latency_p50_us": 10.0,
                       "latency_p99_us": 20.0 * value,
                       "load_load": 0.5} for subject, value in numbers.items()}
            for numbers in rounds]


def result_with(names):
    """A whole result with one scenario of each kind, measured for `names`."""
    value = {"nginx": 1.0, "haproxy": 2.0, "sluice": 0.4}
    memory = [{name: {"bytes_per_session": 1000 * value[name],
                      "opened_bytes_per_session": 900.0} for name in names}] * 3
    scenarios = {
        "bulk-1": {"what": "", "measure": "cpu", "unit": "GB", "target": 0.5, "connections": 1,
                   "latency": True,
                   "rounds": cpu_rounds(*[{name: value[name] for name in names}] * 3)},
        "idle-5000": {"what": "", "measure": "memory", "unit": "GB", "target": 2048,
                      "connections": 3000, "latency": False, "rounds": memory},
    }
    peers = [name for name in names if name != "sluice"]
    return {"machine": {"date": "today", "processor": "one", "processors": 2, "kernel": "6.1",
                        "commit": "abc", "load_average": [0.5, 0, 0]},
            "settings": {"rounds": 3, "seconds": 1, "warmup": 1, "proxy_cpus": [1],
                         "load_cpus": [0], "has_own_network": True, "puts_first": True,
                         "build": {"buildtype": "release"}},
            "subjects": {name: {"version": name + " 1"} for name in names}, "peers": peers,
            "scenarios": scenarios, "errors": [], "summary": stats.summary(scenarios, peers)}


class ScenarioTest(unittest.TestCase):
    def test_every_file_is_valid_and_issue_names_are_there(self):
        known = scenario.load_all()
        wanted = {"bulk-1", "bulk-16", "upload-1", "upload-16", "echo-64-500", "echo-8k-50",
                  "echo-64-1", "short", "idle-5000", "tls-bulk-1", "tls-bulk-16", "tls-upload-1",
                  "tls-handshakes", "tls-resumed", "tls-keepalive", "reencrypt-bulk-1",
                  "reencrypt-keepalive", "tls-idle-5000"}
        self.assertLessEqual(wanted, set(known))

    def test_misspelt_key_is_refused(self):
        with support.folder() as folder:
            path = os.path.join(folder, "x.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"name": "x", "what": "", "mode": "echo", "service": "echo",
                           "conections": 3}, file)
            with self.assertRaisesRegex(scenario.ScenarioError, "conections"):
                scenario.load_file(path)

    def test_work_is_counted_in_units(self):
        sent = {"units": 50_000, "bytes_sent": 10**9, "bytes_received": 5 * 10**8}
        self.assertEqual(support.scenario(unit="100k messages").work(sent), 0.5)
        self.assertEqual(support.scenario(unit="10k connections").work(sent), 5)
        self.assertEqual(support.scenario(unit="GB").work(sent), 1.5)


class OrderTest(unittest.TestCase):
    def test_rounds_come_in_mirrored_pairs_that_begin_with_everyone(self):
        names = ["a", "b", "c", "d"]
        orders = [campaign.order_in_round(names, number) for number in range(8)]
        for forward, backward in zip(orders[::2], orders[1::2]):
            self.assertEqual(forward, backward[::-1])
        for place in range(4):
            self.assertEqual(sorted(order[place] for order in orders), sorted(names * 2))


class StatsTest(unittest.TestCase):
    def test_spread(self):
        found = stats.spread([1.0, 2.0, 3.0, 4.0, 100.0])
        self.assertEqual((found.median, found.mad, found.low, found.high), (3.0, 1.0, 1.0, 100.0))

    def test_better_peer_is_that_with_the_lower_median(self):
        rounds = cpu_rounds({"nginx": 1.0, "haproxy": 3.0}, {"nginx": 2.0, "haproxy": 1.0},
                            {"nginx": 2.0, "haproxy": 3.0})
        found = {"measure": "cpu", "rounds": rounds}
        self.assertEqual(stats.better_peer(found, ["nginx", "haproxy"]), "nginx")
        self.assertIsNone(stats.better_peer(found, []))

    def test_ratio_is_of_medians_with_the_range_of_the_rounds(self):
        rounds = cpu_rounds({"sluice": 1.0, "nginx": 2.0}, {"sluice": 2.0, "nginx": 2.0},
                            {"nginx": 5.0})
        found = stats.ratio({"rounds": rounds}, "sluice", "nginx", "cpu_per_unit")
        self.assertEqual((found.median, found.low, found.high, found.rounds),
                         (0.75, 0.5, 1.0, 2))

    def test_verdict(self):
        narrow, wide = stats.spread([0.4, 0.41, 0.42]), stats.spread([0.3, 0.45, 0.6])
        self.assertEqual(stats.verdict(narrow, 0.5), "met")
        self.assertEqual(stats.verdict(narrow, 0.39), "missed")
        self.assertEqual(stats.verdict(wide, 0.5), "met, within noise")
        self.assertEqual(stats.verdict(wide, 0.4), "missed, within noise")
        self.assertEqual(stats.verdict(narrow, None), "")


class ReportTest(unittest.TestCase):
    def test_tables_name_the_ratio_the_target_and_the_verdict(self):
        text = report.markdown(result_with(["sluice", "nginx", "haproxy"]))
        self.assertIn("| nginx | 0.40 [0.40–0.40] | 0.50 | met |", text)
        self.assertIn("| 50 | 8 ±0 | 20 ±0 | 40 ±0 | nginx | 0.40 [0.40–0.40] | met |", text)
        self.assertIn("| 400 ±0 | 1,000 ±0 | 2,000 ±0 | 2,048 | met |", text)

    def test_peers_alone_have_no_ratio(self):
        text = report.markdown(result_with(["nginx", "haproxy"]))
        self.assertIn("| nginx | – | 0.50 |  |", text)

    def test_readme_gets_the_results_between_its_marks(self):
        begin, end = report.marks("results")
        text = f"head\n{begin}\nold\n{end}\ntail\n"
        table = report.markdown(result_with(["nginx"]), heading="###")
        self.assertTrue(table.startswith("### Benchmark"))
        self.assertIn("\n#### CPU seconds", table)
        new = report.replace_section(text, "results", table, ["plots/cpu.svg"])
        self.assertNotIn("old", new)
        self.assertTrue(new.startswith(f"head\n{begin}\n### Benchmark"))
        self.assertTrue(new.endswith(f"![plots/cpu.svg](plots/cpu.svg)\n{end}\ntail\n"))
        self.assertEqual(report.replace_section(new, "results", table, ["plots/cpu.svg"]), new)
        with self.assertRaises(ValueError):
            report.replace_section("no marks", "results", table, [])

    def test_summary_holds_the_judgement(self):
        short = result_with(["sluice", "nginx"])["summary"]
        self.assertEqual(short["bulk-1"]["verdict"], "met")
        self.assertEqual(short["bulk-1"]["judged"]["median"], 0.4)
        self.assertEqual(short["idle-5000"]["judged"]["median"], 400)

    def test_plots_are_drawn_or_left_out_together(self):
        with support.folder() as folder:
            paths = plots.draw(result_with(["sluice", "nginx"]), folder)
            self.assertIn(len(paths), (0, 3))
            for path in paths:
                with open(path, encoding="utf-8") as file:
                    self.assertIn("<svg", file.read())


if __name__ == "__main__":
    unittest.main()
