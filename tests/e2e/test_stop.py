"""SIGTERM and SIGQUIT: no new connection, the old ones get their time, exit status 0."""

import signal
import time

import pytest

from harness.addresses import accepts
from harness.clients import connect, ending_of, round_trip
from harness.settings import TIME_SCALE
from harness.thread_server import echo
from harness.waiting import holds_for, wait_for

pytestmark = pytest.mark.smoke


def test_term_without_sessions_is_quick(proxied, serve):
    proxy, address = proxied(serve(echo), stop_timeout="30s")
    start = time.monotonic()
    proxy.running.send(signal.SIGTERM)
    assert proxy.running.wait() == 0
    assert time.monotonic() - start < 3 * TIME_SCALE
    assert not accepts(address)
    assert not proxy.socket.exists(), "the admin socket is removed"


def test_term_closes_after_stop_timeout(proxied, serve):
    proxy, address = proxied(serve(echo), stop_timeout="1s")
    with connect(address) as client:
        assert round_trip(client)
        start = time.monotonic()
        proxy.running.send(signal.SIGTERM)
        wait_for(lambda: not accepts(address), "it stops accepting at once", 0.8)
        assert round_trip(client), "sessions go on until then"
        ending_of(client)
        assert time.monotonic() - start >= 0.9
        assert proxy.running.wait() == 0
        assert time.monotonic() - start < 4 * TIME_SCALE
    wait_for(lambda: "stopped" in proxy.log(), "the log tells why")


def test_term_ends_with_the_last_session(proxied, serve):
    proxy, address = proxied(serve(echo), stop_timeout="60s")
    with connect(address) as client:
        assert round_trip(client)
        start = time.monotonic()
        proxy.running.send(signal.SIGTERM)
        wait_for(lambda: not accepts(address), "it stops accepting")
        assert round_trip(client)
    assert proxy.running.wait() == 0
    assert time.monotonic() - start < 10 * TIME_SCALE


def test_quit_waits_for_the_last_session(proxied, serve):
    """However long it takes: stop_timeout is for SIGTERM."""
    proxy, address = proxied(serve(echo), stop_timeout="200ms")
    with connect(address) as client:
        assert round_trip(client)
        proxy.running.send(signal.SIGQUIT)
        wait_for(lambda: not accepts(address), "it stops accepting")
        holds_for(proxy.running.is_running, "it waits for the session", 1.0)
        assert round_trip(client)
        status = proxy.status()
        assert status["stopping"], "status says so"
    assert proxy.running.wait() == 0


def test_term_after_quit(proxied, serve):
    """Who lost patience with SIGQUIT uses SIGTERM."""
    proxy, address = proxied(serve(echo), stop_timeout="300ms")
    with connect(address) as client:
        assert round_trip(client)
        proxy.running.send(signal.SIGQUIT)
        wait_for(lambda: not accepts(address), "it stops accepting")
        proxy.running.send(signal.SIGTERM)
        ending_of(client)
        assert proxy.running.wait() == 0


def test_a_connection_that_is_being_made_when_it_stops(proxied, serve):
    """Fifty sessions in all states: every one is ended and the exit status is 0."""
    proxy, address = proxied(serve(echo), stop_timeout="500ms")
    clients = [connect(address) for _ in range(50)]
    for client in clients[::2]:
        client.sendall(b"x" * 100_000)
    for client in clients[::5]:
        client.shutdown(1)
    proxy.running.send(signal.SIGTERM)
    assert proxy.running.wait() == 0
    for client in clients:
        ending_of(client)
        client.close()
