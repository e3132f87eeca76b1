"""A real browser: it stays on its server over reloads, ours and its own, and moves once when the
server is gone. Takes long to start, so it runs with `tools/test --suite long`."""

import shutil

import pytest
from harness import tls
from harness.addresses import text
from harness.authority import Authority
from harness.browser import Browser
from harness.http import read_head
from harness.sluice import server

if shutil.which("chromedriver") is None:
    pytest.skip("needs chromium-driver", allow_module_level=True)

PARTS = 12
PAGE = "<!doctype html><title>{0}</title><p>{0}</p>" + "".join(
    f"<img src=/part/{number}>" for number in range(PARTS))


def site_of(name):
    """A page with its server's name and images, over as many connections as the browser likes."""
    def handler(accepted, own_server):
        while head := read_head(accepted):
            own_server.records.setdefault("heads", []).append(head)
            body, kind = PAGE.format(name), "text/html"
            if not head.startswith("GET / "):
                body, kind = "<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"
            accepted.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n"
                             "Cache-Control: no-store\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
    return handler


@pytest.fixture
def tls_keys(tmp_path):
    """What makes the frontend one with TLS, as (top, frontend, server) keys."""
    certificate = Authority(tmp_path).issue("shop.test")
    return ({"certificates": [tls.entry("shop", certificate)]},
            {"tls": {"certificates": ["shop"]}}, {"ssl_offload": True})


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_browser_stays_and_moves_once(proxied, serve, request, scheme):
    top, front, keys = request.getfixturevalue("tls_keys") if scheme == "https" else ({}, {}, {})
    servers = {name: serve(site_of(name)) for name in ("s1", "s2", "s3")}
    entries = [server(name, one, **keys) for name, one in servers.items()]
    proxy, address = proxied(*entries, frontend_keys={"protocol": "http"} | front,
                             backend_keys={"persistence": {"cookie": {"name": "LBSRV"}}}, **top)
    with Browser("--ignore-certificate-errors") as browser:
        def visit():
            browser.reload()
            return browser.run("return document.querySelector('p').innerText")

        browser.open(f"{scheme}://{text(address)}/")
        mine = browser.run("return document.querySelector('p').innerText")
        cookie = browser.cookies()["LBSRV"]
        assert cookie["httpOnly"] and cookie["secure"] == (scheme == "https")
        # The connections that the browser opened before it had a cookie may have gone elsewhere.
        before = {name: len(one.records.get("heads", [])) for name, one in servers.items()}
        assert [visit() for _ in range(4)] == [mine] * 4
        proxy.reload(proxy.config | {"stop_timeout": "3s"})
        assert [visit() for _ in range(4)] == [mine] * 4
        assert browser.run("return document.images.length") == PARTS
        assert browser.cookies()["LBSRV"]["value"] == cookie["value"]
        assert len(servers[mine].records["heads"]) - before[mine] >= 8 * (1 + PARTS)

        servers[mine].stop()
        visits = [visit() for _ in range(6)]
        assert visits == [visits[0]] * 6 and visits[0] != mine
        moved = browser.cookies()["LBSRV"]["value"]
        servers[mine].start()
        assert [visit() for _ in range(4)] == [visits[0]] * 4
        assert browser.cookies()["LBSRV"]["value"] == moved
