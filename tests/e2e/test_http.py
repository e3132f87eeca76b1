"""curl and wrk through Sluice to nginx."""

import hashlib
import os

import pytest

from harness import process
from harness.addresses import text
from harness.programs import Nginx
from harness.settings import volume
from harness.sluice import server


@pytest.fixture(scope="module")
def nginx():
    with Nginx() as program:
        (program.files / "big").write_bytes(os.urandom(volume(20 << 20)))
        (program.files / "medium").write_bytes(os.urandom(300_000))
        (program.files / "small").write_text("hello\n")
        yield program


def curl(address, path, *options):
    return process.run("curl", "--silent", "--show-error", "--fail", *options,
                       f"http://{text(address)}{path}")


def test_curl(proxied, nginx):
    proxy, address = proxied(server("web", nginx))
    assert curl(address, "/small").stdout == "hello\n"
    head = curl(address, "/small", "--head").stdout
    assert "200 OK" in head and "Server: nginx" in head
    assert proxy.server("web")["total"] == 2


def test_a_file_is_the_same_file(proxied, nginx, tmp_path):
    _, address = proxied(server("web", nginx))
    curl(address, "/big", "--output", tmp_path / "big")
    digests = [hashlib.sha256(path.read_bytes()).hexdigest()
               for path in (tmp_path / "big", nginx.files / "big")]
    assert digests[0] == digests[1]


def test_a_slow_download(proxied, nginx, tmp_path):
    """curl takes 2 MB at 1 MB/s: the rest waits in the kernel, not in our memory."""
    (nginx.files / "two").write_bytes(os.urandom(2 << 20))
    _, address = proxied(server("web", nginx))
    curl(address, "/two", "--limit-rate", "1M", "--output", tmp_path / "two")
    assert (tmp_path / "two").read_bytes() == (nginx.files / "two").read_bytes()


def test_keepalive_is_one_session(proxied, nginx):
    proxy, address = proxied(server("web", nginx))
    process.run("curl", "--silent", "--fail", *[f"http://{text(address)}/small"] * 10)
    assert proxy.frontend("front")["total"] == 1


def test_over_ipv6(start_sluice, nginx):
    """The frontend listens on ::1, the server is reached over IPv4."""
    import socket

    from harness.sluice import backend
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    start_sluice({"frontends": [{"name": "six", "listen": f"[::1]:{port}", "backend": "web"}],
                  "backends": [backend("web", [server("web", nginx)])]})
    done = process.run("curl", "--silent", "--fail", f"http://[::1]:{port}/small")
    assert done.stdout == "hello\n"


@pytest.mark.parametrize("path", ["/small", "/medium"])
def test_wrk(path, proxied, nginx):
    """Fifty connections as fast as they can: no error, and the answers are counted alike."""
    proxy, address = proxied(server("web", nginx))
    output = process.run("wrk", "-t2", "-c50", "-d2s", "--timeout", "30s",
                         f"http://{text(address)}{path}").stdout
    assert "Socket errors" not in output, output
    assert "Non-2xx" not in output, output
    assert "requests in" in output and " 0 requests in" not in output
    assert proxy.frontend("front")["errors"] == 0
    assert proxy.frontend("front")["total"] >= 50


def test_short_connections(proxied, nginx):
    """A connection for every request."""
    proxy, address = proxied(server("web", nginx))
    output = process.run("wrk", "-t2", "-c20", "-d2s", "--timeout", "30s",
                         "-H", "Connection: close", f"http://{text(address)}/small").stdout
    assert "Socket errors" not in output, output
    assert proxy.frontend("front")["total"] > 50
    assert proxy.frontend("front")["errors"] == 0
