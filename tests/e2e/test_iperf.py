"""iperf3 through Sluice. It does not check its bytes: test_transfer.py does."""

import json

import pytest

from harness import process
from harness.programs import Iperf
from harness.sluice import server


@pytest.fixture(scope="module")
def iperf():
    with Iperf() as program:
        yield program


@pytest.mark.parametrize("options", [[], ["--reverse"], ["--bidir"], ["--parallel", "8"]],
                         ids=lambda options: " ".join(options) or "upload")
def test_iperf(options, proxied, iperf):
    # One worker: with --bidir the program takes its second connection for what the server accepts
    # second, and two workers open theirs at the same time.
    proxy, address = proxied(server("iperf", iperf), workers=1)
    done = process.run("iperf3", "--client", address[0], "--port", address[1], "--time", "1",
                       "--json", *options)
    report = json.loads(done.stdout)
    assert "error" not in report, report["error"]
    received = report["end"]["sum_received"]["bytes"]
    assert received > 1 << 20
    row = proxy.server("iperf")
    assert row["bytes_in"] + row["bytes_out"] >= received
