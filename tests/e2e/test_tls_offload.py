"""TLS ends here, the server gets plaintext: bytes, ends and what people are told about it."""

import contextlib
import json
import select
import ssl

import pytest
from harness import tls
from harness.addresses import free_address
from harness.authority import RSA
from harness.clients import round_trip
from harness.sluice import backend, frontend, server
from harness.thread_server import echo, named_echo, read_to_end, reset
from harness.waiting import wait_for

VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])


@pytest.fixture
def offload(proxied, shop):
    """offload(server, ...) -> (Sluice, its address): TLS here, plaintext to the server."""
    def start(*servers, frontend_tls=None, **options):
        entries = [server(f"s{number}", one, ssl_offload=True)
                   for number, one in enumerate(servers, 1)]
        return proxied(*entries, certificates=[tls.entry("shop", shop)],
                       frontend_keys={"tls": {"certificates": ["shop"]} | (frontend_tls or {})},
                       **options)
    return start


@pytest.mark.smoke
@VERSIONS
def test_bytes_go_both_ways(offload, serve, authority, version):
    _, address = offload(serve(echo))
    with tls.connect(address, tls.client_context(authority, version)) as client:
        for size in (1, 100, 16384, 16385, 100_000):
            assert round_trip(client, bytes(range(256)) * (size // 256 + 1))


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                   "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_every_suite_of_1_2(offload, serve, authority, suite):
    _, address = offload(serve(echo))
    context = tls.client_context(authority, tls.TLS12)
    context.set_ciphers(suite)
    with tls.connect(address, context) as client:
        assert client.cipher()[0] == suite
        assert round_trip(client, b"x" * 70_000)


@VERSIONS
def test_the_servers_end_is_close_notify(offload, serve, authority, version):
    _, address = offload(serve(lambda one, _: one.sendall(b"bye")))
    with tls.connect(address, tls.client_context(authority, version)) as client:
        client.suppress_ragged_eofs = False
        assert read_to_end(client) == b"bye"


def test_a_cut_connection_is_no_orderly_end(offload, serve, authority):
    """A server that resets: the client sees no close_notify, so it knows."""
    def cut(one, _server):
        one.recv(10)
        reset(one)

    proxy, address = offload(serve(cut))
    with tls.connect(address, tls.client_context(authority)) as client:
        client.suppress_ragged_eofs = False
        client.sendall(b"hello")
        with pytest.raises(OSError):
            read_to_end(client)
    wait_for(lambda: proxy.reasons() == {("server_reset", "server"): 1}, "it is counted")


def test_bulk_both_ways_at_once(offload, serve, authority):
    total, block = 24 << 20, bytes(range(256)) * 256
    sent = got = 0
    _, address = offload(serve(echo))
    with tls.connect(address, tls.client_context(authority)) as client:
        patience = client.gettimeout() * 6
        client.setblocking(False)  # a TLS connection of Python's may not be used by two threads
        while got < total:
            is_blocked = True
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if sent < total:
                    sent += client.send(block[sent % len(block):])
                    is_blocked = False
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                data = client.recv(len(block))
                start = got % len(block)
                assert data and data == (block + block)[start:start + len(data)], f"after {got}"
                got += len(data)
                is_blocked = False
            if is_blocked:
                writers = [client] if sent < total else []
                assert any(select.select([client], writers, [], patience)), f"stuck after {got}"


def test_sessions_and_the_log_say_what_was_agreed_on(offload, serve, authority):
    proxy, address = offload(serve(echo), log={"format": "json"})
    with tls.connect(address, tls.client_context(authority, tls.TLS13)) as client:
        assert round_trip(client)
        (row,) = proxy.sessions()
        assert row["tls"].startswith("user ("), row
        suite = client.cipher()[0]
    lines = wait_for(lambda: [each for each in proxy.log().splitlines() if "client_closed" in each],
                     "its line")
    line = json.loads(lines[0])
    assert line["tls"] == {"version": "TLSv1.3", "cipher": suite}
    assert line["sni"] == "shop.test"
    assert "server_tls" not in line


def test_the_mode_is_shown(offload, serve):
    proxy, _ = offload(serve(echo))
    assert proxy.server("s1")["mode"] == "offload"


def test_the_server_gets_nothing_before_the_handshake_is_done(offload, serve, shop):
    """A client that does not trust us says so before TLS 1.2's handshake is done."""
    quiet = serve(echo)
    _, address = offload(quiet)
    suspicious = ssl.create_default_context()
    suspicious.maximum_version = tls.TLS12
    with pytest.raises(ssl.SSLError):
        tls.connect(address, suspicious)
    assert quiet.accepted == 0


# --- Certificates by name ---

@pytest.fixture
def many(serve, proxied, authority):
    """Certificates for several names, with and without wildcards, RSA and ECDSA."""
    def start(**frontend_tls):
        issued = {"one": authority.issue("one.test"), "two": authority.issue("two.test"),
                  "wild": authority.issue("*.wild.test"), "rsa": authority.issue(
                      "one.test", "rsa-only.test", key_options=RSA)}
        entry = server("s1", serve(named_echo("here")), ssl_offload=True)
        return proxied(entry, certificates=[tls.entry(*each) for each in issued.items()],
                       frontend_keys={"tls": {"certificates": list(issued)} | frontend_tls})
    return start


def unverified(version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("name, shown", [("one.test", "one.test"), ("TWO.test", "two.test"),
                                         ("a.wild.test", "*.wild.test")])
def test_the_certificate_of_the_name(many, authority, name, shown):
    _, address = many()
    with tls.connect(address, tls.client_context(authority), name=name) as client:
        assert tls.shown_name(client) == shown


@pytest.mark.parametrize("name", ["a.b.wild.test", "wild.test", "elsewhere.test", None])
def test_other_names_get_the_first(many, authority, name):
    _, address = many()
    context = tls.client_context(authority)
    context.check_hostname = False
    with tls.connect(address, context, name=name) as client:
        assert tls.shown_name(client) == "one.test"


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_rsa_and_ecdsa_side_by_side(many, authority, kind):
    _, address = many()
    context = tls.client_context(authority, tls.TLS12)
    context.set_ciphers(f"ECDHE+a{kind}+AESGCM")
    with tls.connect(address, context, name="one.test") as client:
        assert kind in client.cipher()[0]


@pytest.mark.parametrize("name, words", [("elsewhere.test", "no certificate for this server name"),
                                         (None, "no server name, and strict_sni asks for one")])
def test_strict_sni_refuses_with_an_alert(many, name, words):
    proxy, address = many(strict_sni=True)
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        tls.connect(address, unverified(), name=name)
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 1}, "it is counted")
    wait_for(lambda: f'problem="{words}"' in proxy.log(), "the log says why")


def test_the_lowest_version_is_kept_to(many):
    proxy, address = many(min_version="1.3")
    with pytest.raises(ssl.SSLError, match="protocol version"):
        tls.connect(address, unverified(tls.TLS12), name="one.test")
    with tls.connect(address, unverified(tls.TLS13), name="one.test") as client:
        assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("offered, chosen", [(["h2", "http/1.1"], "http/1.1"), ([], None),
                                             (["http/1.1", "x"], "http/1.1")])
def test_alpn(many, offered, chosen):
    _, address = many(alpn=["http/1.1", "x"])
    context = unverified()
    context.set_alpn_protocols(offered)
    with tls.connect(address, context, name="one.test") as client:
        assert client.selected_alpn_protocol() == chosen


def test_no_common_alpn_is_refused(many):
    _, address = many(alpn=["http/1.1"])
    context = unverified()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="application protocol"):
        tls.connect(address, context, name="one.test")


def test_a_route_by_server_name(serve, start_sluice, authority):
    """With termination the name is known too: exact before wildcard before the default."""
    address = free_address()
    issued = authority.issue("api.test", "*.api.test")
    backends = [backend(name, [server(name, serve(named_echo(name)), ssl_offload=True)],
                        health_check={"type": "none"}) for name in ("rest", "exact", "wild")]
    start_sluice({
        "certificates": [tls.entry("api", issued)],
        "frontends": [frontend("front", address, "rest", tls={"certificates": ["api"]},
                               routes=[{"sni": "*.api.test", "backend": "wild"},
                                       {"sni": "v1.api.test", "backend": "exact"}])],
        "backends": backends})
    for name, expected in {"v1.api.test": b"exact", "v2.api.test": b"wild", "api.test": b"rest",
                           "x.y.api.test": b"rest"}.items():
        with tls.connect(address, unverified(), name=name) as client:
            assert client.recv(100).strip() == expected, name


# --- Reload ---

def test_certificates_are_read_again_on_reload(offload, serve, authority, shop):
    """The file changes, the configuration does not."""
    file, key = shop
    old = file.read_text(), key.read_text()
    proxy, address = offload(serve(echo), workers=2)
    context = tls.client_context(authority)
    try:
        with tls.connect(address, context) as before:
            new = authority.issue("shop.test", "renewed.test")
            file.write_text(new[0].read_text())
            key.write_text(new[1].read_text())
            proxy.reload()
            for _ in range(8):  # the first ones, on either worker
                with tls.connect(address, context, name="renewed.test") as after:
                    assert round_trip(after)
            assert round_trip(before)
            file.write_text("damaged")
            refused = proxy.lbstat("reload", check=False)
            assert refused.returncode == 1 and "certificate" in refused.stdout + refused.stderr
            with tls.connect(address, context, name="renewed.test") as after:
                assert round_trip(after)
    finally:
        file.write_text(old[0])
        key.write_text(old[1])
