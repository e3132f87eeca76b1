"""Every byte arrives, once and in order: both ways at once, compared by digest at both ends."""

import hashlib
import os
import socket
import struct
import threading

import pytest

from harness.clients import connect
from harness.settings import volume
from harness.thread_server import read_exactly
from harness.waiting import wait_for

BLOCK = os.urandom(1 << 20)
HEADER = struct.Struct("!QQQ")  # id, bytes up, bytes down


def send_pattern(one, size, chunk):
    """Sends `size` bytes, no two blocks alike, and returns their digest."""
    digest, sent = hashlib.blake2b(), 0
    while sent < size:
        at = (sent * 7919) % (len(BLOCK) - chunk)
        part = struct.pack("!Q", sent) + BLOCK[at:at + chunk]
        part = part[:size - sent]
        one.sendall(part)
        digest.update(part)
        sent += len(part)
    return digest.hexdigest()


def receive(one, size, chunk):
    """Receives exactly `size` bytes in reads of at most `chunk`; returns (count, digest)."""
    digest, count = hashlib.blake2b(), 0
    while count < size:
        part = one.recv(min(chunk, size - count))
        if not part:
            break
        digest.update(part)
        count += len(part)
    return count, digest.hexdigest()


def exchange(one, send_bytes, receive_bytes, read_chunk):
    """Both directions at once; returns (digest sent, (count, digest) received)."""
    sent = []
    sender = threading.Thread(target=lambda: sent.append(send_pattern(one, send_bytes, 60000)))
    sender.start()
    got = receive(one, receive_bytes, read_chunk)
    sender.join()
    return sent[0] if sent else None, got


def partner(read_chunk=1 << 18, receive_buffer=None):
    """A handler that does the other half of `exchange` and records what it sent and got."""
    def handler(accepted, server):
        if receive_buffer:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        number, up, down = HEADER.unpack(read_exactly(accepted, HEADER.size))
        server.records[number] = exchange(accepted, down, up, read_chunk)
        accepted.shutdown(socket.SHUT_WR)
        accepted.recv(1)
    return handler


def transfer(address, server, up, down, number=1, read_chunk=1 << 18, receive_buffer=None):
    """One exchange through the proxy, compared."""
    with connect(address, seconds=120) as client:
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.sendall(HEADER.pack(number, up, down))
        sent, got = exchange(client, up, down, read_chunk)
        assert client.recv(1) == b"", "the server's end arrives, and nothing before it"
    server_sent, server_got = wait_for(lambda: server.records.get(number), "the server is done")
    assert server_got == (up, sent)
    assert got == (down, server_sent)


@pytest.mark.parametrize("splice", ["auto", "off"])
@pytest.mark.parametrize("size", [0, 1, 1000, 65536, (1 << 20) + 1, 32 << 20, 128 << 20])
def test_both_ways(size, splice, proxied, serve):
    size = volume(size) if size > 1 << 20 else size
    server = serve(partner())
    _, address = proxied(server, splice=splice)
    transfer(address, server, size, size)


@pytest.mark.smoke
@pytest.mark.parametrize(("up", "down"), [(64 << 20, 0), (0, 64 << 20), (64 << 20, 1000)])
def test_one_way(up, down, proxied, serve):
    server = serve(partner())
    _, address = proxied(server)
    transfer(address, server, volume(up), volume(down) if down > 1000 else down)


@pytest.mark.smoke
@pytest.mark.parametrize("splice", ["auto", "off"])
def test_slow_readers_on_both_ends(splice, proxied, serve):
    """Small receive buffers and small reads: every path through backpressure. (Buffers smaller
    still only wait for the kernel's timers: 4 KiB carries 40 KB/s without any proxy.)"""
    server = serve(partner(read_chunk=3000, receive_buffer=16384))
    _, address = proxied(server, splice=splice)
    size = volume(1 << 20, least=300_000)
    transfer(address, server, size, size, read_chunk=1000, receive_buffer=16384)


def test_many_at_once(proxied, serve):
    server = serve(partner())
    _, address = proxied(server)
    failures = []

    def one(number):
        try:
            transfer(address, server, volume(2 << 20) + number, volume(3 << 20) - number, number)
        except Exception as error:  # reported below, with its number
            failures.append((number, error))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.smoke
def test_a_reader_that_stops_stops_the_writer(proxied, serve):
    """Backpressure: what the client may send before the server reads is bounded, then all of it
    arrives."""
    release = threading.Event()

    def read_later(accepted, server):
        release.wait(60)
        server.records["got"] = receive(accepted, 1 << 40, 1 << 18)

    server = serve(read_later)
    proxy, address = proxied(server)
    with connect(address) as client:
        client.settimeout(0.5)
        digest, sent = hashlib.blake2b(), 0
        with pytest.raises(TimeoutError):
            while sent < 1 << 30:
                count = client.send(BLOCK)
                digest.update(BLOCK[:count])
                sent += count
        assert sent < 64 << 20, "a stopped reader must stop the writer"
        row = proxy.server("s1")
        assert row["bytes_in"] <= sent
        release.set()
    count, got = wait_for(lambda: server.records.get("got"), "the server read to the end")
    assert (count, got) == (sent, digest.hexdigest())


@pytest.mark.smoke
def test_bulk_is_spliced_and_chat_is_copied(proxied, serve):
    """The adaptive relay shows what it does: copy at first, splice once it is bulk."""
    stop = threading.Event()

    def flood(accepted, _server):
        read_exactly(accepted, 1)
        while not stop.is_set():
            accepted.sendall(BLOCK)

    proxy, address = proxied(serve(flood))
    with connect(address) as client:
        row = wait_for(proxy.sessions, "the session is listed")[0]
        assert (row["relay_in"], row["relay_out"]) == ("copy", "copy")
        client.sendall(b"!")

        def spliced():
            for _ in range(50):
                client.recv(1 << 20)
            return proxy.sessions()[0]["relay_out"] == "splice"

        wait_for(spliced, "bulk to the client is spliced")
        assert proxy.sessions()[0]["relay_in"] == "copy", "the quiet direction stays as it is"
        stop.set()


def test_splice_off_means_off(proxied, serve):
    server = serve(partner())
    proxy, address = proxied(server, splice="off")
    transfer(address, server, volume(16 << 20), volume(16 << 20))
    assert sum(worker["promotions"] for worker in proxy.status()["workers"]) == 0
