"""One end finishes sending; the other direction stays open until it is done or times out."""

import socket
import threading
import time

import pytest

from harness import process
from harness.addresses import text
from harness.clients import connect, ending_of, round_trip
from harness.thread_server import answer_at_end, read_exactly, read_to_end
from harness.waiting import wait_for

pytestmark = pytest.mark.smoke


def test_client_finishes_first(proxied, serve):
    _, address = proxied(serve(answer_at_end))
    question = b"x" * (4 << 20)
    with connect(address) as client:
        client.sendall(question)
        client.shutdown(socket.SHUT_WR)
        assert ending_of(client) == (b"got:" + question, "closed")


def test_server_finishes_first(proxied, serve):
    def greet_and_listen(accepted, server):
        accepted.sendall(b"tell me all")
        accepted.shutdown(socket.SHUT_WR)
        server.records["got"] = read_to_end(accepted)

    server = serve(greet_and_listen)
    _, address = proxied(server)
    story = b"y" * (4 << 20)
    with connect(address) as client:
        assert read_to_end(client) == b"tell me all"
        client.sendall(story)
    assert wait_for(lambda: server.records.get("got"), "the server heard the end") == story


def test_socat_and_netcat(proxied, serve):
    """The two that people reach for: both send, finish, and wait for the answer."""
    _, address = proxied(serve(answer_at_end))
    words = "printed by a pipe"
    socat = process.run("socat", "-t", "10", "-", f"TCP:{text(address)}", input=words)
    netcat = process.run("nc", "-N", address[0], address[1], input=words)
    assert socat.stdout == netcat.stdout == "got:" + words


def test_half_closed_has_its_own_timeout(proxied, serve):
    """A server that never answers after the client's end holds nothing for ever."""
    over = threading.Event()

    def never_answer(accepted, _server):
        read_to_end(accepted)
        over.wait(60)

    proxy, address = proxied(serve(never_answer),
                             backend_keys={"timeouts": {"half_closed": "700ms"}})
    with connect(address) as client:
        client.sendall(b"z")
        start = time.monotonic()
        client.shutdown(socket.SHUT_WR)
        wait_for(lambda: [row["state"] for row in proxy.sessions()] == ["half_closed"],
                 "the session shows half_closed", 2)
        ending_of(client)
        assert time.monotonic() - start >= 0.6
    over.set()
    wait_for(lambda: proxy.reasons() == {("half_closed_timeout", "us"): 1}, "it is counted")
    assert proxy.sessions() == []


def test_traffic_goes_on_in_the_open_direction(proxied, serve):
    """half_closed counts from the last byte of the direction that is still open."""
    def trickle(accepted, _server):
        read_to_end(accepted)
        for _ in range(10):
            accepted.sendall(b".")
            time.sleep(0.2)

    _, address = proxied(serve(trickle), backend_keys={"timeouts": {"half_closed": "1s"}})
    with connect(address) as client:
        client.shutdown(socket.SHUT_WR)
        assert ending_of(client) == (b"." * 10, "closed")


def test_both_finish(proxied, serve):
    def echo_then_finish(accepted, _server):
        accepted.sendall(read_exactly(accepted, 4))

    proxy, address = proxied(serve(echo_then_finish))
    with connect(address) as client:
        assert round_trip(client)
        assert ending_of(client) == (b"", "closed")
    wait_for(lambda: sum(proxy.reasons().values()) == 1, "one ending")
    assert proxy.reasons() == {("server_closed", "server"): 1}
