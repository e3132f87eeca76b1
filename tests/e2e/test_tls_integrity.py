"""Every byte arrives as it was sent: version, suite, mode, amount, both ways."""

import hashlib
import random
import signal
import socket
import struct

import pytest

from harness import settings, tls
from harness.authority import Authority
from harness.clients import connect as connect_plain
from harness.sluice import server
from harness.thread_server import read_exactly

SIZES = 1, 2, 255, 16383, 16384, 16385, 65537, 300_001
BULK = settings.volume(13 << 20, 1 << 20)  # 65 MiB in the long suite
SUITES = [(tls.TLS12, suite) for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256",
                                           "ECDHE-ECDSA-AES256-GCM-SHA384",
                                           "ECDHE-ECDSA-CHACHA20-POLY1305")] + [(tls.TLS13, None)]
MODES = "offload", "reencrypt", "originate"

every_kind = pytest.mark.parametrize(
    "kind", [(mode, *suite) for mode in MODES for suite in SUITES],
    ids=lambda kind: f"{kind[0]} {kind[2] or 'TLS 1.3'}")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def shop(authority):
    return authority.issue("shop.test")


def payload(size, way):
    return random.Random(f"{size} {way}").randbytes(size)


def check_and_answer(accepted, _server):
    """Reads a length and so many bytes; answers their hash and as many bytes of its own."""
    while header := read_exactly(accepted, 8):
        size, = struct.unpack(">Q", header)
        accepted.sendall(hashlib.sha256(read_exactly(accepted, size)).digest())
        accepted.sendall(payload(size, "down"))


@pytest.fixture
def client_of(serve, serve_tls, proxied, authority, shop):
    """client_of(kind) -> a connection through the proxy, as the mode wants it."""
    def start(kind, handler=check_and_answer):
        mode, version, suite = kind
        context = tls.client_context(authority, version)
        if suite is not None:
            context.set_ciphers(suite)
        keys = {"ssl_offload": True}
        if mode == "offload":
            app = serve(handler)
        else:
            app = serve_tls(handler, shop, version)
            if suite is not None:
                app.context.set_ciphers(suite)
            keys = {"tls": mode == "originate", "server_name": "shop.test", "ca_bundle": "ours"}
        top = {"ca_bundles": [tls.bundle("ours", authority)]} if mode != "offload" else {}
        front = {}
        if mode != "originate":
            front = {"tls": {"certificates": ["shop"]}}
            top["certificates"] = [tls.entry("shop", shop)]
        _, address = proxied(server("s1", app, **keys), frontend_keys=front, **top)
        return connect_plain(address) if mode == "originate" else tls.connect(address, context)
    return start


def exchange(client, size):
    client.sendall(struct.pack(">Q", size) + payload(size, "up"))
    assert read_exactly(client, 32) == hashlib.sha256(payload(size, "up")).digest()
    assert read_exactly(client, size) == payload(size, "down")


@every_kind
def test_amounts_around_every_boundary(client_of, kind):
    with client_of(kind) as client:
        for size in SIZES:
            exchange(client, size)


@pytest.mark.heavy
@every_kind
def test_bulk(client_of, kind):
    with client_of(kind) as client:
        exchange(client, BULK)


@every_kind
def test_writes_of_any_size(client_of, kind):
    """Records and segments of every length, cut where chance has it."""
    chance, size = random.Random(str(kind)), 400_000
    data = struct.pack(">Q", size) + payload(size, "up")
    with client_of(kind) as client:
        place = 0
        while place < len(data):
            step = chance.choice((1, 2, 100, 1500, 16_384, 16_385, 40_000)) + chance.randrange(3)
            client.sendall(data[place:place + step])
            place += step
        assert read_exactly(client, 32) == hashlib.sha256(payload(size, "up")).digest()
        assert read_exactly(client, size) == payload(size, "down")


BLOCK, HUGE = 1 << 20, 1 << 30


def blocks(size, way):
    """So many bytes in blocks that no other one can be taken for."""
    body = payload(BLOCK, way)
    return (struct.pack(">Q", number) + body[8:] for number in range(size // BLOCK))


def check_and_answer_blocks(accepted, _server):
    """As check_and_answer(), without holding all of it."""
    size, = struct.unpack(">Q", read_exactly(accepted, 8))
    expect_blocks(accepted, size, "up")
    send_blocks(accepted, size, "down")


def send_blocks(to, size, way):
    for block in blocks(size, way):
        to.sendall(block)


def expect_blocks(source, size, way):
    for number, block in enumerate(blocks(size, way)):
        assert read_exactly(source, BLOCK) == block, number


@pytest.mark.long
@every_kind
def test_a_gibibyte(client_of, kind):
    """Up, then down."""
    signal.alarm(int(600 * settings.TIME_SCALE))  # in place of the deadline of every test
    with client_of(kind, check_and_answer_blocks) as client:
        client.sendall(struct.pack(">Q", HUGE))
        send_blocks(client, HUGE, "up")
        expect_blocks(client, HUGE, "down")


@every_kind
def test_a_reader_with_a_small_window(client_of, kind):
    with client_of(kind) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        client.sendall(struct.pack(">Q", 1 << 20) + payload(1 << 20, "up"))
        read_exactly(client, 32)
        pieces = bytearray()
        while len(pieces) < 1 << 20:
            piece = client.recv(997)
            assert piece
            pieces += piece
        assert pieces == payload(1 << 20, "down")
