"""A reset travels on as a reset, after the bytes that came before it, and is counted."""

import random
import threading

import pytest

from harness import process
from harness.clients import connect, ending_of, round_trip
from harness.settings import volume
from harness.thread_server import echo, read_exactly, read_to_end, reset
from harness.waiting import wait_for

SIZES = [0, 10, 100_000]

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize("size", SIZES)
def test_from_the_server(size, proxied, serve):
    """The client reads what the server sent before it died, then the reset."""
    read = threading.Event()

    def send_and_reset(accepted, _server):
        accepted.sendall(b"s" * size)
        read.wait(30)
        reset(accepted)

    proxy, address = proxied(serve(send_and_reset))
    with connect(address) as client:
        assert len(read_exactly(client, size)) == size
        wait_for(lambda: proxy.sessions(), "the session is there")
        read.set()
        assert ending_of(client) == (b"", "reset")
    wait_for(lambda: proxy.reasons() == {("server_reset", "server"): 1}, "counted as the server's")


@pytest.mark.parametrize("size", SIZES)
def test_from_the_client(size, proxied, serve):
    seen = {}

    def watch(accepted, _server):
        seen["bytes"] = read_exactly(accepted, size)
        accepted.sendall(b"!")
        seen["ending"] = ending_of(accepted)

    proxy, address = proxied(serve(watch))
    with connect(address) as client:
        client.sendall(b"c" * size)
        assert read_exactly(client, 1) == b"!"
        reset(client)
    wait_for(lambda: "ending" in seen, "the server sees the end")
    assert len(seen["bytes"]) == size
    assert seen["ending"] == (b"", "reset")
    wait_for(lambda: proxy.reasons() == {("client_reset", "client"): 1}, "counted as the client's")


@pytest.mark.parametrize("splice", ["auto", "off"])
def test_bytes_before_the_reset_arrive_at_a_slow_reader(splice, proxied, serve):
    """What Sluice has read before the reset it delivers, however slow the client reads."""
    size = 200_000

    def send_and_reset(accepted, server):
        accepted.sendall(b"s" * size)
        read_exactly(accepted, 1)          # the client has begun to read: all of it left here
        reset(accepted)
        server.records["reset"] = True

    server = serve(send_and_reset)
    proxy, address = proxied(server, splice=splice)
    with connect(address) as client:
        wait_for(lambda: proxy.server("s1")["bytes_out"] == size, "Sluice passed it all on")
        client.sendall(b"!")
        wait_for(lambda: server.records.get("reset"), "the server reset")
        got, ending = ending_of(client)
        assert (len(got), ending) == (size, "reset")


def test_no_reset_to_a_side_that_ended_cleanly(proxied, serve):
    """After a clean end of the server's direction the client's reset is passed to the server; the
    client read a complete answer before it."""
    def answer(accepted, server):
        accepted.sendall(b"all of it")
        accepted.shutdown(1)
        server.records["ending"] = ending_of(accepted)

    server = serve(answer)
    _, address = proxied(server)
    with connect(address) as client:
        assert read_to_end(client) == b"all of it"
        reset(client)
    assert wait_for(lambda: server.records.get("ending"), "the server sees it") == (b"", "reset")


@pytest.mark.heavy
def test_thousands_of_resets_at_random_moments(proxied, serve):
    """5,000 connections, reset by either end somewhere in the middle: everything back to zero."""
    total = volume(5000, least=200)
    dice = random.Random(20261122)

    def reset_at_some_point(accepted, _server):
        left = random.randint(0, 30000)
        while left > 0 and (data := accepted.recv(4096)):
            accepted.sendall(data)
            left -= len(data)
        if random.random() < 0.5:
            reset(accepted)

    server = serve(reset_at_some_point)
    proxy, address = proxied(server)
    for _ in range(50):
        with warm(address) as client:
            ending_of(client)
    wait_for(lambda: proxy.status()["sessions"] == 0, "warm and empty")
    before = process.descriptors(proxy.pid)

    def some(count, seed):
        own = random.Random(seed)
        for _ in range(count):
            try:
                client = connect(address)
                for _ in range(own.randint(0, 8)):
                    client.sendall(b"r" * own.randint(1, 6000))
                    if own.random() < 0.5:
                        client.recv(own.randint(1, 6000))
                reset(client) if own.random() < 0.7 else client.close()
            except OSError:
                client.close()

    threads = [threading.Thread(target=some, args=(total // 8, dice.random())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything_is_back_to_zero(proxy, server, total // 8 * 8 + 50, before)


def warm(address):
    """A client that has sent its request and finished."""
    client = connect(address)
    client.sendall(b"w" * 100)
    client.shutdown(1)
    return client


def everything_is_back_to_zero(proxy, server, total, descriptors_before):
    wait_for(lambda: proxy.status()["sessions"] == 0, "no session is left", 30)
    assert proxy.sessions() == []
    assert server.current == 0 or wait_for(lambda: server.current == 0, "nor at the server")
    for row in (proxy.frontend("front"), proxy.server("s1")):
        assert row["current"] == 0
    assert proxy.frontend("front")["total"] == total
    assert sum(proxy.reasons().values()) == total, proxy.reasons()
    assert not [key for key in proxy.reasons() if key[0] == "internal"]
    wait_for(lambda: process.descriptors(proxy.pid) <= descriptors_before + 8,
             f"descriptors are back at about {descriptors_before} (pooled pipes may stay)")
    with_buffers = [worker for worker in proxy.status()["workers"] if worker["buffers_in_use"]]
    assert with_buffers == [], "a receive buffer leaked"


def test_the_proxy_serves_on_after_resets(proxied, serve):
    _, address = proxied(serve(echo))
    for _ in range(50):
        client = connect(address)
        client.sendall(b"x" * 50000)
        reset(client)
    with connect(address) as client:
        assert round_trip(client)
