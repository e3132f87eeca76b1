"""Connect, idle and stop timeouts: they end what they should, when they should, and say so."""

import socket
import time

import pytest

from harness.addresses import free_address
from harness.clients import ask_name, connect, ending_of, round_trip
from harness.settings import TIME_SCALE
from harness.thread_server import echo, name_of, read_exactly
from harness.waiting import wait_for


@pytest.fixture
def unanswering():
    """An address whose accept queue is full: the kernel drops further SYNs, connect() waits."""
    address = free_address()
    listener = socket.socket()
    listener.bind(address)
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(address)
        fillers.append(filler)
    yield address
    for one in [listener, *fillers]:
        one.close()


def seconds_until_closed(client):
    start = time.monotonic()
    ending_of(client)
    return time.monotonic() - start


def within(seconds, least, most):
    return least <= seconds <= most * TIME_SCALE


def test_idle(proxied, serve):
    proxy, address = proxied(serve(echo), backend_keys={"timeouts": {"idle": "600ms"}})
    with connect(address) as client:
        assert round_trip(client)
        assert within(seconds_until_closed(client), 0.5, 2.5)
    wait_for(lambda: proxy.reasons() == {("idle_timeout", "us"): 1}, "it is counted")


def test_traffic_in_either_direction_is_not_idle(proxied, serve):
    """Every byte starts the idle time again, whichever way it goes."""
    def talk_then_listen(accepted, _server):
        for _ in range(6):
            accepted.sendall(b".")
            time.sleep(0.25)
        echo(accepted, None)

    proxy, address = proxied(serve(talk_then_listen), backend_keys={"timeouts": {"idle": "900ms"}})
    with connect(address) as client:
        assert read_exactly(client, 6) == b"......"
        for _ in range(6):
            assert round_trip(client)
            time.sleep(0.25)
    wait_for(lambda: proxy.reasons() == {("client_closed", "client"): 1}, "ended by the client")


def test_idle_off(proxied, serve):
    _, address = proxied(serve(echo), backend_keys={"timeouts": {"idle": 0}})
    with connect(address) as client:
        assert round_trip(client)
        client.settimeout(1.2)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_connect(proxied, unanswering):
    proxy, address = proxied({"name": "s1", "address": unanswering[0], "port": unanswering[1]},
                             backend_keys={"timeouts": {"connect": "500ms"}, "retries": 0})
    with connect(address) as client:
        assert within(seconds_until_closed(client), 0.4, 3)
    wait_for(lambda: proxy.reasons() == {("connect_timeout", "server"): 1}
             or proxy.reasons() == {("connect_timeout", "us"): 1}, "it is counted")
    assert proxy.server("s1")["errors"] == 1


def test_connect_then_the_next_server(proxied, serve, unanswering):
    proxy, address = proxied({"name": "s1", "address": unanswering[0], "port": unanswering[1]},
                             serve(name_of("second")), workers=1,
                             backend_keys={"timeouts": {"connect": "300ms"}})
    assert [ask_name(address) for _ in range(4)] == ["second"] * 4
    assert proxy.server("s1")["retries"] >= 1
    wait_for(lambda: sum(proxy.reasons().values()) == 4, "four endings")


def test_the_session_shows_connecting(proxied, unanswering):
    proxy, address = proxied({"name": "s1", "address": unanswering[0], "port": unanswering[1]},
                             backend_keys={"timeouts": {"connect": "3s"}, "retries": 0})
    with connect(address):
        wait_for(lambda: [row["state"] for row in proxy.sessions()] == ["connecting"],
                 "the session is connecting", 3)
