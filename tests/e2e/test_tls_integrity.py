"""Every byte arrives as it was sent: version, suite, gear, mode, amount, both ways.

Keys that change meanwhile are in test_tls_midstream.py, ends in test_tls_ends.py."""

import hashlib
import random
import signal
import socket
import struct

import pytest

from harness import ktls, modes, settings, tls
from harness.thread_server import read_exactly

SIZES = 1, 2, 255, 16383, 16384, 16385, 65537, 300_001
BULK = settings.volume(13 << 20, 1 << 20)  # 65 MiB in the long suite
SUITES = [(tls.TLS12, suite) for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256",
                                           "ECDHE-ECDSA-AES256-GCM-SHA384",
                                           "ECDHE-ECDSA-CHACHA20-POLY1305")]
SUITES += [(tls.TLS13, suite) for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                            "TLS_CHACHA20_POLY1305_SHA256")]

KINDS = [(mode, *suite) for mode in modes.NAMES for suite in SUITES]


def in_words(value):
    return value if isinstance(value, str) else f"{value[0]} {value[2]}"


every_kind = pytest.mark.parametrize("kind", KINDS, ids=in_words)


def payload(size, way):
    return random.Random(f"{size} {way}").randbytes(size)


def check_and_answer(accepted, _server, most=1 << 18):
    """Reads a length and so many bytes; answers their hash and as many bytes of its own."""
    while header := read_exactly(accepted, 8):
        size, = struct.unpack(">Q", header)
        accepted.sendall(hashlib.sha256(read_exactly(accepted, size, most)).digest())
        accepted.sendall(payload(size, "down"))


@pytest.fixture
def of_kind(passage, authority, shop):
    """of_kind(kind, handler=, ...) -> a Passage."""
    def start(kind, handler=check_and_answer, **top):
        mode, version, suite = kind
        return passage(authority, shop, mode, handler, version=version, suite=suite, **top)
    return start


def exchange(client, size, most=1 << 18):
    client.sendall(struct.pack(">Q", size) + payload(size, "up"))
    assert read_exactly(client, 32) == hashlib.sha256(payload(size, "up")).digest()
    assert read_exactly(client, size, most) == payload(size, "down")


@ktls.GEARS
@every_kind
def test_amounts_around_every_boundary(of_kind, kind, gear):
    here = of_kind(kind, ktls=gear)
    with here.connect() as client:
        for size in SIZES:
            exchange(client, size)
        ktls.expect_gear(here.proxy, gear)


@pytest.mark.heavy
@every_kind
def test_bulk(of_kind, kind):
    with of_kind(kind).connect() as client:
        exchange(client, BULK)


@every_kind
def test_writes_of_any_size(of_kind, kind):
    """Records and segments of every length, cut where chance has it."""
    chance, size = random.Random(str(kind)), 400_000
    data = struct.pack(">Q", size) + payload(size, "up")
    with of_kind(kind).connect() as client:
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
@pytest.mark.parametrize("gear", ["off", pytest.param("on", marks=ktls.with_module, id="kernel")])
@every_kind
def test_a_gibibyte(of_kind, kind, gear):
    """Up, then down."""
    signal.alarm(int(600 * settings.TIME_SCALE))  # in place of the deadline of every test
    here = of_kind(kind, check_and_answer_blocks, ktls=gear)
    with here.connect() as client:
        client.sendall(struct.pack(">Q", HUGE))
        send_blocks(client, HUGE, "up")
        expect_blocks(client, HUGE, "down")
        ktls.expect_gear(here.proxy, gear)


def with_a_small_window(one):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    return one


@pytest.mark.parametrize(
    "kind, gear", [(kind, "off") for kind in KINDS] +
    [ktls.in_kernel(kind, "on") for kind in KINDS if "AES128" in kind[2].replace("_", "")],
    ids=in_words)
def test_readers_with_small_windows(of_kind, kind, gear):
    """At both ends."""
    def slowly(accepted, server):
        check_and_answer(with_a_small_window(accepted), server, 997)

    here = of_kind(kind, slowly, ktls=gear)
    with with_a_small_window(here.connect()) as client:
        exchange(client, settings.volume(1 << 20, 1 << 18), 997)
        ktls.expect_gear(here.proxy, gear)
