"""The configurations of the subjects: what they say, and that the installed programs take them."""

import json
import os
import subprocess
import unittest

import support
from harness import certificate, scenario, sluice, subjects
from harness.setup import Setup

CHECKS = {"nginx": ["-t"], "haproxy": ["-c"], "haproxy-splice": ["-c"], "hitch": ["--test"]}


class SubjectTest(unittest.TestCase):
    def test_sluice_is_configured_by_the_contract(self):
        name, text = sluice.config(Setup(support.scenario(), "/run/x", 81, [90, 91]))
        document = json.loads(text)
        self.assertEqual(name, "sluice.yaml")
        self.assertEqual(document["workers"], 1)
        self.assertFalse(document["log"]["sessions"])
        self.assertEqual(document["frontends"][0]["listen"], "127.0.0.1:81")
        self.assertEqual([server["port"] for server in document["backends"][0]["servers"]],
                         [90, 91])
        self.assertNotIn("tls", document["frontends"][0])

    def test_servers_get_plain_bytes_or_verified_tls(self):
        ends = {}
        for tls in ("terminate", "reencrypt"):
            setup = Setup(support.scenario(tls=tls), "/run/x", 81, [90], "/run/x/bench.pem")
            document = sluice.document(setup)
            self.assertEqual(document["frontends"][0]["tls"], {"certificates": ["bench"]})
            ends[tls] = document["backends"][0]["servers"][0]
        self.assertTrue(ends["terminate"]["ssl_offload"])
        self.assertNotIn("ssl_offload", ends["reencrypt"])
        self.assertEqual(ends["reencrypt"]["server_name"], certificate.NAME)

    def test_who_is_left_out_says_why(self):
        hitch, splice = subjects.of_hitch(), subjects.of_haproxy_splice()
        self.assertIn("nothing else", hitch.refuses(support.scenario()))
        self.assertIn("nothing else", hitch.refuses(support.scenario(tls="reencrypt")))
        self.assertIn("one server", hitch.refuses(support.scenario(tls="terminate", servers=2)))
        self.assertEqual(hitch.refuses(support.scenario(tls="terminate")), "")
        self.assertEqual(splice.refuses(support.scenario()), "")
        self.assertNotEqual(splice.refuses(support.scenario(tls="terminate")), "")
        web = support.scenario(protocol="http", service="http")
        self.assertEqual(subjects.of_nginx().refuses(web), "")
        self.assertEqual(subjects.of_haproxy().refuses(web), "")

    def test_cookies_have_one_name(self):
        setup = Setup(support.scenario(protocol="http", service="http"), "/run/x", 81, [90])
        document = sluice.document(setup)
        self.assertEqual(document["backends"][0]["persistence"], {"cookie": {"name": "LBSRV"}})
        self.assertIn("cookie LBSRV insert", subjects.of_haproxy().configure(setup)[1])

    def test_peers_that_are_installed_take_their_configurations(self):
        kinds = {(each.protocol, each.tls): each for each in scenario.load_all().values()}
        for make in subjects.PEERS.values():
            subject = make()
            for kind in kinds.values():
                if subject.is_installed() and not subject.refuses(kind):
                    with self.subTest(peer=subject.name, scenario=kind.name):
                        self.assert_accepted(subject, kind)

    def assert_accepted(self, subject, kind):
        with support.folder() as folder:
            pem = certificate.make(folder) if kind.has_tls else ""
            # The port is not bound by these checks.
            name, text = subject.configure(Setup(kind, folder, 8443, [8080], pem))
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run(subject.command(subject.program, path) + CHECKS[subject.name],
                                  capture_output=True, text=True, check=False, cwd=folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
