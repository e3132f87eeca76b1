"""Protocols in which the server speaks first, and those in which nobody does for a while."""

import pytest

from harness.clients import connect, round_trip
from harness.thread_server import echo, read_exactly
from harness.waiting import wait_for

pytestmark = pytest.mark.smoke


def test_banner_before_any_byte_of_the_client(proxied, serve):
    banner = b"220 mail.example.com ESMTP\r\n"

    def mail(accepted, _server):
        accepted.sendall(banner)
        assert read_exactly(accepted, 6) == b"QUIT\r\n"
        accepted.sendall(b"221 bye\r\n")

    _, address = proxied(serve(mail))
    for _ in range(20):
        with connect(address) as client:
            assert read_exactly(client, len(banner)) == banner
            client.sendall(b"QUIT\r\n")
            assert read_exactly(client, 9) == b"221 bye\r\n"


def test_the_server_is_reached_before_the_client_speaks(proxied, serve):
    server = serve(echo)
    _, address = proxied(server)
    with connect(address) as client:
        wait_for(lambda: server.accepted == 1, "connected without a byte")
        assert round_trip(client)


def test_a_client_that_only_connects(proxied, serve):
    """connect, close: the server sees a connection that ends, and nothing is left."""
    server = serve(echo)
    proxy, address = proxied(server)
    for _ in range(20):
        connect(address).close()
    wait_for(lambda: sum(proxy.reasons().values()) == 20, "20 endings")
    wait_for(lambda: server.current == 0, "the server has none left")
    assert proxy.sessions() == []
