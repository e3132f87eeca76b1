"""The first things that must work, needing nothing but Python: also run on Linux 6.1."""

import pytest

from harness.clients import ask_name, connect, ending_of, round_trip
from harness.thread_server import answer_at_end, echo, name_of, read_exactly, reset
from harness.waiting import wait_for

pytestmark = pytest.mark.smoke


def test_bytes_go_both_ways(proxied, serve):
    proxy, address = proxied(serve(echo))
    with connect(address) as client:
        assert round_trip(client)
        assert round_trip(client, bytes(range(256)) * 1000)
    wait_for(lambda: proxy.status()["sessions"] == 0, "the session is over")


def test_many_clients_at_once(proxied, serve):
    _, address = proxied(serve(echo))
    clients = [connect(address) for _ in range(100)]
    for number, client in enumerate(clients):
        client.sendall(b"%08d" % number)
    for number, client in enumerate(clients):
        assert read_exactly(client, 8) == b"%08d" % number
        client.close()


def test_two_servers_take_turns(proxied, serve):
    _, address = proxied(serve(name_of("a")), serve(name_of("b")), workers=1)
    assert sorted(ask_name(address) for _ in range(10)) == ["a"] * 5 + ["b"] * 5


def test_half_close(proxied, serve):
    _, address = proxied(serve(answer_at_end))
    with connect(address) as client:
        client.sendall(b"question")
        client.shutdown(1)
        assert ending_of(client) == (b"got:question", "closed")


def test_reset_travels_on(proxied, serve):
    def answer_and_reset(accepted, _server):
        accepted.sendall(b"last words")
        read_exactly(accepted, 1)
        reset(accepted)

    _, address = proxied(serve(answer_and_reset))
    with connect(address) as client:
        assert read_exactly(client, 10) == b"last words"
        client.sendall(b"!")
        assert ending_of(client) == (b"", "reset")


def test_retry_on_another_server(proxied, serve):
    gone = serve(echo)
    gone.stop()
    _, address = proxied(gone, serve(name_of("alive")))
    assert [ask_name(address) for _ in range(4)] == ["alive"] * 4


def test_bulk_is_complete(proxied, serve):
    size = 8 << 20
    block = bytes(range(251)) * 1000

    def source(accepted, _server):
        sent = 0
        while sent < size:
            part = block[:size - sent]
            accepted.sendall(part)
            sent += len(part)

    _, address = proxied(serve(source))
    with connect(address, seconds=60) as client:
        got, ending = ending_of(client)
    assert ending == "closed"
    assert len(got) == size and got == (block * (size // len(block) + 1))[:size]


def test_reload_under_an_open_connection(proxied, serve):
    one, two = serve(echo), serve(name_of("new"))
    proxy, address = proxied(one)
    with connect(address) as client:
        assert round_trip(client)
        config = dict(proxy.config)
        config["backends"][0]["servers"][0] |= {"name": "s2", "port": two.address[1],
                                                "address": two.address[0]}
        pid = proxy.pid
        assert "generation 2" in proxy.reload(config)
        assert round_trip(client), "an established session runs on"
        assert ask_name(address) == "new"
    assert proxy.status()["pid"] == pid


def test_lbstat_speaks(proxied, serve):
    proxy, address = proxied(serve(name_of("x")))
    ask_name(address)
    assert "s1" in proxy.lbstat("servers").stdout
    assert "front" in proxy.lbstat("frontends").stdout
    assert proxy.lbstat().stdout
