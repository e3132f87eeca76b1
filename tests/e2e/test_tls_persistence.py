"""persistence: tls_session: a client that resumes its TLS session comes back to its server."""

import socket
import ssl
from collections import Counter

import pytest

from harness import tls
from harness.settings import TIME_SCALE
from harness.sluice import server
from harness.thread_server import name_of, read_to_end

VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])


@pytest.fixture
def persistent(proxied, serve, authority):
    """persistent(...) -> (Sluice, its address): three servers that tell their names."""
    certificate = authority.issue("shop.test")

    def start(**options):
        entries = [server(f"s{number}", serve(name_of(f"s{number}")), ssl_offload=True)
                   for number in range(1, 4)]
        return proxied(*entries, certificates=[tls.entry("shop", certificate)],
                       frontend_keys={"tls": {"certificates": ["shop"]}},
                       backend_keys={"persistence": "tls_session"}, **options)
    return start


class Visitor:
    """A client that resumes its last session, each time from another address of its own."""

    def __init__(self, authority, version=None):
        self.context = tls.client_context(authority, version)
        self.session = None
        self.visits = 0

    def ask(self, address):
        self.visits += 1
        raw = socket.create_connection(address, timeout=10 * TIME_SCALE,
                                       source_address=(f"127.0.7.{self.visits}", 0))
        with self.context.wrap_socket(raw, server_hostname="shop.test",
                                      session=self.session) as client:
            name = read_to_end(client).decode()
            assert client.session_reused == (self.session is not None)
            self.session = client.session
            return name


@VERSIONS
def test_who_resumes_comes_back(persistent, authority, version):
    """On both workers, from any address, over reloads; ticket after ticket."""
    proxy, address = persistent(workers=2)
    visitors = [Visitor(authority, version) for _ in range(9)]
    homes = [visitor.ask(address) for visitor in visitors]
    assert len(Counter(homes)) == 3
    for _ in range(4):
        assert [visitor.ask(address) for visitor in visitors] == homes
    back = proxy.config["backends"][0]
    back["servers"].reverse()
    back["policy"] = "least_connections"
    proxy.reload(proxy.config)
    assert [visitor.ask(address) for visitor in visitors] == homes
    assert proxy.admin.rows("backends")[0]["persistence_clients"] == len(visitors)


def test_who_does_not_resume_is_new(persistent, authority):
    _, address = persistent(workers=1)
    assert Counter(Visitor(authority).ask(address) for _ in range(9)) == {
        "s1": 3, "s2": 3, "s3": 3}


def test_without_tickets(persistent, authority):
    """TLS 1.2 by the session's id, which the worker knows that made it."""
    _, address = persistent(workers=1)
    visitors = [Visitor(authority, tls.TLS12) for _ in range(6)]
    for visitor in visitors:
        visitor.context.options |= ssl.OP_NO_TICKET
    homes = [visitor.ask(address) for visitor in visitors]
    for _ in range(3):
        assert [visitor.ask(address) for visitor in visitors] == homes


def test_a_drained_server_keeps_its_clients(persistent, authority):
    proxy, address = persistent()
    visitor = Visitor(authority)
    home = visitor.ask(address)
    proxy.lbstat("server", f"back/{home}", "drain")
    assert {visitor.ask(address) for _ in range(4)} == {home}
    assert home not in {Visitor(authority).ask(address) for _ in range(6)}
    proxy.lbstat("server", f"back/{home}", "maintenance")
    other = visitor.ask(address)
    assert other != home
    assert {visitor.ask(address) for _ in range(4)} == {other}, "remembered from then on"
