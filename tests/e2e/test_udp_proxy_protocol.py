"""PROXY headers before the datagrams of UDP flows."""

import socket

import pytest

from harness import proxy_header, settings
from harness.programs import Dnsdist
from harness.proxy_header import CHECKSUM, UNIQUE_ID
from harness.sluice import backend, frontend, server
from harness.udp import SECONDS, ask, echo, free_udp_address, silent, udp_client
from harness.waiting import holds_for, wait_for

QUESTION = (b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0"  # one question, recursion wanted
            b"\x04host\x05bench\x04test\0\0\x01\0\x01")  # its address
REFUSED, NO_ERROR = 5, 0


def bound_client(ip, address):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(SECONDS * settings.TIME_SCALE)
    client.bind((ip, 0))
    client.connect(address)
    return client


def first_of(upstream):
    """The header that the first datagram began with, and what followed."""
    wait_for(lambda: upstream.received, "a datagram")
    return proxy_header.split(upstream.received[0])


@pytest.mark.smoke
def test_the_first_datagram_has_a_header(proxied_udp, serve_udp):
    upstream = serve_udp(silent)
    proxy, address = proxied_udp(server("s1", upstream, send_proxy_protocol="v2"))
    with udp_client(address) as client:
        for datagram in (b"one", b"two", b""):
            client.send(datagram)
        (family, addresses, extensions), rest = first_of(upstream)
        assert (family, rest) == (0x12, b"one")
        assert addresses == proxy_header.v4(client.getsockname(), address)
        assert set(extensions) == {CHECKSUM, UNIQUE_ID}
        assert extensions[UNIQUE_ID] == str(proxy.sessions()[0]["id"]).encode()
        wait_for(lambda: upstream.received[1:] == [b"two", b""], "the others have none")
    assert proxy.server("s1")["bytes_in"] == 6, "of the client's"


def test_over_ipv6_on_a_wildcard(start_sluice, serve_udp):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::", 0))
        port = probe.getsockname()[1]
    upstream = serve_udp(silent)
    start_sluice({
        "frontends": [{"name": "front", "protocol": "udp", "listen": f"[::]:{port}",
                       "backend": "back"}],
        "backends": [backend("back", [server("s1", upstream, send_proxy_protocol="v2")])]})
    with udp_client(("::1", port), socket.AF_INET6) as client:
        client.send(b"six")
        (family, addresses, _), rest = first_of(upstream)
        assert (family, rest) == (0x22, b"six")
        assert addresses == proxy_header.v6(client.getsockname(), ("::1", port))


LONGEST_HEADER = 16 + 12 + (3 + 4) + (3 + 20)  # fixed part, IPv4, checksum, number of the flow


@pytest.mark.parametrize("length", [0, 1, 65507 - LONGEST_HEADER], ids=["empty", "short", "long"])
def test_header_and_datagram_fit_into_one(proxied_udp, serve_udp, length):
    """An empty datagram has a header too; so has a long one that leaves room for it."""
    upstream = serve_udp(echo)
    _, address = proxied_udp(server("s1", upstream, send_proxy_protocol="v2"))
    with udp_client(address) as client:
        client.send(b"x" * length)
        header, rest = first_of(upstream)
        assert rest == b"x" * length
        assert proxy_header.split(client.recv(70000)) == (header, rest)


def test_no_room_for_the_header(proxied_udp, serve_udp):
    """The longest datagram does not go on without the header that is due: it is counted, the next
    one that fits has it; behind the header 65,507 bytes pass."""
    upstream = serve_udp(echo)
    proxy, address = proxied_udp(server("s1", upstream, send_proxy_protocol="v2"))
    with udp_client(address) as client:
        client.send(b"x" * 65507)
        wait_for(lambda: sum(row["udp_oversize"] for row in proxy.status()["workers"]) == 1,
                 "counted")
        answer = ask(client, b"short")
        assert proxy_header.split(answer)[1] == b"short"
        assert ask(client, b"y" * 65507) == b"y" * 65507
    assert len(upstream.received) == 2


@pytest.mark.smoke
def test_a_retry_has_its_header_again(proxied_udp, serve_udp):
    """The server that refused had a header too; the one that takes its place gets the same."""
    upstream = serve_udp(silent)
    proxy, address = proxied_udp(
        server("gone", free_udp_address(), send_proxy_protocol="v2"),
        server("alive", upstream, send_proxy_protocol="v2"), backend_keys={"policy": "first"})
    with udp_client(address) as client:
        client.send(b"hello")
        (_, addresses, _), rest = first_of(upstream)
        assert rest == b"hello"
        assert addresses == proxy_header.v4(client.getsockname(), address)
        client.send(b"more")
        wait_for(lambda: upstream.received[1:] == [b"more"], "one header is enough")
    assert proxy.server("gone")["errors"] == 1


def test_a_server_that_comes_back_is_told(proxied_udp, serve_udp):
    """A flow that was never answered stays with the only server; a reload to one that wants headers
    concerns flows that begin then."""
    upstream = serve_udp(silent)
    proxy, address = proxied_udp(server("s1", upstream))
    with udp_client(address) as old, udp_client(address) as new:
        old.send(b"old")
        wait_for(lambda: upstream.received == [b"old"], "no header yet")
        proxy.config["backends"][0]["servers"][0]["send_proxy_protocol"] = "v2"
        proxy.reload(proxy.config)
        old.send(b"old")
        wait_for(lambda: upstream.received == [b"old", b"old"], "the flow is known already")
        new.send(b"new")
        wait_for(lambda: len(upstream.received) == 3, "the other flow's")
        assert proxy_header.split(upstream.received[2])[1] == b"new"
        holds_for(lambda: len(upstream.received) == 3, "nothing comes twice", 0.1)


def test_dnsdist_understands(proxied_udp):
    """It judges by the client that the header names, and would drop a question without one."""
    with Dnsdist(refused="127.0.9.0/24") as upstream:
        _, address = proxied_udp(server("s1", upstream, send_proxy_protocol="v2"),
                                 backend_keys={"udp": {"responses": 1}})
        for ip, code in (("127.0.9.1", REFUSED), ("127.0.8.1", NO_ERROR)) * 3:
            with bound_client(ip, address) as client:
                answer = ask(client, QUESTION)
                assert answer[:2] == QUESTION[:2]
                assert answer[3] & 0x0f == code
