"""Sessions of clients are resumed where they may be, and nowhere else."""

import contextlib
import ssl
from pathlib import Path

import pytest
from harness import settings, tls
from harness.addresses import free_address, text
from harness.authority import Authority
from harness.clients import round_trip
from harness.process import run
from harness.sluice import backend, frontend, server
from harness.thread_server import echo, name_of
from harness.waiting import wait_for

VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])


@pytest.fixture(scope="module")
def issued(authority):
    return {name: authority.issue(f"{name}.test") for name in ("one", "two")}


@pytest.fixture
def offload(serve, proxied, issued):
    """offload(...) -> (Sluice, its address), with two certificates."""
    def start(handler=echo, tls_keys=None, server_keys=None, **options):
        certificates = [tls.entry(*each) for each in issued.items()]
        keys = {"certificates": list(issued)} | (tls_keys or {})
        app = server("s1", serve(handler), ssl_offload=True, **(server_keys or {}))
        return proxied(app, certificates=certificates, frontend_keys={"tls": keys}, **options)
    return start


def visit(address, context, session=None, name="one.test"):
    """One connection: (whether it resumed, the session to resume next time)."""
    with tls.connect(address, context, name=name, session=session) as client:
        assert round_trip(client)  # 1.3's tickets have come when the echo has
        return client.session_reused, client.session


@VERSIONS
@pytest.mark.parametrize("ways", ["tickets", "no tickets"])
def test_resumed(offload, authority, version, ways):
    """By ticket on any worker; without tickets (1.2) from the worker's own cache."""
    _, address = offload(workers=1 if ways == "no tickets" else 2)
    context = tls.client_context(authority, version)
    if ways == "no tickets":
        if version == tls.TLS13:
            pytest.skip("1.3 has nothing else")
        context.options |= ssl.OP_NO_TICKET
    _, session = visit(address, context)
    for _ in range(6):
        resumed, session = visit(address, context, session)
        assert resumed


def ticket_of(client):
    """The session of a client that gets no data, once a ticket has come."""
    def session():
        with contextlib.suppress(TimeoutError, ssl.SSLError, ConnectionResetError):
            client.recv(1)
        return client.session if client.session.has_ticket else None

    client.settimeout(0.05)
    return wait_for(session, "a ticket")


def test_tickets_come_though_nobody_speaks(offload, authority):
    _, address = offload()
    with tls.connect(address, tls.client_context(authority, tls.TLS13), name="one.test") as client:
        assert not client.session.has_ticket
        ticket_of(client)


def test_who_is_not_served_has_tickets(offload, authority):
    """Who waits, and who is turned away: coming again costs no full handshake."""
    context = tls.client_context(authority, tls.TLS13)
    proxy, address = offload(server_keys={"max_connections": 1},
                             backend_keys={"queue_size": 1, "timeouts": {"queue": "60s"}})
    sessions = []
    with contextlib.ExitStack() as stack:
        for _ in "served", "waits", "turned away":
            client = stack.enter_context(tls.connect(address, context, name="one.test"))
            sessions.append(ticket_of(client))
        wait_for(lambda: proxy.reasons() == {("queue_full", "us"): 1}, "one is turned away")
    wait_for(lambda: sum(proxy.reasons().values()) == 3, "all have gone")
    for session in sessions:
        assert visit(address, context, session)[0]


def test_each_use_of_a_ticket_brings_another(offload, authority):
    """Clients use those of 1.3 once: without the next one every second session would begin anew."""
    _, address = offload()
    context = tls.client_context(authority, tls.TLS13)
    _, session = visit(address, context)
    for _ in range(3):
        resumed, following = visit(address, context, session)
        assert resumed and following != session
        session = following


@VERSIONS
def test_a_reload_does_not_end_sessions(offload, authority, version):
    proxy, address = offload()
    context = tls.client_context(authority, version)
    _, session = visit(address, context)
    proxy.reload(proxy.config | {"log": {"level": "debug"}})
    assert visit(address, context, session)[0]


@VERSIONS
def test_a_new_certificate_ends_them(offload, authority, issued, version):
    """What was resumed would vouch for a certificate that nobody has shown."""
    proxy, address = offload()
    context = tls.client_context(authority, version)
    _, session = visit(address, context)
    renewed = authority.issue("one.test")
    entries = [tls.entry("one", renewed), tls.entry("two", issued["two"])]
    proxy.reload(proxy.config | {"certificates": entries})
    assert not visit(address, context, session)[0]


@VERSIONS
def test_not_across_server_names(offload, authority, version):
    _, address = offload()
    context = tls.client_context(authority, version)
    _, session = visit(address, context, name="one.test")
    assert not visit(address, context, session, name="two.test")[0]
    assert visit(address, context, session, name="one.test")[0]


@VERSIONS
@pytest.mark.parametrize("change", ["required", "other authority", "none"])
def test_not_across_client_policies(offload, authority, issued, version, change, tmp_path_factory):
    """A session made while clients were verified one way is worth nothing when it is another."""
    other = Authority(tmp_path_factory.mktemp("other"), "other")
    bundles = [tls.bundle("mine", authority), tls.bundle("other", other)]
    before = {"client_ca": "mine", "client_verify": "optional"}
    after = {"required": before | {"client_verify": "required"},
             "other authority": before | {"client_ca": "other"}, "none": {}}[change]
    proxy, address = offload(tls_keys=before, ca_bundles=bundles)
    context = tls.client_context(authority, version)
    _, session = visit(address, context)
    assert visit(address, context, session)[0]
    config = proxy.config
    config["frontends"][0]["tls"] = {"certificates": list(issued)} | after
    proxy.reload(config)
    if change == "required":
        with pytest.raises(OSError):
            visit(address, context, session)
    else:
        assert not visit(address, context, session)[0]


class Clock:
    """What a program takes for the time of day goes ahead of it by what is written to a file."""

    LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")

    def __init__(self, folder):
        self.file = folder / "clock"
        self.set("+0")
        self.environment = {"LD_PRELOAD": str(self.LIBRARY), "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_TIMESTAMP_FILE": str(self.file),
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, ahead):
        self.file.write_text(ahead)


@pytest.mark.skipif(settings.SANITIZED, reason="sanitizers want to be loaded first")
@VERSIONS
def test_nothing_is_resumed_four_hours_after_its_handshake(offload, authority, tmp_path, version):
    """However often, and with whatever ticket: a client's certificate is looked at again."""
    clock = Clock(tmp_path)
    _, address = offload(environment=clock.environment)
    context = tls.client_context(authority, version)
    _, session = visit(address, context)
    for ahead, is_resumed in ("+2h", True), ("+239m", True), ("+241m", False):
        clock.set(ahead)
        resumed, session = visit(address, context, session)
        assert resumed == is_resumed, ahead


@VERSIONS
def test_a_damaged_ticket_is_a_full_handshake(offload, authority, version, tmp_path):
    """Of openssl's making, as Python cannot touch one: a session saved, its ticket changed."""
    _, address = offload(name_of("hello"))
    options = ["-connect", text(address), "-servername", "one.test", "-CAfile",
               authority.certificate, "-verify_return_error",
               "-tls1_2" if version == tls.TLS12 else "-tls1_3"]
    saved, damaged = tmp_path / "saved.der", tmp_path / "damaged.pem"

    def visit_by(*more):
        return run("openssl", "s_client", *options, "-ign_eof", *more).stdout

    visit_by("-sess_out", tmp_path / "saved.pem")
    assert "Reused, TLS" in visit_by("-sess_in", tmp_path / "saved.pem")
    run("openssl", "sess_id", "-in", tmp_path / "saved.pem", "-outform", "DER", "-out", saved)
    data = bytearray(saved.read_bytes())
    data[ticket_at(data) + 40] ^= 1
    saved.write_bytes(data)
    run("openssl", "sess_id", "-inform", "DER", "-in", saved, "-out", damaged)
    assert "New, TLS" in visit_by("-sess_in", damaged)


def ticket_at(session):
    """Where the ticket begins in a DER session: [10] EXPLICIT OCTET STRING."""
    for at in range(len(session) - 8):
        if session[at] == 0xAA and session[at + 1] == 0x81 and session[at + 3] == 0x04:
            return at + 6
        if session[at] == 0xAA and session[at + 1] == 0x82 and session[at + 4] == 0x04:
            return at + 8
    raise AssertionError("no ticket in this session")


def test_two_frontends_are_apart(serve, start_sluice, authority, issued):
    addresses = [free_address(), free_address()]
    proxy = start_sluice({
        "certificates": [tls.entry("one", issued["one"])],
        "frontends": [frontend(f"f{i}", at, "b", tls={"certificates": ["one"]})
                      for i, at in enumerate(addresses)],
        "backends": [backend("b", [server("s1", serve(echo), ssl_offload=True)],
                             health_check={"type": "none"})]})
    context = tls.client_context(authority, tls.TLS13)
    _, session = visit(addresses[0], context)
    assert visit(addresses[0], context, session)[0]
    assert not visit(addresses[1], context, session)[0]
    wait_for(lambda: proxy.frontend("f1")["total"] == 1, "it came there")
