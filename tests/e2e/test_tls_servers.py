"""TLS toward the servers: whom we take for the server, and that nobody else gets a byte."""

import json
import ssl

import pytest
from harness import tls
from harness.authority import EC, WEAK_RSA, Authority
from harness.clients import connect as connect_plain
from harness.clients import ending_of, round_trip
from harness.process import run
from harness.sluice import server
from harness.thread_server import echo, name_of, named_echo
from harness.waiting import wait_for

VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "somebody else's authority")


@pytest.fixture(scope="module")
def good(authority):
    return authority.issue("app.internal")


def secure(name, at, **keys):
    return server(name, at, **({"ca_bundle": "internal", "server_name": "app.internal"} | keys))


@pytest.fixture
def originate(proxied, authority):
    """originate(entries, ...): plaintext in, TLS to the servers."""
    def start(*entries, **options):
        return proxied(*(one | {"tls": True} for one in entries),
                       ca_bundles=[tls.bundle("internal", authority)], **options)
    return start


@pytest.fixture
def reencrypt(proxied, authority, shop):
    """reencrypt(entries, ...): TLS in, other TLS to the servers."""
    def start(*entries, frontend_tls=None, **options):
        return proxied(*entries, certificates=[tls.entry("shop", shop)],
                       ca_bundles=[tls.bundle("internal", authority)],
                       frontend_keys={"tls": {"certificates": ["shop"]} | (frontend_tls or {})},
                       **options)
    return start


# --- It works ---

@VERSIONS
def test_originate(serve_tls, originate, good, version):
    app = serve_tls(echo, good, version=version)
    proxy, address = originate(secure("app", app), log={"format": "json"})
    assert proxy.server("app")["mode"] == "originate"
    with connect_plain(address) as client:
        for size in (1, 5000, 100_000):
            assert round_trip(client, b"z" * size)
        assert proxy.sessions()[0]["tls"].startswith("user (")
    assert app.names == ["app.internal"]
    line = wait_for(lambda: [line for line in proxy.log().splitlines() if "client_closed" in line],
                    "its line")[0]
    assert json.loads(line)["server_tls"]["version"] == {tls.TLS12: "TLSv1.2",
                                                         tls.TLS13: "TLSv1.3"}[version]


@pytest.mark.parametrize("inner", [tls.TLS12, tls.TLS13], ids=["to 1.2", "to 1.3"])
@pytest.mark.parametrize("outer", [tls.TLS12, tls.TLS13], ids=["from 1.2", "from 1.3"])
def test_reencrypt(serve_tls, reencrypt, authority, good, outer, inner):
    app = serve_tls(echo, good, version=inner)
    proxy, address = reencrypt(secure("app", app))
    assert proxy.server("app")["mode"] == "reencrypt"
    with tls.connect(address, tls.client_context(authority, outer)) as client:
        for size in (1, 5000, 100_000):
            assert round_trip(client, b"z" * size)
    assert app.names == ["app.internal"]


def test_a_plaintext_and_a_tls_server_side_by_side(serve, serve_tls, reencrypt, authority, good):
    """`ssl_offload` is the server's: the same connection may end at the one or the other."""
    entries = [secure("secret", serve_tls(named_echo("secret"), good)),
               server("open", serve(named_echo("open")), ssl_offload=True)]
    proxy, address = reencrypt(*entries, workers=1)
    seen = set()
    for _ in range(4):
        with tls.connect(address, tls.client_context(authority)) as client:
            seen.add(client.recv(100).strip())
    assert seen == {b"secret", b"open"}
    assert [proxy.server(name)["mode"] for name in ("secret", "open")] == ["reencrypt", "offload"]


def test_by_address_without_a_name(serve_tls, originate, authority):
    """No server_name: the certificate must carry the address, and no SNI is sent."""
    app = serve_tls(echo, authority.issue("placeholder.test"))
    app.context.load_cert_chain(*map(str, authority.issue(app.address[0])))
    _, address = originate(server("app", app, ca_bundle="internal"))
    with connect_plain(address) as client:
        assert round_trip(client)
    assert app.names == [None]


def test_the_servers_protocol_is_the_clients(serve_tls, reencrypt, authority, good):
    app = serve_tls(echo, good)
    app.context.set_alpn_protocols(["http/1.1", "h2"])
    seen = []
    app.inner = lambda one, here: (seen.append(one.selected_alpn_protocol()), echo(one, here))
    _, address = reencrypt(secure("app", app), frontend_tls={"alpn": ["h2", "http/1.1"]})
    context = tls.client_context(authority)
    context.set_alpn_protocols(["http/1.1"])
    with tls.connect(address, context) as client:
        assert round_trip(client)
    assert seen == ["http/1.1"]


# --- It does not verify ---

def issue_bad(kind, authority, other_authority):
    """(certificate and key, chain to show): what a server should not be believed with."""
    if kind == "wrong authority":
        return other_authority.issue("app.internal")
    if kind == "expired":
        return authority.issue("app.internal", days=-1)
    if kind == "not yet valid":
        return authority.issue("app.internal", begins=7)
    if kind == "wrong name":
        return authority.issue("elsewhere.internal")
    if kind == "missing intermediate":
        return authority.delegate(f"below{authority.issued}").issue("app.internal")
    if kind == "weak key":
        return authority.issue("app.internal", key_options=WEAK_RSA)
    base = authority.directory / "self"
    run("openssl", "req", "-x509", "-newkey", *EC, "-nodes", "-keyout", f"{base}.key", "-out",
        f"{base}.pem", "-days", "9", "-subj", "/CN=app.internal", "-addext",
        "subjectAltName=DNS:app.internal")
    return base.with_suffix(".pem"), base.with_suffix(".key")


REFUSED = {
    "wrong authority": "unable to get local issuer certificate",
    "expired": "certificate has expired",
    "not yet valid": "certificate is not yet valid",
    "wrong name": "hostname mismatch",
    "missing intermediate": "unable to get local issuer certificate",
    "weak key": "EE certificate key too weak",
    "self-signed": "self-signed certificate",
}
EVERY_KIND = pytest.mark.parametrize("kind", REFUSED)


@pytest.fixture
def bad_server(serve_tls, authority, other_authority):
    def start(kind, version=None):
        return serve_tls(named_echo("impostor"), issue_bad(kind, authority, other_authority),
                         security=0, version=version)
    return start


@EVERY_KIND
@VERSIONS
def test_refused_without_a_byte_of_the_client(bad_server, originate, kind, version):
    impostor = bad_server(kind, version)
    received = []
    impostor.inner = lambda one, _: received.append(one.recv(100))
    proxy, address = originate(secure("app", impostor), backend_keys={"retries": 0})
    with connect_plain(address) as client:
        client.sendall(b"secret")
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons() == {("verify_failed", "server"): 1}, "it is counted")
    wait_for(lambda: impostor.ended, "the impostor is done")
    assert not any(received)
    assert proxy.server("app")["errors"] == 1
    wait_for(lambda: f'problem="server app: {REFUSED[kind]}' in proxy.log(),
             f"the log says why: {REFUSED[kind]}\n{proxy.log()}")


@EVERY_KIND
def test_the_next_server_is_tried(bad_server, serve_tls, reencrypt, authority, good, kind):
    impostor, honest = bad_server(kind), serve_tls(named_echo("honest"), good)
    proxy, address = reencrypt(secure("bad", impostor), secure("good", honest), workers=1)
    for _ in range(4):
        with tls.connect(address, tls.client_context(authority)) as client:
            assert client.recv(100) == b"honest\n"
            assert round_trip(client)
    assert proxy.server("bad")["errors"] >= 2
    assert proxy.server("good")["total"] == 4


@EVERY_KIND
def test_the_health_check_agrees(bad_server, originate, kind):
    check = {"type": "tls", "interval": "100ms", "timeout": "1s", "fall": 1, "rise": 1}
    proxy, _ = originate(secure("app", bad_server(kind)), backend_keys={"health_check": check})
    row = wait_for(lambda: (row := proxy.server("app"))["state"] == "DOWN" and row, "it is down")
    assert REFUSED[kind] in row["check"]


@EVERY_KIND
def test_verify_none_takes_anybody(bad_server, originate, kind):
    if kind == "weak key":
        pytest.skip("a key below the security level is refused whoever shows it")
    _, address = originate(secure("app", bad_server(kind), verify="none"))
    with connect_plain(address) as client:
        assert client.recv(100) == b"impostor\n"


def test_with_its_intermediate_it_is_believed(serve_tls, originate, authority):
    below = authority.delegate("shown")
    app = serve_tls(echo, below.issue("app.internal"), chain=below.certificate)
    _, address = originate(secure("app", app))
    with connect_plain(address) as client:
        assert round_trip(client)


def test_the_system_bundle_is_the_default(serve_tls, originate, good):
    """A private authority is nobody to the distribution's trust store."""
    app = serve_tls(echo, good)
    proxy, address = originate(server("app", app, server_name="app.internal"),
                               backend_keys={"retries": 0})
    with connect_plain(address) as client:
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons() == {("verify_failed", "server"): 1}, "it is counted")


def test_a_server_that_speaks_no_tls(serve, originate):
    received = []

    def plain(one, _server):
        one.sendall(b"220 welcome\r\n")
        received.append(one.recv(1 << 16))

    proxy, address = originate(secure("app", serve(plain)), backend_keys={"retries": 0})
    with connect_plain(address) as client:
        client.sendall(b"secret")
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "server"): 1}, "it is counted")
    assert b"secret" not in b"".join(received)


def test_a_server_that_never_answers(serve, originate):
    def mute(one, _server):
        while one.recv(1 << 16):
            pass

    proxy, address = originate(secure("app", serve(mute)),
                               backend_keys={"retries": 0, "timeouts": {"connect": "300ms"}})
    with connect_plain(address) as client:
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons() == {("handshake_timeout", "server"): 1}, "it is counted")


# --- Our certificate ---

@pytest.fixture
def picky(serve_tls, authority, good):
    """A server that takes nobody without a certificate; `shown` are the names it has seen."""
    def start(version=None):
        app = serve_tls(echo, good, version=version)
        app.context.verify_mode = ssl.CERT_REQUIRED
        app.context.load_verify_locations(str(authority.certificate))
        app.shown = []
        app.inner = lambda one, here: (app.shown.append(tls.shown_name(one)), echo(one, here))
        return app
    return start


@VERSIONS
def test_our_certificate_is_shown(picky, reencrypt, authority, version):
    app = picky(version)
    proxy, address = reencrypt(secure("app", app, client_certificate="shop"))
    for _ in range(3):
        with tls.connect(address, tls.client_context(authority)) as client:
            assert round_trip(client)
    assert app.shown == ["shop.test"] * 3


def test_without_one_such_a_server_refuses(picky, reencrypt, authority):
    app = picky(tls.TLS12)
    proxy, address = reencrypt(secure("app", app), backend_keys={"retries": 0})
    with tls.connect(address, tls.client_context(authority)) as client:
        assert client.recv(1) == b""
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "server"): 1}, "it is counted")
    assert app.shown == []


@pytest.mark.parametrize("keys, state", [({"client_certificate": "shop"}, "UP"), ({}, "DOWN")])
def test_the_health_check_shows_it_too(picky, reencrypt, keys, state):
    check = {"type": "tls", "interval": "100ms", "timeout": "1s", "fall": 1, "rise": 1}
    proxy, _ = reencrypt(secure("app", picky(tls.TLS12), **keys),
                         backend_keys={"health_check": check})
    wait_for(lambda: proxy.server("app")["state"] == state, f"it is {state}")


# --- Sessions toward servers ---

@VERSIONS
def test_sessions_are_resumed(serve_tls, originate, good, version):
    app = serve_tls(echo, good, version=version)
    _, address = originate(secure("app", app), workers=1)
    for _ in range(5):
        with connect_plain(address) as client:
            assert round_trip(client)
    assert app.resumed == 4


@VERSIONS
def test_never_across_names_or_policies(serve_tls, proxied, authority, version):
    """One process under three entries: with another name, and unverified, all begin anew."""
    app = serve_tls(echo, authority.issue("app.internal", "second.internal"), version=version)
    entries = [secure("one", app, tls=True), secure("two", app, server_name="second.internal",
                                                    tls=True),
               secure("three", app, verify="none", tls=True)]
    _, address = proxied(*entries, ca_bundles=[tls.bundle("internal", authority)], workers=1)
    for _ in range(3):
        with connect_plain(address) as client:
            assert round_trip(client)
    assert app.resumed == 0
    for _ in range(3):
        with connect_plain(address) as client:
            assert round_trip(client)
    assert app.resumed == 3


def test_tickets_of_many_sessions_at_once(serve_tls, originate, good):
    """Each of them brings one, some are kept, and each that is kept is used once."""
    app = serve_tls(echo, good, version=tls.TLS13)
    _, address = originate(secure("app", app), workers=1)
    clients = [connect_plain(address) for _ in range(20)]
    for client in clients:
        assert round_trip(client)
    first = app.resumed
    clients += [connect_plain(address) for _ in range(20)]
    for client in clients:
        assert round_trip(client)
        client.close()
    assert 8 <= app.resumed - first < 20


def test_the_server_speaks_first(serve_tls, originate, good):
    """Its tickets and its first words come together, before the client has said anything."""
    app = serve_tls(name_of("hello"), good, version=tls.TLS13)
    _, address = originate(secure("app", app), workers=1)
    for _ in range(3):
        with connect_plain(address) as client:
            assert ending_of(client)[0] == b"hello"
    assert app.resumed == 2


def test_a_reload_with_another_bundle_begins_anew(serve_tls, originate, other_authority, good):
    app = serve_tls(echo, good)
    proxy, address = originate(secure("app", app), workers=1, backend_keys={"retries": 0})
    with connect_plain(address) as client:
        assert round_trip(client)
    config = proxy.config | {"ca_bundles": [tls.bundle("internal", other_authority)]}
    proxy.reload(config)
    with connect_plain(address) as client:
        assert ending_of(client)[0] == b""
    assert app.resumed == 0
    wait_for(lambda: ("verify_failed", "server") in proxy.reasons(), "it is counted")
