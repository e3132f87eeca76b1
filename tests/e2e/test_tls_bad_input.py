"""What is no TLS handshake: the right alert, or a close with a reason; never a server's trouble."""

import contextlib
import socket
import ssl
import struct

import pytest
from harness import tls
from harness.clients import connect as connect_plain
from harness.clients import ending_of, round_trip
from harness.process import cpu_seconds, resident_kib
from harness.sluice import server
from harness.thread_server import echo
from harness.waiting import wait_for

ALERT, HANDSHAKE = 21, 22
UNEXPECTED_MESSAGE, RECORD_OVERFLOW, HANDSHAKE_FAILURE = 10, 22, 40
DECODE_ERROR, PROTOCOL_VERSION = 50, 70


@pytest.fixture
def offload(serve, proxied, authority):
    """offload() -> (Sluice, its address, the server)."""
    def start(**timeouts):
        app = serve(echo)
        keys = {"tls": {"certificates": ["shop"]}}
        if timeouts:
            keys["timeouts"] = timeouts
        proxy, address = proxied(server("s1", app, ssl_offload=True), frontend_keys=keys,
                                 certificates=[tls.entry("shop", authority.issue("shop.test"))])
        return proxy, address, app
    return start


def record(kind, body, version=0x0301):
    return struct.pack(">BHH", kind, version, len(body)) + body


def client_hello():
    """The first flight of a real client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="shop.test")
    with pytest.raises(ssl.SSLWantReadError):
        one.do_handshake()
    return outgoing.read()


def alert_of(data):
    """The description of the fatal alert that the bytes end with."""
    assert (data[-7], data[-6], data[-4:-1]) == (ALERT, 3, b"\0\2\2"), data
    return data[-1]


def hello_of_version(version):
    body = struct.pack(">H", version) + bytes(32) + b"\0" + b"\0\2\x00\x2f" + b"\1\0"
    return record(HANDSHAKE, b"\1" + len(body).to_bytes(3, "big") + body)


BAD = {
    "http": (b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n", None, "http request"),
    "garbage": (bytes(range(200, 256)) * 20, None, "wrong version number"),
    "an alert first": (record(ALERT, b"\2\x28"), None, ""),
    "data first": (record(23, b"hello"), UNEXPECTED_MESSAGE, ""),
    "an oversized record": (record(HANDSHAKE, b"\1" * 18000), RECORD_OVERFLOW, ""),
    "an oversized hello": (record(HANDSHAKE, b"\1\xff\xff\xff" + b"x" * 1000), None, ""),
    "another message": (record(HANDSHAKE, b"\x10\0\0\4abcd"), UNEXPECTED_MESSAGE, ""),
    "a hello that lies": (record(HANDSHAKE, b"\1\0\0\x26\3\3" + bytes(32) + b"\xff\0\0\0"),
                          DECODE_ERROR, ""),
    "SSL 3": (hello_of_version(0x0300), HANDSHAKE_FAILURE, ""),
    "TLS 1.1": (hello_of_version(0x0302), PROTOCOL_VERSION, ""),
    "empty records": (record(HANDSHAKE, b"") * 50, None, ""),
}


@pytest.mark.parametrize("kind", BAD)
def test_refused_at_once_with_a_reason(offload, kind):
    sent, alert, words = BAD[kind]
    proxy, address, app = offload()
    with connect_plain(address) as client:
        client.sendall(sent)
        answer, _ = ending_of(client)
    if alert is not None:
        assert alert_of(answer) == alert
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 1}, "it is counted")
    wait_for(lambda: 'problem="' in proxy.log() and words in proxy.log(), "the log says why")
    assert app.accepted == 0
    assert proxy.frontend("front")["errors"] == 1


def test_the_alert_reaches_who_is_still_sending(offload):
    """Bytes that nobody reads would turn our close into a reset, which overtakes the alert."""
    proxy, address, _ = offload()
    with connect_plain(address) as client:
        client.sendall(record(HANDSHAKE, b"\x10\0\0\4abcd") + bytes(200_000))
        client.sendall(bytes(200_000))
        answer, how = ending_of(client)
        assert (alert_of(answer), how) == (UNEXPECTED_MESSAGE, "closed")
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 1}, "it is counted")


HELLO_120K = b"\1" + (120_000).to_bytes(3, "big") + bytes(120_000)


@pytest.mark.parametrize("size", [1, 100, 16_000])
def test_a_huge_hello_in_fragments_is_bounded(offload, size):
    """120 KB are within what OpenSSL takes as one message; what we hold of it has limits."""
    proxy, address, app = offload()
    before = resident_kib(proxy.pid)
    clients = [connect_plain(address) for _ in range(20)]
    pieces = [HELLO_120K[at:at + size] for at in range(0, len(HELLO_120K), size)]
    flight = b"".join(record(HANDSHAKE, piece) for piece in pieces)
    for client in clients:
        with contextlib.suppress(OSError):  # refused before its end
            client.sendall(flight)
    assert resident_kib(proxy.pid) - before < 20 * 512
    for client in clients:
        client.close()
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 20}, "all are refused")
    assert app.accepted == 0


@pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])
def test_a_huge_chain_of_a_client_is_refused(serve, proxied, authority, tmp_path, version):
    app = serve(echo)
    mine, key = authority.issue("me.test")
    chain = tmp_path / "chain.pem"
    chain.write_text(mine.read_text() + authority.certificate.read_text() * 300)
    frontend = {"tls": {"certificates": ["shop"], "client_ca": "mine"}}
    proxy, address = proxied(server("s1", app, ssl_offload=True), frontend_keys=frontend,
                             certificates=[tls.entry("shop", authority.issue("shop.test"))],
                             ca_bundles=[tls.bundle("mine", authority)])
    with pytest.raises(OSError):
        with tls.connect(address, tls.client_context(authority, version, (chain, key))) as client:
            round_trip(client)
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 1}, "it is refused")
    wait_for(lambda: "excessive message size" in proxy.log(), "the log says why")
    assert app.accepted == 0
    with tls.connect(address, tls.client_context(authority, version, (mine, key))) as client:
        assert round_trip(client)


@pytest.mark.parametrize("does", ["sends on and on", "stays and says nothing"])
def test_who_is_refused_does_not_stay(offload, does):
    """It is counted at once; what is thrown away after a refusal has limits in bytes and time."""
    proxy, address, _ = offload()
    with connect_plain(address) as client:
        client.sendall(record(HANDSHAKE, b"\x10\0\0\4abcd"))
        wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 1}, "it is counted")
        if does == "sends on and on":
            with pytest.raises(OSError):
                for _ in range(1000):
                    client.sendall(bytes(1 << 20))
        wait_for(lambda: proxy.status()["sessions"] == 0, "it is gone")


@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 9, 43, 100, -1])
def test_a_part_of_a_hello_and_an_end(offload, length):
    proxy, address, app = offload()
    hello = client_hello()
    with connect_plain(address) as client:
        client.sendall(hello[:length])
        client.shutdown(socket.SHUT_WR)
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons() == {("handshake_failed", "client"): 1}, "it is counted")
    assert app.accepted == 0


@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_a_part_of_a_hello_and_silence(offload, length):
    proxy, address, app = offload(handshake="300ms")
    with connect_plain(address) as client:
        client.sendall(client_hello()[:length])
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons() == {("handshake_timeout", "client"): 1}, "it is counted")
    assert app.accepted == 0


def test_byte_by_byte_is_fine(offload, authority):
    """Slow is not wrong: every split of the handshake's records is taken."""
    _, address, _ = offload()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = tls.client_context(authority)
    one = context.wrap_bio(incoming, outgoing, server_hostname="shop.test")
    with connect_plain(address) as client:
        def push():
            for byte in outgoing.read():
                client.sendall(bytes([byte]))

        def pull(call):
            while True:
                try:
                    result = call()
                    push()
                    return result
                except ssl.SSLWantReadError:
                    push()
                    incoming.write(client.recv(1 << 16))
        pull(one.do_handshake)
        one.write(b"hello")
        push()
        assert pull(lambda: one.read(5)) == b"hello"


def test_a_damaged_record_after_the_handshake(offload, authority):
    proxy, address, app = offload()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = tls.client_context(authority).wrap_bio(incoming, outgoing, server_hostname="shop.test")
    with connect_plain(address) as client:
        while True:
            try:
                one.do_handshake()
                client.sendall(outgoing.read())
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(1 << 16))
        one.write(b"good")
        client.sendall(outgoing.read())
        one.write(b"evil")
        data = bytearray(outgoing.read())
        data[-1] ^= 1
        client.sendall(data)
        while data := client.recv(1 << 16):
            incoming.write(data)
        incoming.write_eof()
        with pytest.raises(ssl.SSLError, match="bad record mac"):
            while one.read(1 << 16):
                pass
    wait_for(lambda: sum(proxy.reasons().values()) == 1, "it ended")
    assert list(proxy.reasons()) == [("client_reset", "client")]


def test_many_that_never_finish_cost_little_and_go(offload, authority):
    """Handshakes begun and left: bounded memory, no spinning, and others are served meanwhile."""
    proxy, address, _ = offload(handshake="2s")
    hello = client_hello()
    left = [connect_plain(address) for _ in range(200)]
    for one in left:
        one.sendall(hello)
    wait_for(lambda: proxy.status()["sessions"] >= 200, "all are there")
    with tls.connect(address, tls.client_context(authority)) as client:
        assert round_trip(client)
    before = cpu_seconds(proxy.pid)
    wait_for(lambda: proxy.reasons().get(("handshake_timeout", "client")) == 200, "all timed out")
    assert cpu_seconds(proxy.pid) - before < 1
    assert resident_kib(proxy.pid) < 200 * 1024
    for one in left:
        one.close()
