"""One end finishes while bytes still flow the other way, in our own gear and the kernel's: nothing
is cut, and an end is close_notify wherever TLS is spoken."""

import functools
import hashlib
import socket
import ssl
import subprocess

import pytest

from harness import ktls, modes, tls
from harness.settings import TIME_SCALE, volume
from harness.thread_server import read_to_end
from harness.typed import words
from harness.waiting import wait_for

VERSIONS = pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])
BULK = volume(3 << 20, 1 << 19)
TYPED = volume(640 << 10, 1 << 16)  # gnutls-cli writes byte by byte, three seconds for a MiB


@pytest.fixture
def through(passage, authority, shop):
    """through(mode, handler, ...) -> a Passage."""
    return functools.partial(passage, authority, shop)


def expect_orderly_end(proxy, gear):
    wait_for(lambda: proxy.reasons() == {("client_closed", "client"): 1}, "an orderly end")
    ktls.expect_gear_of_ended(proxy, gear)


def answer_at_end(answer):
    """A handler that answers the digest of all that it has heard, and this."""
    def handler(accepted, _server):
        is_secure = isinstance(accepted, ssl.SSLSocket)
        if is_secure:
            accepted.suppress_ragged_eofs = False  # a bare FIN would be an error
        accepted.sendall(digest_of(read_to_end(accepted)) + answer)
        if is_secure:
            accepted.unwrap()

    return handler


def digest_of(data):
    return hashlib.sha256(data).hexdigest().encode()


QUESTION, ANSWER = words(BULK, "question"), words(BULK, "answer")


@ktls.GEARS
@VERSIONS
@pytest.mark.parametrize("mode", ["offload", "reencrypt"])
def test_the_client_ends_first(through, mode, version, gear):
    """It goes on reading after its close_notify, up to ours."""
    here = through(mode, answer_at_end(ANSWER), version=version, ktls=gear)
    with tls.RecordClient(here.address, here.context) as client:
        client.shake_hands()
        client.write(QUESTION).say_end().send()
        assert client.receive() == digest_of(QUESTION) + ANSWER
        assert client.end == "close_notify"
    expect_orderly_end(here.proxy, gear)


@VERSIONS
def test_gnutls_ends_first(through, authority, tmp_path, version):
    """It reads after its close_notify as well, until nothing has come for half a second; that is
    too short for an emulated machine."""
    answer = words(TYPED, "answer")
    here = through("offload", answer_at_end(answer), version=version)
    (tmp_path / "question").write_bytes(QUESTION)
    number = {tls.TLS12: "1.2", tls.TLS13: "1.3"}[version]
    with open(tmp_path / "question", "rb") as source:
        done = subprocess.run(
            ["gnutls-cli", "--logfile", str(tmp_path / "log"), "--x509cafile",
             str(authority.certificate), "--sni-hostname", "shop.test", "--verify-hostname",
             "shop.test", "--port", str(here.address[1]), "--priority",
             f"NORMAL:-VERS-ALL:+VERS-TLS{number}", here.address[0]],
            stdin=source, capture_output=True, timeout=60 * TIME_SCALE, check=False)
    assert done.stdout == digest_of(QUESTION) + answer, (done, len(done.stdout))
    wait_for(lambda: here.proxy.reasons() == {("client_closed", "client"): 1}, "an orderly end")


@ktls.GEARS
@VERSIONS
def test_a_plain_client_ends_first(through, version, gear):
    """Its FIN becomes close_notify toward the server, whose bulk still comes down."""
    here = through("originate", answer_at_end(ANSWER), version=version, ktls=gear)
    with here.connect() as client:
        client.sendall(QUESTION)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == digest_of(QUESTION) + ANSWER
    expect_orderly_end(here.proxy, gear)


@ktls.GEARS
@VERSIONS
@modes.MODES
def test_the_server_ends_first(proxied, serve, authority, shop, mode, version, gear):
    """The client has our end and goes on sending; the server reads all of it, and its end."""
    body, heard = words(BULK, "body"), []
    context = tls.server_context(shop, version)

    def listen(accepted, _server):
        accepted.recv(2)
        accepted.sendall(b"that is all")
        accepted.shutdown(socket.SHUT_WR)
        heard.append((read_to_end(accepted), None))

    def listen_to_records(accepted, _server):
        end = tls.RecordEnd(accepted, context, server_side=True)
        end.shake_hands()
        end.send()
        assert end.read() == b"go"
        end.write(b"that is all").say_end().send()
        heard.append((end.receive(), end.end))

    app = serve(listen_to_records if modes.is_server_secure(mode) else listen)
    proxy, address = proxied(modes.entry(mode, app), ktls=gear,
                             **modes.settings_of(mode, authority, shop))
    here = modes.Passage(mode, proxy, address, app, tls.client_context(authority, version))
    with here.connect() as client:
        if modes.is_client_secure(mode):
            client.suppress_ragged_eofs = False
        client.sendall(b"go")
        assert read_to_end(client) == b"that is all"
        client.sendall(body)
        if modes.is_client_secure(mode):
            client.unwrap()
        else:
            client.shutdown(socket.SHUT_WR)
        wait_for(lambda: heard, "the server has heard the end")
    assert heard == [(body, "close_notify" if modes.is_server_secure(mode) else None)]
    wait_for(lambda: proxy.reasons() == {("server_closed", "server"): 1}, "an orderly end")
    ktls.expect_gear_of_ended(proxy, gear)
