"""Who may come in: allow and deny."""

import pytest

from harness.clients import connect, ending_of, round_trip
from harness.thread_server import echo, read_exactly
from harness.udp import ask_new, silent, udp_client
from harness.udp import echo as udp_echo
from harness.waiting import wait_for

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


@pytest.mark.smoke
@pytest.mark.parametrize("keys", [{"deny": ["127.0.0.0/8"]}, {"allow": ["10.0.0.0/8"]},
                                  {"allow": ["127.0.0.0/8"], "deny": ["127.0.0.1/32"]}],
                         ids=["deny", "not_allowed", "deny_wins"])
def test_datagrams_turned_away(proxied_udp, serve_udp, keys):
    """Each is counted, and none makes a flow."""
    one = serve_udp(silent)
    proxy, address = proxied_udp(one, frontend_keys=keys)
    with udp_client(address) as client:
        for _ in range(3):
            client.send(b"hello")
        wait_for(lambda: proxy.reasons() == {DENIED: 3}, "all are counted")
    assert proxy.frontend("front")["refused"] == 3
    assert proxy.frontend("front")["total"] == proxy.status()["sessions"] == 0
    assert sum(row["udp_without_flow"] for row in proxy.status()["workers"]) == 3
    assert not one.received


def test_datagrams_let_in(proxied_udp, serve_udp):
    """A flow that has begun is not asked again when the lists change, as a connection is not."""
    proxy, address = proxied_udp(serve_udp(udp_echo), frontend_keys={
        "allow": ["127.0.0.1/32"], "deny": ["127.0.0.2/31"]})
    assert ask_new(address) == b"question"
    with udp_client(address) as client:
        client.send(b"one")
        assert client.recv(10) == b"one"
        proxy.config["frontends"][0]["deny"] = ["127.0.0.1"]
        proxy.reload(proxy.config)
        client.send(b"two")
        assert client.recv(10) == b"two"
    with udp_client(address) as late:
        late.send(b"three")
        wait_for(lambda: proxy.reasons().get(DENIED) == 1, "a new one is turned away")
