"""Running out of descriptors degrades and recovers; it neither spins nor ends the process."""

import time

from harness import process, settings
from harness.clients import connect, round_trip
from harness.thread_server import echo
from harness.waiting import wait_for


def few_descriptors(count):
    return ["prlimit", f"--nofile={count}:{count}", "--"]


def test_descriptor_exhaustion(proxied, serve):
    """128 descriptors, 200 clients: some are served, some refused, the others wait; when the first
    ones go, the waiting ones get their turn."""
    proxy, address = proxied(serve(echo), launcher=few_descriptors(128), workers=1)
    waiting, answered = [], []
    for _ in range(200):
        client = connect(address)
        client.sendall(b"hello")
        client.settimeout(0.0)
        waiting.append(client)

    def look():
        for client in list(waiting):
            if is_answered(client):
                waiting.remove(client)
                answered.append(client)
        return len(answered)

    wait_for(lambda: look() > 20, "some are answered")
    assert process.descriptors(proxy.pid) <= 128
    before, start = process.cpu_seconds(proxy.pid), time.monotonic()
    while time.monotonic() - start < 1:
        assert proxy.running.is_running()
        time.sleep(0.1)
    assert process.cpu_seconds(proxy.pid) - before < 0.5, "it does not spin"
    while waiting:
        for client in answered:
            client.close()
        answered.clear()
        wait_for(look, "the next ones are answered", 15)
    for client in answered:
        client.close()
    wait_for(lambda: proxy.status()["sessions"] == 0, "all are over")
    with connect(address) as client:
        assert round_trip(client)
    assert shortages(proxy), "it is counted"


def shortages(proxy):
    """How often the proxy said that it had no descriptor for a client."""
    return sum(row["accept_pauses"] for row in proxy.status()["workers"]) \
        + proxy.frontend("front")["refused"]


def is_answered(client):
    """Served, or refused: with an end or a reset."""
    try:
        client.recv(100)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def test_the_admin_socket_works_while_descriptors_are_short(proxied, serve):
    """The operator can look even then."""
    proxy, address = proxied(serve(echo), launcher=few_descriptors(128), workers=1)
    clients = [connect(address) for _ in range(150)]
    wait_for(lambda: process.descriptors(proxy.pid) > 80, "the limit is near")
    assert proxy.status()["sessions"] > 10
    assert proxy.lbstat("sessions").stdout
    for client in clients:
        client.close()
    wait_for(lambda: proxy.status()["sessions"] == 0, "all gone")


def test_bulk_with_few_descriptors_copies(proxied, serve):
    """No descriptor for a pipe: the transfer goes on by copying."""
    size = 4 << 20

    def source(accepted, _server):
        accepted.recv(1)
        accepted.sendall(b"z" * size)

    proxy, address = proxied(serve(source), launcher=few_descriptors(96), workers=1)
    clients = [connect(address) for _ in range(60)]
    wait_for(lambda: shortages(proxy), "none is left for sessions")
    served = clients[:10]
    for client in served:
        client.sendall(b"!")
    for client in served:
        left = size
        while left and (part := client.recv(1 << 16)):
            left -= len(part)
        assert left == 0
    for client in clients:
        client.close()


def test_idle_sessions_are_small(proxied, serve):
    """2 KB of process memory for an idle session, at most (measured between 500 and 2,500)."""
    proxy, address = proxied(serve(echo), workers=1)

    def open_clients(count):
        clients = [connect(address) for _ in range(count)]
        for client in clients:
            assert round_trip(client)
        return clients

    first = open_clients(500)
    before = process.resident_kib(proxy.pid)
    more = open_clients(2000)
    grown = process.resident_kib(proxy.pid) - before
    for client in first + more:
        client.close()
    wait_for(lambda: proxy.status()["sessions"] == 0, "all gone", 30)
    if not settings.SANITIZED:
        assert grown * 1024 / 2000 <= 2048, f"{grown * 1024 / 2000:.0f} bytes a session"
