"""Keys that change and ends that come while bytes flow: nothing is lost, doubled or cut."""

import hashlib
import random
import re
import socket
import subprocess
import threading

import pytest

from harness import tls
from harness.addresses import free_address, text
from harness.authority import Authority
from harness.clients import connect
from harness.settings import TIME_SCALE
from harness.sluice import server
from harness.thread_server import read_exactly, read_to_end
from harness.waiting import wait_for

UPDATES = 12

VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])
MODES = pytest.mark.parametrize("mode", ["offload", "reencrypt"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def through(serve, serve_tls, proxied, authority):
    """through(handler, mode, version) -> (Sluice, its address)."""
    def start(handler, mode, version=None):
        shop = authority.issue("shop.test")
        keys = {"ssl_offload": True}
        if mode == "offload":
            app = serve(handler)
        else:
            app = serve_tls(handler, shop, version)
            keys = {"server_name": "shop.test", "ca_bundle": "ours"}
        return proxied(server("s1", app, **keys), certificates=[tls.entry("shop", shop)],
                       frontend_keys={"tls": {"certificates": ["shop"]}},
                       ca_bundles=[tls.bundle("ours", authority)])
    return start


def words(size, seed):
    """So many bytes that no program takes for a command or a line of its own."""
    return random.Random(seed).randbytes(size // 2).hex().encode()


def say_goodbye(accepted):
    """close_notify, where the connection has that."""
    if hasattr(accepted, "unwrap"):
        accepted.unwrap()


class OpenSsl:
    """A command of openssl that is typed to: what it prints of the connection is `out`, of its own
    doings `told`."""

    def __init__(self, *command):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(["openssl", *map(str, command)], stdin=pipe, stdout=pipe,
                                        stderr=pipe)
        self.out, self.told = bytearray(), bytearray()
        for stream, to in ((self.process.stdout, self.out), (self.process.stderr, self.told)):
            threading.Thread(target=self._listen, args=(stream, to), daemon=True).start()

    @staticmethod
    def _listen(stream, to):
        while data := stream.read1(1 << 16):
            to.extend(data)

    def say(self, what):
        self.process.stdin.write(what)
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class SClient(OpenSsl):
    def __init__(self, address, authority):
        super().__init__("s_client", "-connect", text(address), "-servername", "shop.test",
                         "-CAfile", authority.certificate, "-verify_return_error", "-tls1_3")


class SServer(OpenSsl):
    """Begins to accept after it is made: `ACCEPT` in `out`."""

    def __init__(self, certificate, folder):
        self.address, self.messages = free_address(), folder / "messages"
        super().__init__("s_server", "-accept", text(self.address), "-cert", certificate[0],
                         "-key", certificate[1], "-tls1_3", "-msg", "-msgfile", self.messages)

    def heard(self):
        """What has come through the connection, without what it says of its own in between: when
        it is typed to, and when a read brought a KeyUpdate and no data."""
        return re.sub(rb"(SSL_do_handshake -> 1|Read BLOCK)\n", b"", bytes(self.out))

    def key_updates(self, way):
        """That it has sent (`>>>`) or received (`<<<`)."""
        return len(re.findall(f"^{way} .*KeyUpdate", self.messages.read_text(), re.MULTILINE))


@MODES
def test_keys_change_in_the_middle_of_bulk(through, authority, mode):
    """`K`: the client's key changes and ours has to, each time while half a MiB comes down."""
    step = 1 << 19
    body = words(step * UPDATES, mode)

    def stream(accepted, _server):
        for start in range(0, len(body), step):
            accepted.recv(100)
            accepted.sendall(body[start:start + step])
        read_to_end(accepted)

    _, address = through(stream, mode, tls.TLS13)
    with SClient(address, authority) as client:
        wait_for(lambda: b"Verify return code: 0 (ok)" in client.out, "it is connected")
        for number in range(UPDATES):
            begin = len(client.out)
            client.say(b"go\n")
            wait_for(lambda begin=begin: len(client.out) > begin + 1000, "bytes flow")
            client.say(b"K\n")  # a command must be the first letter of a read
            wait_for(lambda number=number: client.told.count(b"KEYUPDATE") > number, "a new key")
            wait_for(lambda begin=begin: len(client.out) >= begin + step, "the rest of them")
        assert body in client.out


@pytest.mark.parametrize("command", [b"k\n", b"K\n"], ids=["one_way", "both_ways"])
@pytest.mark.parametrize("mode", ["reencrypt", "originate"])
def test_the_servers_keys_change_between_bulk(proxied, authority, tmp_path, mode, command):
    """`k`: the server's key changes; `K`: ours toward it has to as well. Then bytes flow both ways
    at once. (s_server leaves bytes lying that come while it changes its key.)"""
    step = 1 << 18
    down, up = words(step * UPDATES, "down"), words(step * UPDATES, "up")
    certificate = authority.issue("shop.test")
    front = {"tls": {"certificates": ["shop"]}} if mode == "reencrypt" else {}
    with SServer(certificate, tmp_path) as app:
        wait_for(lambda: b"ACCEPT" in app.out, "it listens")
        _, address = proxied(
            server("s1", app, tls=True, server_name="shop.test", ca_bundle="ours"),
            ca_bundles=[tls.bundle("ours", authority)], frontend_keys=front,
            certificates=[tls.entry("shop", certificate)])
        with (tls.connect(address, tls.client_context(authority, tls.TLS13))
              if mode == "reencrypt" else connect(address)) as client:
            client.sendall(b"hello")
            wait_for(lambda: b"hello" in app.out, "it listens to what it is told")
            for number in range(UPDATES):
                part = slice(number * step, (number + 1) * step)
                app.say(command)  # must be the first letter of a read
                wait_for(lambda number=number: app.key_updates(">>>") > number, "a new key")
                app.say(down[part])
                client.sendall(up[part])
                assert read_exactly(client, step) == down[part]
                wait_for(lambda part=part: up[part] in app.heard(), "all has arrived")
        assert app.key_updates("<<<") == (UPDATES if command == b"K\n" else 0)


@VERSIONS
@MODES
def test_the_client_ends_first(through, authority, mode, version, tmp_path):
    """close_notify one way, then bulk the other way: gnutls-cli goes on reading after its own. It
    writes byte by byte what it reads, three seconds for a MiB."""
    question, answer = words(3 << 20, "question"), words(640 << 10, "answer")

    def answer_at_end(accepted, _server):
        got = read_to_end(accepted)
        accepted.sendall(hashlib.sha256(got).hexdigest().encode() + answer)
        say_goodbye(accepted)

    proxy, address = through(answer_at_end, mode, version)
    (tmp_path / "question").write_bytes(question)
    number = {tls.TLS12: "1.2", tls.TLS13: "1.3"}[version]
    with open(tmp_path / "question", "rb") as source:
        done = subprocess.run(
            ["gnutls-cli", "--logfile", str(tmp_path / "log"), "--x509cafile",
             str(authority.certificate), "--sni-hostname", "shop.test", "--verify-hostname",
             "shop.test", "--port", str(address[1]), "--priority",
             f"NORMAL:-VERS-ALL:+VERS-TLS{number}", address[0]],
            stdin=source, capture_output=True, timeout=60 * TIME_SCALE, check=False)
    expected = hashlib.sha256(question).hexdigest().encode() + answer
    assert done.stdout == expected, (done.returncode, done.stderr, len(done.stdout))
    wait_for(lambda: proxy.reasons() == {("client_closed", "client"): 1}, "an orderly end")


@VERSIONS
def test_a_plain_client_ends_first(proxied, serve_tls, authority, version):
    """Its FIN becomes close_notify toward the server, whose bulk still comes down."""
    question, answer = words(3 << 20, "question"), words(3 << 20, "answer")
    heard = []

    def answer_at_end(accepted, _server):
        accepted.suppress_ragged_eofs = False  # a bare FIN would be an error
        heard.append(read_to_end(accepted))
        accepted.sendall(answer)
        say_goodbye(accepted)

    app = serve_tls(answer_at_end, authority.issue("shop.test"), version)
    proxy, address = proxied(
        server("s1", app, tls=True, server_name="shop.test", ca_bundle="ours"),
        ca_bundles=[tls.bundle("ours", authority)])
    with connect(address) as client:
        client.sendall(question)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == answer
    assert heard == [question]
    wait_for(lambda: proxy.reasons() == {("client_closed", "client"): 1}, "an orderly end")


@VERSIONS
def test_the_server_ends_first(through, authority, version):
    """The client has our close_notify and goes on sending; the server reads all of it."""
    body = words(3 << 20, "body")
    heard = []

    def listen(accepted, _server):
        accepted.sendall(b"that is all")
        accepted.shutdown(socket.SHUT_WR)
        heard.append(read_to_end(accepted))

    _, address = through(listen, "offload", version)
    with tls.connect(address, tls.client_context(authority, version)) as client:
        client.suppress_ragged_eofs = False
        assert read_to_end(client) == b"that is all"  # to our close_notify
        client.sendall(body)
        client.unwrap()
    wait_for(lambda: heard, "the server has heard the end")
    assert heard[0] == body
