"""Programs that speak UDP, through Sluice: DNS, SIP, iperf3."""

import json
import re

import pytest

from harness import process
from harness.addresses import free_address, text
from harness.programs import Dnsmasq, Iperf, Sipp
from harness.settings import volume
from harness.sluice import backend, frontend, server
from harness.waiting import wait_for


@pytest.fixture
def queries(short_directory):
    """A file of 1,000 different questions for dnsperf."""
    path = short_directory / "queries"
    path.write_text("".join(f"host{number}.bench.test A\n" for number in range(1000)))
    return path


@pytest.mark.parametrize("udp", [{}, {"responses": 1}], ids=["flows stay", "one answer"])
def test_dnsperf(udp, proxied_udp, queries):
    """All queries are answered, whether a flow lives on after its answer or not."""
    with Dnsmasq("192.0.2.1") as one, Dnsmasq("192.0.2.2") as two:
        proxy, address = proxied_udp(one, two, backend_keys={"udp": udp})
        done = process.run("dnsperf", "-s", address[0], "-p", address[1], "-d", queries,
                           "-n", volume(20), "-c", 100, "-q", 100)
        sent = 1000 * volume(20)
        assert re.search(rf"Queries completed:\s+{sent} \(100.00%\)", done.stdout), done.stdout
        assert re.search(r"Response codes:\s+NOERROR \d+ \(100.00%\)", done.stdout), done.stdout
        assert proxy.server("s1")["bytes_out"] > 0 and proxy.server("s2")["bytes_out"] > 0
        assert proxy.status()["workers"][0]["udp_unsent"] == 0


def test_health_check_asks_a_dns_server(proxied_udp, queries):
    """A root query of nine bytes; the answer begins with the same id."""
    check = {"type": "udp", "interval": "100ms", "timeout": "1s", "fall": 2, "rise": 1,
             "send": "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01",
             "expect": "\x12\x34"}
    one, two = Dnsmasq("192.0.2.1"), Dnsmasq("192.0.2.2")
    with two:
        with one:
            proxy, address = proxied_udp(one, two, backend_keys={"health_check": check})
            one.running.wait_until(lambda: proxy.server("s1")["state"] == "UP", "it is up")
        two.running.wait_until(lambda: proxy.server("s1")["state"] == "DOWN", "it is down")
        done = process.run("dnsperf", "-s", address[0], "-p", address[1], "-d", queries, "-n", 1)
        assert "(100.00%)" in done.stdout
        assert proxy.server("s1")["total"] == 0


@pytest.mark.alone
def test_sipp(proxied_udp):
    """Calls of SIPp's own scenario: INVITE, 180, 200, ACK, BYE, 200."""
    calls = volume(200)
    with Sipp() as upstream:
        proxy, address = proxied_udp(upstream)
        done = process.run("sipp", "-sn", "uac", text(address), "-i", "127.0.0.1", "-nostdin",
                           "-m", calls, "-r", 200, "-d", 50, "-timeout", "60s",
                           cwd=upstream.directory, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        assert proxy.frontend("front")["total"] == 1
        assert proxy.server("s1")["errors"] == 0


@pytest.fixture(scope="module")
def iperf():
    with Iperf() as program:
        yield program


@pytest.mark.alone
@pytest.mark.parametrize("options", [[], ["--reverse"], ["--parallel", "4"],
                                     ["--length", "9000"]], ids=lambda options: " ".join(options))
def test_iperf(options, iperf, start_sluice):
    """Its control connection is TCP, its datagrams go to the same port."""
    address = free_address()
    start_sluice({
        "frontends": [frontend("control", address, "iperf"),
                      frontend("data", address, "iperf", protocol="udp")],
        "backends": [backend("iperf", [server("iperf", iperf)], health_check={"type": "none"})]})

    def lost():
        done = process.run("iperf3", "--udp", "--client", address[0], "--port", address[1],
                           "--bitrate", "50M", "--length", "1400", "--time", "1", "--json",
                           *options)
        report = json.loads(done.stdout)
        assert "error" not in report, report["error"]
        assert report["end"]["sum"]["packets"] > 100
        return report["end"]["sum"]["lost_packets"]

    # A machine that is busy with something else has not always the time to empty a socket.
    wait_for(lambda: lost() == 0, "a second without loss", 30)
