"""Frontends with `protocol: http`: cookies bind a browser to its server, and what is not HTTP is
refused."""

import socket

import pytest

from harness import process
from harness.addresses import free_address, text
from harness.clients import connect, ending_of
from harness.http import pages_of, read_head
from harness.programs import Nginx
from harness.sluice import server
from harness.thread_server import read_exactly
from harness.waiting import wait_for

HTTP = {"protocol": "http"}
COOKIE = {"persistence": {"cookie": {"name": "LBSRV"}}}


@pytest.fixture
def shop(proxied, serve):
    """shop(frontend_keys={}, backend_keys={}) -> (Sluice, address, its two servers)"""
    def start(frontend_keys=None, backend_keys=None, **top):
        servers = [serve(pages_of(name)) for name in ("s1", "s2")]
        proxy, address = proxied(*servers, frontend_keys=HTTP | (frontend_keys or {}),
                                 backend_keys=COOKIE | (backend_keys or {}), workers=1, **top)
        return proxy, address, servers
    return start


def browse(address, jar, *options):
    """One visit of a browser with this cookie jar, on a connection of its own."""
    return process.run("curl", "--silent", "--show-error", "--cookie", jar, "--cookie-jar", jar,
                       *options, f"http://{text(address)}/").stdout


def exchange(address, request):
    with connect(address) as client:
        client.sendall(request)
        return ending_of(client)[0].decode()


@pytest.mark.smoke
def test_a_browser_stays_on_its_server(shop, tmp_path):
    proxy, address, _ = shop()
    for name in ("a", "b"):
        jar = tmp_path / name
        first = browse(address, jar)
        assert [browse(address, jar) for _ in range(4)] == [first] * 4
    assert {proxy.server(name)["total"] for name in ("s1", "s2")} == {5}
    assert proxy.frontend("front")["protocol"] == "http"


@pytest.mark.smoke
def test_what_the_cookie_is(shop, tmp_path):
    _, address, servers = shop()
    head = browse(address, tmp_path / "jar", "--include").split("\n\n")[0]
    line = next(one for one in head.split("\n") if one.startswith("Set-Cookie: "))
    assert line.endswith("; Path=/; HttpOnly; SameSite=Lax")
    value = line.split(";")[0].split("=")[1]
    assert len(value) == 32 and not any(one.address[0] in line for one in servers)
    assert "Set-Cookie" not in browse(address, tmp_path / "jar", "--include")


def test_over_reloads_and_until_the_server_is_gone(shop, tmp_path):
    proxy, address, servers = shop()
    jar = tmp_path / "jar"
    mine = browse(address, jar)
    other = {"s1": "s2", "s2": "s1"}[mine]
    config = proxy.config
    config["backends"][0]["servers"].reverse()
    proxy.reload(config)
    assert browse(address, jar) == mine
    proxy.lbstat("server", f"back/{mine}", "drain")
    assert browse(address, jar) == mine
    proxy.lbstat("server", f"back/{mine}", "maintenance")
    assert browse(address, jar) == other
    proxy.lbstat("server", f"back/{mine}", "ready")
    assert [browse(address, jar) for _ in range(3)] == [other] * 3


def test_instances_with_the_same_key_know_each_others_cookies(shop, tmp_path):
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123456789abcdef\n")
    keys = {"persistence": {"cookie": {"name": "LBSRV", "key_file": str(key)}}}
    instances = [shop(backend_keys=keys) for _ in range(2)]
    jar = tmp_path / "jar"
    mine = browse(instances[0][1], jar)
    # The jar of curl belongs to a host.
    value = jar.read_text().split("LBSRV\t")[1].strip()
    for _, address, _ in instances * 2:
        done = process.run("curl", "--silent", "--include", "--cookie", f"LBSRV={value}",
                           f"http://{text(address)}/").stdout
        assert done.endswith(mine) and "Set-Cookie" not in done


@pytest.mark.smoke
def test_forwarded(shop):
    _, address, servers = shop({"forwarded": True})
    request = (b"POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nContent-Length: 0\r\n"
               b"\r\nGET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n")
    with connect(address) as client:
        client.sendall(request)
        heads = wait_for(lambda: [one for each in servers
                                  for one in each.records.get("heads", [])][1:], "two requests")
        heads = next(each.records["heads"] for each in servers if each.records)
    assert "X-Forwarded-For: 10.0.0.1, 127." in heads[0]
    assert "X-Forwarded-For: 127." in heads[1]
    for head in heads:
        assert "X-Forwarded-Proto: http\r\n" in head and "https" not in head


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01",
])
def test_what_is_refused(shop, head):
    proxy, address, servers = shop()
    assert exchange(address, head).startswith("HTTP/1.1 400 Bad Request\r\n")
    wait_for(lambda: proxy.reasons() == {("request_invalid", "client"): 1}, "it is counted")
    wait_for(lambda: "reason=request_invalid" in proxy.log(), "the log says why")
    assert sum(one.accepted for one in servers) == 0


def test_heads_that_are_slow_or_large(shop):
    proxy, address, _ = shop({"timeouts": {"request_head": "300ms"}})
    assert exchange(address, b"GET / HTTP/1.1\r\n").startswith("HTTP/1.1 408 Request Timeout\r\n")
    large = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 33000
    assert exchange(address, large).startswith("HTTP/1.1 431 ")
    wait_for(lambda: proxy.reasons() == {("request_timeout", "client"): 1,
                                         ("request_invalid", "client"): 1}, "both are counted")


def test_answers_where_no_server_answers(shop):
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    proxy, address, servers = shop(backend_keys={"retries": 0})
    for one in servers:
        one.stop()
    assert exchange(address, request).startswith("HTTP/1.1 502 Bad Gateway\r\n")
    for name in ("s1", "s2"):
        proxy.lbstat("server", f"back/{name}", "maintenance")
    assert exchange(address, request).startswith("HTTP/1.1 503 Service Unavailable\r\n")


def test_a_server_that_speaks_something_else(proxied, serve):
    def greet(accepted, _server):
        read_head(accepted)
        accepted.sendall(b"220 mail.example ESMTP\r\n")

    _, address = proxied(serve(greet), frontend_keys=HTTP)
    assert exchange(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").startswith("HTTP/1.1 502 ")


@pytest.mark.parametrize("keys", [{}, {"forwarded": True}], ids=["plain", "forwarded"])
def test_an_upgraded_connection_carries_anything(proxied, serve, keys):
    def chat(accepted, _server):
        read_head(accepted)
        accepted.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        while data := accepted.recv(1 << 16):
            accepted.sendall(data)

    _, address = proxied(serve(chat), frontend_keys=HTTP | keys, backend_keys=COOKIE)
    with connect(address) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                       b"Upgrade: websocket\r\n\r\n")
        assert "Set-Cookie: LBSRV=" in read_head(client)
        for frame in (b"\x81\n\r\n", bytes(range(256)) * 500):
            client.sendall(frame)
            assert read_exactly(client, len(frame)) == frame


@pytest.mark.parametrize("keys", [{}, {"forwarded": True}], ids=["plain", "forwarded"])
def test_load(proxied, keys):
    with Nginx() as nginx:
        (nginx.files / "small").write_text("hello\n")
        proxy, address = proxied(server("web", nginx), frontend_keys=HTTP | keys,
                                 backend_keys=COOKIE)
        url = f"http://{text(address)}/small"
        output = process.run("wrk", "-t2", "-c50", "-d2s", "--timeout", "30s", url).stdout
        assert "Socket errors" not in output and "Non-2xx" not in output, output
        output = process.run("h2load", "--h1", "-n2000", "-c20", url).stdout
        assert "2000 succeeded, 0 failed, 0 errored" in output, output
        upload = process.run("curl", "--silent", "--output", "/dev/null", "--write-out",
                             "%{http_code}", "--header", "Expect: 100-continue", "--data-binary",
                             "@" + settings_file(nginx), url).stdout
        assert upload == "405", upload  # nginx takes no POST for a file, and says so itself
        # wrk tries the address first with a connection on which it asks nothing.
        assert {side for _, side in proxy.reasons()} == {"client"}


def settings_file(nginx):
    path = nginx.files / "upload"
    path.write_bytes(b"x" * 300_000)
    return str(path)


# --- Clients and servers that do not do their part ---

def test_a_client_that_still_sends_sees_the_answer(shop):
    proxy, address, _ = shop()
    with connect(address) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                       b"Content-Length: 2\r\n\r\n" + bytes(4_000_000))
        answer, end = ending_of(client)
        assert answer.startswith(b"HTTP/1.1 400 ") and end == "closed"
        # It does not close its side: nobody waits for that for ever.
        wait_for(lambda: proxy.frontend("front")["current"] == 0, "the session is gone", 20)
    assert proxy.reasons() == {("request_invalid", "client"): 1}


def test_a_server_that_never_answers(proxied, serve):
    def keep_silent(accepted, _server):
        while accepted.recv(1 << 16):
            pass

    proxy, address = proxied(serve(keep_silent), frontend_keys=HTTP,
                             backend_keys={"timeouts": {"idle": "300ms"}})
    assert exchange(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").startswith("HTTP/1.1 504 ")
    wait_for(lambda: proxy.reasons() == {("idle_timeout", "us"): 1}, "it is counted")


def test_a_server_that_never_accepts(proxied):
    """The kernel drops what comes beyond the queue, so connecting takes for ever."""
    with socket.create_server(free_address(), backlog=0) as full, \
            socket.create_connection(full.getsockname()):
        proxy, address = proxied(server("full", full.getsockname()), frontend_keys=HTTP,
                                 backend_keys={"retries": 0, "timeouts": {"connect": "300ms"}})
        assert exchange(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").startswith("HTTP/1.1 504 ")
        wait_for(lambda: proxy.reasons() == {("connect_timeout", "server"): 1}, "it is counted")
