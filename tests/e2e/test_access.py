"""Who may come in: allow and deny."""

import pytest

from harness.clients import connect, ending_of, round_trip
from harness.thread_server import echo, read_exactly

DENIED = ("denied", "us")


def header(source):
    return f"PROXY TCP4 {source} 198.51.100.2 40000 443\r\n".encode()


@pytest.mark.smoke
@pytest.mark.parametrize("keys", [{"deny": ["127.0.0.0/8"]}, {"allow": ["10.0.0.0/8"]},
                                  {"allow": ["127.0.0.0/8"], "deny": ["127.0.0.1/32"]}],
                         ids=["deny", "not_allowed", "deny_wins"])
def test_turned_away(proxied, serve, keys):
    one = serve(echo)
    proxy, address = proxied(one, frontend_keys=keys)
    with connect(address) as client:
        assert ending_of(client)[0] == b""
    assert proxy.reasons() == {DENIED: 1}
    assert one.accepted == 0


@pytest.mark.smoke
@pytest.mark.parametrize("keys", [{"deny": ["10.0.0.0/8"]}, {"allow": ["127.0.0.0/8"]},
                                  {"allow": ["127.0.0.1/32"], "deny": ["127.0.0.2/31"]}],
                         ids=["not_denied", "allow", "both"])
def test_let_in(proxied, serve, keys):
    _, address = proxied(serve(echo), frontend_keys=keys)
    with connect(address) as client:
        assert round_trip(client)


def test_behind_a_proxy_its_client_counts(proxied, serve):
    proxy, address = proxied(serve(echo), frontend_keys={
        "accept_proxy_protocol": {"from": ["127.0.0.0/8"]}, "deny": ["192.0.2.0/25"]})
    with connect(address) as client:
        client.sendall(header("192.0.2.1") + b"ping")
        assert ending_of(client)[0] == b""
    assert proxy.reasons() == {DENIED: 1}
    with connect(address) as client:
        client.sendall(header("192.0.2.129") + b"ping")
        assert read_exactly(client, 4) == b"ping"
