"""Programs that speak HTTP in other ways than browsers do: WebSockets, slow attackers."""

import re

import pytest
from harness import process, tls
from harness.addresses import text
from harness.authority import Authority
from harness.programs import Nginx
from harness.sluice import server
from harness.waiting import wait_for
from harness.websocket import EchoServer, talk

HTTP = {"protocol": "http"}
COOKIE = {"persistence": {"cookie": {"name": "LBSRV"}}}
MESSAGES = ["hello", "", bytes(range(256)), b"x" * 3_000_000, "\N{SNOWMAN}" * 1000]


@pytest.mark.parametrize("keys", [{}, {"forwarded": True}], ids=["plain", "forwarded"])
def test_websockets(proxied, keys):
    with EchoServer() as app:
        proxy, address = proxied(app, frontend_keys=HTTP | keys, backend_keys=COOKIE)
        answers, headers, code = talk(f"ws://{text(address)}/chat", MESSAGES)
        assert answers == MESSAGES and code == 1000
        assert headers["Set-Cookie"].startswith("LBSRV=")
        assert ("X-Forwarded-For" in app.headers[0]) == bool(keys)
        wait_for(lambda: sum(proxy.reasons().values()) == 1, "the session has ended")


def test_websockets_over_tls(proxied, tmp_path):
    authority = Authority(tmp_path)
    keys = {"tls": {"certificates": ["shop"]}, "forwarded": True}
    with EchoServer() as app:
        _, address = proxied(server("s1", app, ssl_offload=True), frontend_keys=HTTP | keys,
                             backend_keys=COOKIE,
                             certificates=[tls.entry("shop", authority.issue("shop.test"))])
        answers, headers, code = talk(f"wss://{text(address)}/chat", MESSAGES,
                                      authority.certificate)
        assert answers == MESSAGES and code == 1000
        assert "Secure" in headers["Set-Cookie"]
        assert app.headers[0]["X-Forwarded-Proto"] == "https"


SLOW = 100


@pytest.mark.parametrize("attack", ["-H", "-B", "-X"], ids=["head", "body", "reading"])
def test_slow_clients_are_nobody_elses_problem(proxied, tmp_path, attack):
    """slowhttptest asks for a page every second while its connections crawl."""
    with Nginx() as nginx:
        (nginx.files / "page").write_bytes(b"x" * 300_000)
        proxy, address = proxied(server("web", nginx), backend_keys=COOKIE,
                                 frontend_keys=HTTP | {"timeouts": {"request_head": "1s"}})
        output = process.run("slowhttptest", attack, "-c", SLOW, "-r", SLOW, "-i", "1", "-p",
                             "3", "-l", "4", "-u", f"http://{text(address)}/page",
                             cwd=tmp_path, check=False).stdout
        output = re.sub(r"\x1b\[[0-9;]*m", "", output)
        statuses = re.findall(r"service available: *(\w+)", output)
        assert statuses and set(statuses) == {"YES"}, output[-3000:]
        if attack == "-H":
            wait_for(lambda: proxy.reasons().get(("request_timeout", "client"), 0) >= SLOW,
                     "nobody takes longer than the limit")
        wait_for(lambda: proxy.frontend("front")["current"] == 0, "none is left")
