"""The load generator against its own backend and against servers that misbehave."""

import dataclasses
import socket
import threading
import time
import unittest

import support
from harness import certificate, http
from harness.loadgen import Backend, Load
from harness.programs import ProgramError


class LoadTest(unittest.TestCase):
    def setUp(self):
        folder = support.folder()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def backend(self, scenario):
        pem = certificate.make(self.folder) if scenario.has_tls else ""
        return Backend(support.BUILD, scenario, support.CPUS, self.folder, pem)

    def load(self, scenario, ports):
        return Load(support.BUILD, scenario, ports, support.CPUS, self.folder)

    def direct(self, scenario, act):
        """What `act(load)` gives for a load straight to a backend, and the backend's totals."""
        with self.backend(scenario) as backend:
            with self.load(scenario, backend.ports) as load:
                given = act(load)
        return given, backend.totals

    def test_echo_counts_every_byte_on_both_sides(self):
        scenario = support.scenario(connections=100, request_bytes=1000, response_bytes=1000)
        (once, run), totals = self.direct(scenario, lambda load: (load.once(), load.run(0.2)))
        self.assertEqual(once["units"], 100)
        self.assertEqual(once["bytes_sent"], 100_000)
        self.assertEqual(once["bytes_received"], 100_000)
        self.assertEqual(run["latency_ns"]["count"], run["units"])
        self.assertEqual(run["bytes_sent"], run["units"] * 1000)
        self.assertEqual(totals["bytes_received"], once["bytes_sent"] + run["bytes_sent"])
        self.assertEqual(totals["bytes_sent"], totals["bytes_received"])
        self.assertEqual(totals["connections"], 100)

    def test_datagrams_are_counted_on_both_sides(self):
        scenario = support.scenario(protocol="udp", connections=50, outstanding=5, burst=70,
                                    request_bytes=1400, response_bytes=8)
        once, totals = self.direct(scenario, lambda load: load.once())
        self.assertEqual(once["units"], 50)
        self.assertEqual(once["lost"], 0)
        self.assertEqual(once["bytes_sent"], 50 * 70 * 1400)
        self.assertEqual(totals["bytes_received"], once["bytes_sent"])
        self.assertEqual(totals["bytes_sent"], once["bytes_received"])
        self.assertEqual(totals["connections"], 50)

    def test_datagrams_that_nobody_answers_are_lost(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            scenario = support.scenario(protocol="udp", connections=3)
            with self.load(scenario, [silent.getsockname()[1]]) as load:
                with self.assertRaisesRegex(ProgramError, "3 datagrams were lost"):
                    load.once()

    def test_message_larger_than_all_buffers_passes(self):
        size = 48 << 20
        scenario = support.scenario(request_bytes=size, response_bytes=size)
        report, totals = self.direct(scenario, lambda load: load.once())
        self.assertEqual(report["bytes_received"], size)
        self.assertEqual(totals["bytes_received"], size)

    def test_upload_counts_every_byte_on_both_sides(self):
        scenario = support.scenario(mode="upload", service="sink", connections=4)
        report, totals = self.direct(scenario, lambda load: load.run(0.2))
        self.assertGreater(report["bytes_sent"], 0)
        self.assertEqual(totals["bytes_received"], report["bytes_sent"])
        self.assertEqual(totals["corrupt_pieces"], 0)

    def test_download_receives_the_pattern_and_stands_still_between_runs(self):
        scenario = support.scenario(mode="download", service="source", connections=4)

        def act(load):
            first, second = load.run(0.1), load.run(0.1)
            deadline = time.monotonic() + 5
            while not load.queued_bytes() and time.monotonic() < deadline:
                pass  # the server fills the buffers as soon as it gets the processor
            return first["bytes_received"] + second["bytes_received"], load.queued_bytes()

        (received, queued), totals = self.direct(scenario, act)
        self.assertGreater(received, 0)
        self.assertGreater(queued, 0)
        self.assertGreaterEqual(totals["bytes_sent"], received + queued)

    def test_short_opens_a_connection_for_each_request(self):
        scenario = support.scenario(mode="short", service="request", connections=8, servers=3,
                                    sources=4, request_bytes=64, response_bytes=5000)
        report, totals = self.direct(scenario, lambda load: load.run(0.2))
        self.assertGreater(report["units"], 8)
        self.assertEqual(report["connections"], report["units"])
        self.assertEqual(totals["connections"], report["units"])
        self.assertEqual(totals["bytes_received"], 64 * report["units"])
        self.assertEqual(totals["bytes_sent"], 5000 * report["units"])

    def test_bursts_are_whole(self):
        scenario = support.scenario(mode="short", service="request", connections=50, bursts=True)
        report, _ = self.direct(scenario, lambda load: load.run(0.1))
        self.assertGreater(report["units"], 0)
        self.assertEqual(report["units"] % 50, 0)

    def test_open_loop_keeps_its_rate(self):
        scenario = support.scenario(connections=10, rate=1000)
        report, _ = self.direct(scenario, lambda load: load.run(0.5))
        self.assertAlmostEqual(report["units"] + report["missed"], 500, delta=2)

    def test_open_loop_charges_a_stall_to_all_that_waited(self):
        """200 messages a second, one of them answered a quarter of a second late: a closed loop
        would see one slow message, the users see fifty."""
        def serve(client):
            for number in range(10**6):
                data = client.recv(64)
                if not data:
                    return
                if number == 50:
                    stalled.wait(0.25)
                client.sendall(data)

        stalled = threading.Event()  # never set: its wait is the stall
        scenario = support.scenario(rate=200)
        with support.MisbehavingServer(serve) as server:
            with self.load(scenario, [server.port]) as load:
                report = load.run(1.0)
        slow = 0.25 * 200 / report["latency_ns"]["count"]
        self.assertGreater(slow, 0.2)
        self.assertGreater(report["latency_ns"]["p90"], 100e6)
        self.assertGreater(report["latency_ns"]["max"], 240e6)

    def test_echoes_in_tls_count_what_was_encrypted(self):
        scenario = support.scenario(tls="terminate", connections=20, request_bytes=300_000,
                                    response_bytes=300_000)
        once, totals = self.direct(scenario, lambda load: load.once())
        self.assertEqual(once["units"], 20)
        self.assertEqual(once["bytes_sent"], 20 * 300_000)
        self.assertEqual(once["bytes_received"], 20 * 300_000)
        self.assertEqual(totals["bytes_received"], once["bytes_sent"])
        self.assertEqual((totals["handshakes"], totals["resets"]), (20, 0))

    def test_streams_in_tls_go_both_ways(self):
        for mode, service in (("download", "source"), ("upload", "sink")):
            scenario = support.scenario(tls="terminate", mode=mode, service=service,
                                        connections=2)
            run, totals = self.direct(scenario, lambda load: load.run(0.2))
            self.assertGreater(run["bytes_sent"] + run["bytes_received"], 1_000_000, mode)
            self.assertEqual(totals["corrupt_pieces"], 0)

    def test_handshakes_are_full_unless_sessions_are_kept(self):
        for version in ("1.2", "1.3"):
            scenario = support.scenario(mode="short", service="request", tls="terminate",
                                        tls_version=version, connections=3)
            full, _ = self.direct(scenario, lambda load: load.run(0.1))
            self.assertEqual(full["handshakes"], full["connections"])
            self.assertEqual(full["resumed"], 0)
            kept = dataclasses.replace(scenario, resumes=True)
            (first, then), _ = self.direct(kept, lambda load: (load.run(0.1), load.run(0.1)))
            self.assertEqual(first["handshakes"] - first["resumed"], 3)
            self.assertEqual(then["resumed"], then["connections"])

    def test_server_that_speaks_no_tls_fails_the_load_at_once(self):
        plain = support.scenario()
        with Backend(support.BUILD, plain, support.CPUS, self.folder) as backend:
            with self.assertRaisesRegex(ProgramError, "TLS handshake failed"):
                self.load(dataclasses.replace(plain, tls="terminate"), backend.ports)
            short = dataclasses.replace(plain, tls="terminate", mode="short")
            with self.load(short, backend.ports) as load:
                with self.assertRaisesRegex(ProgramError, "'handshake': 1"):
                    load.once()

    def test_http_requests_are_counted_by_their_ends(self):
        scenario = support.scenario(protocol="http", service="http", connections=5,
                                    response_bytes=3000)
        with self.backend(scenario) as backend:
            exchange = http.prepare(backend.ports[0], has_cookie=False)
            with Load(support.BUILD, scenario, backend.ports, support.CPUS, self.folder,
                      exchange) as load:
                once = load.once()
        self.assertEqual(once["units"], 5)
        self.assertEqual(once["bytes_sent"], 5 * len(http.request()))
        self.assertEqual(once["bytes_received"], 5 * exchange[1])
        self.assertGreater(exchange[1], 3000)

    def test_http_answer_that_is_no_success_fails_the_run(self):
        refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

        def serve(client):
            client.recv(65536)
            client.sendall(refusal)
            client.recv(1)

        scenario = support.scenario(protocol="http", service="http")
        with support.MisbehavingServer(serve) as server:
            with Load(support.BUILD, scenario, [server.port], support.CPUS, self.folder,
                      (http.request(), len(refusal))) as load:
                with self.assertRaisesRegex(ProgramError, "'corrupt': 1"):
                    load.once()

    def test_proxy_that_sets_no_cookie_is_not_measured(self):
        with self.backend(support.scenario(protocol="http", service="http")) as backend:
            with self.assertRaisesRegex(ProgramError, "no cookie was set"):
                http.prepare(backend.ports[0], has_cookie=True)

    def test_corrupt_answer_fails_the_run(self):
        def serve(client):
            data = bytearray(client.recv(64))
            data[63] ^= 1
            client.sendall(data)
            client.recv(1)

        self.assert_fails(serve, "'corrupt': 1")

    def test_answer_cut_short_fails_the_run(self):
        def serve(client):
            client.sendall(client.recv(64)[:63])

        self.assert_fails(serve, "'early_end': 1")

    def assert_fails(self, serve, reason):
        with support.MisbehavingServer(serve) as server:
            with self.load(support.scenario(), [server.port]) as load:
                with self.assertRaisesRegex(ProgramError, reason):
                    load.once()

    def test_nobody_listening_fails_at_once(self):
        with support.MisbehavingServer(lambda client: None) as server:
            port = server.port
        with self.assertRaisesRegex(ProgramError, "Connection refused"):
            self.load(support.scenario(), [port])


if __name__ == "__main__":
    unittest.main()
