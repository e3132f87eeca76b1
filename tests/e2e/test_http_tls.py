"""`protocol: http` behind TLS of ours: heads come in records, and so do the answers of ours; to
servers in plaintext (offload) and in TLS (reencrypt)."""

import ssl

import pytest
from harness import process, tls
from harness.clients import connect as connect_plain
from harness.clients import ending_of
from harness.http import cookie_in, mirror, pages_of, read_message
from harness.programs import Nginx
from harness.sluice import server
from harness.thread_server import silent
from harness.waiting import wait_for

GET = b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"
COOKIE = {"persistence": {"cookie": {"name": "LBSRV"}}}
MODES = pytest.mark.parametrize("mode", ["offload", "reencrypt"])
VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])


@pytest.fixture(scope="module")
def certificates(authority):
    return {name: authority.issue(name) for name in ("shop.test", "app.internal")}


@pytest.fixture
def shop(proxied, serve, serve_tls, authority, certificates):
    """shop(mode, handlers, ...) -> (Sluice, address, its servers `s1`, `s2`, ...)"""
    def start(mode="offload", handlers=(pages_of("s1"),), frontend_keys=None, backend_keys=None):
        servers = [serve(one) if mode == "offload" else
                   serve_tls(one, certificates["app.internal"]) for one in handlers]
        keys = {"ssl_offload": True} if mode == "offload" else {
            "ca_bundle": "internal", "server_name": "app.internal"}
        entries = [server(f"s{number}", one, **keys) for number, one in enumerate(servers, 1)]
        proxy, address = proxied(
            *entries, certificates=[tls.entry("shop", certificates["shop.test"])],
            ca_bundles=[tls.bundle("internal", authority)],
            frontend_keys={"protocol": "http", "tls": {"certificates": ["shop"]}}
            | (frontend_keys or {}), backend_keys=COOKIE | (backend_keys or {}))
        return proxy, address, servers

    return start


def curl(address, authority, *options):
    return process.run("curl", "--silent", "--show-error", "--http1.1", "--cacert",
                       authority.certificate, "--resolve", f"shop.test:{address[1]}:{address[0]}",
                       *options, f"https://shop.test:{address[1]}/").stdout


@MODES
def test_a_browser_stays_on_its_server(shop, authority, tmp_path, mode):
    proxy, address, _ = shop(mode, [pages_of("s1"), pages_of("s2")])
    assert proxy.server("s1")["mode"] == mode
    for name in ("a", "b"):
        jar = tmp_path / name
        visits = [curl(address, authority, "--cookie", jar, "--cookie-jar", jar) for _ in range(4)]
        assert visits == [visits[0]] * 4
    # Only with their cookies was every visit of a browser at the same server.
    assert sum(proxy.server(name)["total"] for name in ("s1", "s2")) == 8
    head, _, _ = curl(address, authority, "--include").replace("\n", "\r\n").partition("\r\n\r\n")
    assert cookie_in(head)[1] == "Path=/; HttpOnly; Secure; SameSite=Lax"


@MODES
@VERSIONS
def test_bodies_go_both_ways(shop, authority, mode, version):
    _, address, servers = shop(mode, [mirror], {"forwarded": True})
    body = bytes(range(256)) * 4096
    with tls.connect(address, tls.client_context(authority, version)) as client:
        for sent in (body, b"", body[:1000]):
            client.sendall(b"POST / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-Proto: http\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(sent) + sent)
            head, got = read_message(client)
            assert got == sent and head.startswith("HTTP/1.1 200 OK\r\n")
    heads = servers[0].records["heads"]
    assert len(heads) == 3
    for head in heads:
        assert "X-Forwarded-Proto: https\r\n" in head and "Proto: http\r\n" not in head
        assert "X-Forwarded-For: 127." in head


# --- How requests arrive ---

@pytest.fixture
def record_client(authority):
    """record_client(address, version) -> a RecordClient whose last flight is not sent yet."""
    clients = []

    def start(address, version=tls.TLS13):
        clients.append(tls.RecordClient(address, tls.client_context(authority, version)))
        clients[-1].shake_hands()
        return clients[-1]

    yield start
    for one in clients:
        one.socket.close()


@MODES
@VERSIONS
def test_requests_in_the_segment_of_the_handshakes_end(shop, record_client, mode, version):
    """Two of them and close_notify: nothing comes after it, and all is answered."""
    _, address, _ = shop(mode)
    client = record_client(address, version)
    client.write(GET).write(GET).say_end().send()
    assert client.receive().count(b"HTTP/1.1 200 OK\r\n") == 2
    assert client.end == "close_notify"


@MODES
@pytest.mark.parametrize("pieces", ["whole", "segments", "records"])
def test_heads_in_any_pieces(shop, record_client, mode, pieces):
    """A byte in each segment, a byte in each record, and the head's end amid a record."""
    _, address, _ = shop(mode, [mirror])
    request = b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 9\r\n\r\nsome body"
    client = record_client(address)
    length = 1 if pieces == "records" else len(request) - 4
    for at in range(0, len(request), length):
        client.write(request[at:at + length])
    records = client.records()
    length = 1 if pieces == "segments" else len(records)
    for at in range(0, len(records), length):
        client.socket.sendall(records[at:at + length])
    client.write(GET).say_end().send()
    received = client.receive()
    assert b"some body" in received and received.count(b"HTTP/1.1 200 OK\r\n") == 2


# --- What clients agree on ---

def agree_on(address, authority, *offered):
    context = tls.client_context(authority)
    if offered:
        context.set_alpn_protocols(offered)
    with tls.connect(address, context) as client:
        client.sendall(GET)
        assert read_message(client)[1] == b"s1"
        return client.selected_alpn_protocol()


def test_http_1_1_is_what_is_spoken(shop, authority):
    proxy, address, _ = shop()
    assert agree_on(address, authority, "h2", "http/1.1") == "http/1.1"
    assert agree_on(address, authority) is None
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        agree_on(address, authority, "h2")
    wait_for(lambda: proxy.reasons().get(("handshake_failed", "client")) == 1, "it is counted")


# --- Answers of ours ---

def told(client, status):
    text = client.receive().decode()
    assert text.startswith(f"HTTP/1.1 {status} "), text
    assert client.end == "close_notify"
    return text


@VERSIONS
def test_answers_of_ours_are_sealed(shop, record_client, version):
    proxy, address, servers = shop(frontend_keys={"timeouts": {"request_head": "400ms"}},
                                   backend_keys={"retries": 0})
    begun = record_client(address, version)
    begun.write(b"GET / HT").send()
    silent = record_client(address, version)
    silent.send()
    told(begun, 408)
    assert silent.receive() == b"" and silent.end == "close_notify"
    for request, status in ((b"GET / HTTP/1.1\n\n", 400),
                            (b"GET / HTTP/1.1\r\nX: " + b"x" * 14000, 408),
                            (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40000, 431)):
        client = record_client(address, version)
        client.write(request).send()
        told(client, status)
    servers[0].stop()
    client = record_client(address, version)
    client.write(GET).send()
    told(client, 502)
    proxy.lbstat("server", "back/s1", "maintenance")
    client = record_client(address, version)
    client.write(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").send()
    assert told(client, 503).endswith("\r\n\r\n")
    wait_for(lambda: proxy.reasons() == {("request_timeout", "client"): 3,
                                         ("request_invalid", "client"): 2,
                                         ("connect_failed", "server"): 1,
                                         ("no_server", "us"): 1}, "each is counted")


@MODES
@VERSIONS
def test_the_answer_for_a_server_that_is_silent_is_sealed(shop, record_client, mode, version):
    """It comes while two directions relay already, unlike those above."""
    proxy, address, _ = shop(mode, [silent], backend_keys={"timeouts": {"response": "300ms"}})
    client = record_client(address, version)
    client.write(GET).send()
    told(client, 504)
    wait_for(lambda: proxy.reasons() == {("response_timeout", "server"): 1}, "it is counted")


def test_an_end_in_place_of_a_head(shop, record_client):
    proxy, address, servers = shop()
    client = record_client(address)
    client.say_end().send()
    assert client.receive() == b"" and client.end == "close_notify"
    wait_for(lambda: proxy.reasons() == {("client_closed", "client"): 1}, "it is counted")
    assert servers[0].accepted == 0


def test_a_record_that_must_not_be(shop, record_client):
    proxy, address, servers = shop()
    client = record_client(address)
    client.write(b"GET / ").send()
    client.socket.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert client.receive() == b"" and client.end == "SSLV3_ALERT_BAD_RECORD_MAC"
    wait_for(lambda: proxy.reasons() == {("client_reset", "client"): 1}, "it is counted")
    assert servers[0].accepted == 0


def test_plain_http_where_tls_is_spoken(shop):
    proxy, address, _ = shop()
    with connect_plain(address) as client:
        client.sendall(GET)
        ending_of(client)
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 1}, "it is counted")


# --- Programs ---

def test_load(proxied, certificates):
    with Nginx() as nginx:
        (nginx.files / "small").write_text("hello\n")
        proxy, address = proxied(
            server("web", nginx, ssl_offload=True),
            certificates=[tls.entry("shop", certificates["shop.test"])],
            frontend_keys={"protocol": "http", "tls": {"certificates": ["shop"]}},
            backend_keys=COOKIE)
        url = f"https://{address[0]}:{address[1]}/small"
        output = process.run("wrk", "-t2", "-c20", "-d1s", "--timeout", "30s", url).stdout
        assert "Socket errors" not in output and "Non-2xx" not in output, output
        output = process.run("h2load", "--h1", "-n1000", "-c20", url).stdout
        assert "1000 succeeded, 0 failed, 0 errored" in output, output
        assert {side for _, side in proxy.reasons()} == {"client"}
