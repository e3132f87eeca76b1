"""`protocol: http` in front of servers that are spoken to in TLS: heads are changed on their way
into and out of the encrypted connection, bodies are not."""

import pytest
from harness import tls
from harness.clients import connect
from harness.http import cookie_in, mirror, read_message
from harness.sluice import server

BODY = bytes(range(256)) * 4096  # several records


@pytest.fixture
def proxied_app(proxied, serve_tls, authority):
    def start(version, **frontend_keys):
        one = serve_tls(mirror, authority.issue("app.internal"), version)
        entry = server("app", one, tls=True, ca_bundle="internal", server_name="app.internal")
        _, address = proxied(entry, ca_bundles=[tls.bundle("internal", authority)],
                             frontend_keys={"protocol": "http"} | frontend_keys,
                             backend_keys={"persistence": {"cookie": {"name": "LBSRV"}}})
        return one, address
    return start


def ask(client, body, headers=""):
    head = f"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    client.sendall(head.encode() + body)
    return read_message(client)


VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])


@VERSIONS
@pytest.mark.parametrize("keys", [{}, {"forwarded": True}], ids=["first head", "every head"])
def test_heads_are_changed_and_bodies_are_not(proxied_app, version, keys):
    one, address = proxied_app(version, **keys)
    with connect(address) as client:
        first, body = ask(client, BODY)
        assert body == BODY
        value, _ = cookie_in(first)
        again, body = ask(client, BODY[:1000])
        assert body == BODY[:1000] and "Set-Cookie" not in again
    assert ["X-Forwarded-For" in head for head in one.records["heads"]] == [bool(keys)] * 2
    with connect(address) as client:
        answer, body = ask(client, b"x", f"Cookie: {value}\r\n")
        assert body == b"x" and "Set-Cookie" not in answer


@VERSIONS
def test_requests_in_a_row_without_waiting(proxied_app, version):
    _, address = proxied_app(version, forwarded=True)
    with connect(address) as client:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
        client.sendall(b"".join(request + b"%03d" % number for number in range(50)))
        for number in range(50):
            assert read_message(client)[1] == b"%03d" % number
