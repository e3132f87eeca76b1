"""`ktls: auto|on|off`: who makes and opens TLS records, and what people are told about it."""

import subprocess

import pytest
from harness import settings, tls
from harness.clients import round_trip
from harness.ktls import expect_gear, with_module, without_module
from harness.modes import MODES
from harness.thread_server import echo, read_exactly
from harness.waiting import wait_for

BULK = b"0123456789abcdef" * 200_000
VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])

pytestmark = pytest.mark.smoke


@pytest.fixture
def session(passage, authority, shop):
    """session(download, mode, version, ...) -> (Sluice, a client whose server sends `download`)."""
    clients = []

    def start(download, mode="offload", version=None, **options):
        def answer(accepted, _server):
            accepted.sendall(accepted.recv(1) + download)
            echo(accepted, _server)

        here = passage(authority, shop, mode, answer, version=version, **options)
        client = here.connect()
        clients.append(client)
        client.sendall(b"!")
        assert read_exactly(client, 1 + len(download)) == b"!" + download
        return here.proxy, client

    yield start
    for one in clients:
        one.close()


def only_row(proxy):
    rows = proxy.sessions()
    assert len(rows) == 1
    return rows[0]


@without_module
def test_auto_goes_on_in_user_space_and_says_why(session):
    proxy, client = session(BULK)
    assert only_row(proxy)["tls"] == "user (no tls module)"
    assert "user (no tls module)" in proxy.lbstat("sessions").stdout
    assert round_trip(client, b"x" * 1000)
    client.close()
    wait_for(lambda: 'gear="user (no tls module)"' in proxy.log(), "the session's line")


@without_module
def test_on_refuses_to_start_in_one_line_with_the_remedy(proxied, serve, tmp_path):
    proxy, _ = proxied(serve(echo))
    config = tmp_path / "on.yaml"
    config.write_text(proxy.file.read_text() + "ktls: on\n")
    done = subprocess.run([settings.SLUICE, "--config", config], text=True, capture_output=True,
                          timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "modprobe tls" in done.stderr and "ktls" in done.stderr


@without_module
def test_a_reload_to_on_is_refused_and_changes_nothing(session):
    proxy, client = session(b"")
    proxy.write(proxy.config | {"ktls": "on"})
    done = proxy.lbstat("reload", check=False)
    assert done.returncode == 1 and "modprobe tls" in done.stdout + done.stderr
    assert round_trip(client, b"still here")


def test_off_says_so(session):
    proxy, _ = session(BULK, ktls="off")
    expect_gear(proxy, "off")


@with_module
@VERSIONS
@MODES
def test_bulk_moves_into_the_kernel_mid_stream(session, mode, version):
    proxy, client = session(BULK, mode, version)
    row = only_row(proxy)
    assert (row["tls_in"], row["tls_out"]) == ("user (short session)", "ktls")
    assert row["relay_out"] == "splice"
    assert round_trip(client, b"small")
    spliced = proxy.metrics("sluice_worker_tls_spliced_bytes_total")
    assert sum(spliced.values()) > len(BULK) * 0.7


@with_module
@MODES
def test_on_is_in_the_kernel_from_the_beginning(session, mode):
    proxy, client = session(b"", mode, ktls="on")
    expect_gear(proxy, "on")
    assert round_trip(client, BULK[:500_000])
    client.close()
    wait_for(lambda: 'gear="ktls"' in proxy.log(), "the session's line")
    assert proxy.metrics("sluice_tls_directions_total") == {'{gear="ktls",reason=""}': 2}
