"""Routes by server name where TLS passes through: no certificate of ours, no byte changed."""

import hashlib
import random
import socket
import ssl
import struct

import pytest
from harness import process, tls
from harness.addresses import free_address, text
from harness.clients import connect, ending_of, round_trip
from harness.sluice import backend, frontend, server
from harness.thread_server import echo, read_exactly, read_to_end
from harness.waiting import wait_for

NAMES = ("shop.test", "api.test", "a.api.test", "rest.test")
TIMEOUT = ("sni_timeout", "client")


@pytest.fixture(scope="module")
def certificates(authority):
    return {name: authority.issue(name, f"*.{name}", "127.0.0.1") for name in NAMES}


@pytest.fixture
def tls_servers(serve_tls, certificates):
    """{certificate's name: a TLS server that echoes}"""
    return {name: serve_tls(echo, certificates[name]) for name in NAMES}


def routed(start_sluice, servers, default="rest.test", frontend_keys=None, **top):
    """(Sluice, its address): shop.test, *.api.test and a.api.test have routes."""
    address = free_address()
    routes = [{"sni": sni, "backend": to} for sni, to in (
        ("*.api.test", "api.test"), ("shop.test", "shop.test"), ("a.api.test", "a.api.test"))]
    entry = frontend("names", address, default, routes=routes, **(frontend_keys or {}))
    if default is None:
        del entry["backend"]
    backends = [backend(name, [server("s1", one)], health_check={"type": "none"})
                for name, one in servers.items() if default or name != "rest.test"]
    return start_sluice({"frontends": [entry], "backends": backends} | top), address


def hello_for(name, extra=0):
    """A ClientHello of Python's, its records as they go over the wire; `extra` bytes of one more
    extension before all others, as a post-quantum key share has them."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    shaking = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        shaking.do_handshake()
    return lengthened(outgoing.read(), extra) if extra else outgoing.read()


def lengthened(record, extra):
    """The hello with one more extension, of a kind that nobody knows."""
    message = record[9:]
    place = 34
    place += 1 + message[place]
    place += 2 + struct.unpack("!H", message[place:place + 2])[0]
    place += 1 + message[place]
    extensions = struct.pack("!HH", 0x1a1a, extra) + bytes(extra) + message[place + 2:]
    body = message[:place] + struct.pack("!H", len(extensions)) + extensions
    return (b"\x16\x03\x01" + struct.pack("!H", len(body) + 4) +
            b"\x01" + len(body).to_bytes(3, "big") + body)


def answer_to(client):
    """The kind of the first record that comes back."""
    return read_exactly(client, 5)[0]


HANDSHAKE = 22


# --- Where to ---

@pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])
def test_by_name(start_sluice, tls_servers, authority, version):
    """Exact before wildcard, one label only, upper case as lower; each server shows its own
    certificate, which is verified."""
    proxy, address = routed(start_sluice, tls_servers)
    context = tls.client_context(authority, version)
    for asked, who in (("shop.test", "shop.test"), ("SHOP.test", "shop.test"),
                       ("a.api.test", "a.api.test"), ("b.api.test", "api.test"),
                       ("rest.test", "rest.test")):
        with tls.connect(address, context, asked) as client:
            assert tls.shown_name(client) == who
            for size in (1, 5000, 300_000):
                assert round_trip(client, b"z" * size)
    assert tls_servers["api.test"].names == ["b.api.test"]
    modes = {row["mode"] for row in proxy.admin.rows("servers")}
    assert modes == {"passthrough"}
    wait_for(lambda: "sni=b.api.test" in proxy.log(), "the log tells the name")


def test_without_a_name(start_sluice, tls_servers, certificates, authority):
    _, address = routed(start_sluice, tls_servers)
    with tls.connect(address, tls.client_context(authority), "127.0.0.1") as client:
        assert tls.shown_name(client) == "rest.test"
    assert tls_servers["rest.test"].names == [None]


@pytest.mark.parametrize("program", ["openssl", "curl"])
def test_with_programs(start_sluice, tls_servers, authority, program):
    _, address = routed(start_sluice, tls_servers)
    if program == "openssl":
        said = process.run("openssl", "s_client", "-connect", text(address), "-servername",
                           "x.api.test", "-verify_return_error", "-CAfile", authority.certificate,
                           "-verify_hostname", "x.api.test", input="Q\n").stdout
        assert "Verify return code: 0 (ok)" in said
    else:
        process.run("curl", "--silent", "--show-error", "--cacert", authority.certificate,
                    "--resolve", f"x.api.test:{address[1]}:{address[0]}", "--http0.9",
                    "--max-time", "10", "--output", "-", f"https://x.api.test:{address[1]}/",
                    check=False)
    assert tls_servers["api.test"].names == ["x.api.test"]


def test_what_is_no_tls_goes_to_the_default(start_sluice, tls_servers, serve):
    one = serve(echo)
    servers = tls_servers | {"rest.test": one}
    _, address = routed(start_sluice, servers)
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"x", b"\x16\x03\x01\x00\x00", b"\x16\x02"):
        with connect(address) as client:
            assert round_trip(client, data)
    assert one.accepted == 4


def test_nowhere_to_go(start_sluice, tls_servers):
    """Routes alone, no default backend."""
    proxy, address = routed(start_sluice, tls_servers, default=None)
    for data in (hello_for("other.test"), b"GET / HTTP/1.1\r\n\r\n"):
        with connect(address) as client:
            client.sendall(data)
            assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons().get(("no_server", "us")) == 2, "both are counted")


# --- Hellos in pieces ---

def test_byte_by_byte(start_sluice, tls_servers):
    _, address = routed(start_sluice, tls_servers)
    with connect(address) as client:
        for each in hello_for("shop.test"):
            client.sendall(bytes([each]))
        assert answer_to(client) == HANDSHAKE
    assert tls_servers["shop.test"].names == ["shop.test"]


@pytest.mark.parametrize("extra", [3000, 15_500])
def test_in_two_segments(start_sluice, tls_servers, extra):
    """As with a post-quantum key share; the name is in the second segment."""
    proxy, address = routed(start_sluice, tls_servers)
    hello = hello_for("shop.test", extra)
    with connect(address) as client:
        client.sendall(hello[:1400])
        wait_for(lambda: [row for row in proxy.sessions() if row["state"] == "greeting"],
                 "the session waits for the rest")
        client.sendall(hello[1400:])
        assert answer_to(client) == HANDSHAKE
    assert tls_servers["shop.test"].names == ["shop.test"]


def test_in_many_records(start_sluice, tls_servers):
    _, address = routed(start_sluice, tls_servers)
    message = hello_for("shop.test")[5:]
    with connect(address) as client:
        for place in range(0, len(message), 50):
            part = message[place:place + 50]
            client.sendall(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part)
        assert answer_to(client) == HANDSHAKE
    assert tls_servers["shop.test"].names == ["shop.test"]


def test_a_hello_that_is_too_long_has_no_name(start_sluice, tls_servers):
    """Longer than 16 KiB: the default backend's server says what it thinks of it."""
    one = tls_servers["rest.test"]
    proxy, address = routed(start_sluice, tls_servers)
    record = hello_for("shop.test", 17_000)[5:]
    with connect(address) as client:
        for part in (record[:16_384], record[16_384:]):
            client.sendall(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part)
        wait_for(lambda: one.accepted == 1, "it went to the default")
    wait_for(lambda: "too long" in proxy.log(), "the log tells why")


# --- Those who do not finish ---

@pytest.mark.parametrize("count", [0, 1, 200])
def test_time_is_limited(start_sluice, tls_servers, count):
    proxy, address = routed(start_sluice, tls_servers, frontend_keys={"timeouts": {"sni": "300ms"}})
    with connect(address) as client:
        client.sendall(hello_for("shop.test")[:count])
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons().get(TIMEOUT) == 1, "the refusal is counted")
    assert not any(one.accepted for one in tls_servers.values())


def test_a_drop_now_and_then_does_not_buy_time(start_sluice, tls_servers):
    """The limit is for the whole hello, not for each of its bytes."""
    proxy, address = routed(start_sluice, tls_servers, frontend_keys={"timeouts": {"sni": "500ms"}})
    with connect(address) as client:
        client.settimeout(0.05)
        hello, heard = hello_for("shop.test"), None
        for each in hello:
            try:
                client.sendall(bytes([each]))
                heard = client.recv(1)
                break
            except socket.timeout:
                continue
            except ConnectionError:
                heard = b""
                break
    assert heard == b""
    wait_for(lambda: proxy.reasons().get(TIMEOUT) == 1, "the refusal is counted")


def test_a_client_that_leaves(start_sluice, tls_servers):
    proxy, address = routed(start_sluice, tls_servers)
    with connect(address) as client:
        client.sendall(hello_for("shop.test")[:100])
    wait_for(lambda: proxy.reasons().get(("client_closed", "client")) == 1, "it is noticed")
    assert not any(one.accepted for one in tls_servers.values())


# --- With other things ---

def test_bulk_is_spliced_and_whole(start_sluice, tls_servers, serve):
    """The hello, then 24 MB at once: the server gets them as they were, mostly through a pipe."""
    def digest(accepted, _one):
        seen = hashlib.sha256()
        while data := accepted.recv(1 << 18):
            seen.update(data)
        accepted.sendall(seen.digest())

    proxy, address = routed(start_sluice, tls_servers | {"shop.test": serve(digest)})
    data = hello_for("shop.test") + random.Random(4).randbytes(24_000_000)
    with connect(address, seconds=60) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == hashlib.sha256(data).digest()
    wait_for(lambda: f"bytes_in={len(data)} " in proxy.log(), "its line")
    assert "relay=splice/copy" in proxy.log()


def test_behind_a_proxy_header(start_sluice, tls_servers):
    proxy, address = routed(start_sluice, tls_servers, frontend_keys={
        "accept_proxy_protocol": {"from": ["127.0.0.0/8"]}})
    hello = hello_for("a.api.test")
    with connect(address) as client:
        client.sendall(b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n" + hello[:30])
        client.sendall(hello[30:])
        assert answer_to(client) == HANDSHAKE
        (row,) = proxy.sessions()
        assert row["client"] == "192.0.2.1:40000"
        assert row["backend"] == "a.api.test"


def test_a_server_that_is_down_is_passed_over(start_sluice, tls_servers):
    """The hello is there for the next server as well."""
    address, nobody = free_address(), free_address()
    entries = [server("gone", nobody), server("there", tls_servers["shop.test"])]
    start_sluice({
        "frontends": [frontend("names", address, "rest",
                               routes=[{"sni": "shop.test", "backend": "shop"}])],
        "backends": [backend("shop", entries, policy="first", health_check={"type": "none"}),
                     backend("rest", [server("s1", nobody)], health_check={"type": "none"})]})
    with connect(address) as client:
        client.sendall(hello_for("shop.test"))
        assert answer_to(client) == HANDSHAKE


def test_routes_change_with_a_reload(start_sluice, tls_servers):
    proxy, address = routed(start_sluice, tls_servers)
    with connect(address) as waiting:
        waiting.sendall(hello_for("shop.test")[:50])
        wait_for(proxy.sessions, "a session that has begun")
        config = proxy.config
        config["frontends"][0]["routes"] = [{"sni": "shop.test", "backend": "api.test"}]
        proxy.reload(config)
        waiting.sendall(hello_for("shop.test")[50:])
        assert answer_to(waiting) == HANDSHAKE
    with connect(address) as client:
        client.sendall(hello_for("shop.test"))
        assert answer_to(client) == HANDSHAKE
    assert tls_servers["shop.test"].accepted == 1
    assert tls_servers["api.test"].accepted == 1
