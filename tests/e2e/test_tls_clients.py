"""Other people's TLS clients through the proxy."""

import contextlib
import json
import re
import signal
import subprocess
import threading
import time

import pytest
from harness import tls
from harness.addresses import text
from harness.authority import RSA, Authority
from harness.process import run
from harness.programs import Nginx
from harness.settings import TIME_SCALE, VOLUME
from harness.sluice import server
from harness.thread_server import echo, name_of
from harness.waiting import wait_for


@pytest.fixture(scope="module")
def shop_rsa(authority):
    return authority.issue("shop.test", key_options=RSA)


@pytest.fixture
def offload(proxied, authority, shop, shop_rsa):
    """offload(server, tls={...}) -> (Sluice, its address); an ECDSA and an RSA certificate."""
    def start(app, tls_keys=None, **options):
        keys = {"certificates": ["shop", "rsa"]} | (tls_keys or {})
        return proxied(server("s1", app, ssl_offload=True), frontend_keys={"tls": keys},
                       certificates=[tls.entry("shop", shop), tls.entry("rsa", shop_rsa)],
                       ca_bundles=[tls.bundle("mine", authority)], **options)
    return start


class Talk:
    """A program that is talked to line by line."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.heard = b""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while data := self.process.stdout.read1(4096):
            self.heard += data

    def say(self, words):
        self.process.stdin.write(words.encode())
        self.process.stdin.flush()

    def hear(self, words, times=1):
        wait_for(lambda: self.heard.count(words.encode()) >= times,
                 f"to hear {words!r} {times} times")

    def end(self):
        """Ends its input; returns its exit status."""
        self.process.stdin.close()
        return self.process.wait(20 * TIME_SCALE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def s_client(address, authority, *options):
    return ("openssl", "s_client", "-connect", text(address), "-servername", "shop.test",
            "-CAfile", authority.certificate, "-verify_return_error", "-verify_hostname",
            "shop.test", *options)


# --- curl ---

@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl(offload, authority, version):
    with Nginx() as nginx:
        payload = bytes(range(256)) * 40_000
        (nginx.files / "file").write_bytes(payload)
        proxy, address = offload(nginx)
        target = nginx.files.parent / "got"
        done = run("curl", "--silent", "--show-error", "--cacert", authority.certificate,
                   "--resolve", f"shop.test:{address[1]}:{address[0]}", f"--tlsv{version}",
                   "--tls-max", version, "--output", target, "--write-out",
                   "%{http_code} %{ssl_verify_result}", f"https://shop.test:{address[1]}/file")
        assert done.stdout == "200 0"
        assert target.read_bytes() == payload
        wait_for(lambda: proxy.reasons() == {("client_closed", "client"): 1}, "it ended orderly")


def test_curl_keeps_alive(offload, authority):
    with Nginx() as nginx:
        (nginx.files / "small").write_text("x" * 200)
        proxy, address = offload(nginx)
        url = f"https://shop.test:{address[1]}/small"
        done = run("curl", "--silent", "--show-error", "--cacert", authority.certificate,
                   "--resolve", f"shop.test:{address[1]}:{address[0]}", "--write-out",
                   " %{http_code}\n", *[url] * 5)
        assert done.stdout == ("x" * 200 + " 200\n") * 5
        assert proxy.frontend("front")["total"] == 1, "five requests in one connection"


# --- openssl s_client ---

@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                   "TLS_CHACHA20_POLY1305_SHA256"])
def test_every_suite_of_1_3(offload, serve, authority, suite):
    _, address = offload(serve(name_of("hello")))
    done = run(*s_client(address, authority, "-tls1_3", "-ciphersuites", suite, "-ign_eof"))
    assert f"Cipher is {suite}" in done.stdout and "hello" in done.stdout


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"])
def test_every_suite_of_1_2(offload, serve, authority, kind, suite):
    _, address = offload(serve(name_of("hello")))
    suite = f"ECDHE-{kind}-{suite}"
    done = run(*s_client(address, authority, "-tls1_2", "-cipher", suite, "-ign_eof"))
    assert f"Cipher is {suite}" in done.stdout and "hello" in done.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client_resumes(offload, serve, authority, tmp_path, version):
    _, address = offload(serve(name_of("hello")))
    saved = tmp_path / "session"
    first = run(*s_client(address, authority, version, "-ign_eof", "-sess_out", saved))
    assert "New, TLS" in first.stdout
    for _ in range(3):
        again = run(*s_client(address, authority, version, "-ign_eof", "-sess_in", saved))
        assert "Reused, TLS" in again.stdout and "hello" in again.stdout


def test_no_early_data_is_promised(offload, serve, authority, tmp_path):
    _, address = offload(serve(name_of("hello")))
    saved = tmp_path / "session"
    run(*s_client(address, authority, "-tls1_3", "-ign_eof", "-sess_out", saved))
    told = run("openssl", "sess_id", "-in", saved, "-noout", "-text").stdout
    assert "Max Early Data: 0" in told


@pytest.mark.parametrize("command, what", [("k", "one way"), ("K", "both ways")])
def test_key_updates(offload, serve, authority, command, what):
    """`K` asks us to update ours too; bytes go on both ways before and after, several times."""
    proxy, address = offload(serve(echo))
    with Talk(*s_client(address, authority, "-tls1_3")) as client:
        client.hear("Verify return code: 0 (ok)")
        for number in range(5):
            client.say(f"{command}\n")
            client.hear("KEYUPDATE", number + 1)  # a command must be the first letter of a read
            client.say(f"after {number} {what}\n")
            client.hear(f"after {number} {what}")
        assert client.end() == 0
    wait_for(lambda: proxy.reasons() == {("client_closed", "client"): 1}, "it ended orderly")


@pytest.mark.alone
def test_too_many_key_updates_end_it(offload, serve, authority):
    """Each one costs us a key derivation and an answer: a client that does nothing else is cut in
    the first second that has more than a hundred of them."""
    proxy, address = offload(serve(echo))
    with Talk(*s_client(address, authority, "-tls1_3")) as client:
        client.hear("Verify return code: 0 (ok)")
        said = 0
        while client.process.poll() is None:
            if client.heard.count(b"KEYUPDATE") < said:
                time.sleep(0.0005)  # wait_for looks no oftener than the limit allows
                continue
            with contextlib.suppress(BrokenPipeError):  # it ends when it is cut
                client.say("K\n")  # a command must be the first letter of a read
            said += 1
        wait_for(proxy.reasons, "it is cut")
    assert set(proxy.reasons()) == {("client_reset", "client")}


def test_renegotiation_is_refused_and_the_session_lives(offload, serve, authority):
    _, address = offload(serve(echo))
    with Talk(*s_client(address, authority, "-tls1_2")) as client:
        client.hear("Verify return code: 0 (ok)")
        client.say("before\n")
        client.hear("before")
        client.say("R\n")
        client.hear("no renegotiation")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_an_early_close(offload, serve, authority, version):
    """`Q`: close_notify right after the handshake."""
    app = serve(echo)
    proxy, address = offload(app)
    done = run(*s_client(address, authority, version), input="Q\n")
    assert "DONE" in done.stdout + done.stderr
    wait_for(lambda: app.ended == 1, "the server heard of it")
    wait_for(lambda: sum(proxy.reasons().values()) == 1, "it ended")
    assert {side for _, side in proxy.reasons()} == {"client"}


def test_suites_without_forward_secrecy_or_aead_are_refused(offload, serve, authority):
    _, address = offload(serve(echo))
    for suite in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"):
        done = run(*s_client(address, authority, "-tls1_2", "-cipher", suite), input="Q\n",
                   check=False)
        assert "handshake failure" in done.stderr, suite


# --- gnutls-cli ---

@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gnutls(offload, serve, authority, version):
    _, address = offload(serve(echo))
    with Talk("gnutls-cli", "--x509cafile", authority.certificate, "--sni-hostname", "shop.test",
              "--verify-hostname", "shop.test", "--port", address[1], "--priority",
              f"NORMAL:-VERS-ALL:+VERS-TLS{version}", address[0]) as client:
        client.hear("Handshake was completed")
        client.say("hello gnutls\n")
        client.hear("hello gnutls")
        assert client.end() == 0


def test_gnutls_rekeys(offload, serve, authority):
    _, address = offload(serve(echo))
    with Talk("gnutls-cli", "--x509cafile", authority.certificate, "--sni-hostname", "shop.test",
              "--verify-hostname", "shop.test", "--port", address[1], "--inline-commands",
              "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3", address[0]) as client:
        client.hear("Handshake was completed")
        for number in range(3):
            client.say("^rekey^\n")
            client.say(f"round {number}\n")
            client.hear(f"round {number}")


# --- Client certificates ---

@pytest.fixture(scope="module")
def mine(authority):
    return authority.issue("me.test")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("verify, shown, taken", [
    ("required", True, True), ("required", False, False), ("optional", True, True),
    ("optional", False, True), ("required", "stranger", False), ("optional", "stranger", False)])
def test_mutual_tls(offload, serve, authority, mine, tmp_path, version, verify, shown, taken):
    app = serve(name_of("hello"))
    proxy, address = offload(app, {"client_ca": "mine", "client_verify": verify})
    certificate = mine
    if shown == "stranger":
        certificate = Authority(tmp_path / "them", "them").issue("me.test")
    options = ("-cert", certificate[0], "-key", certificate[1]) if shown else ()
    done = run(*s_client(address, authority, version, "-ign_eof", *options), check=False)
    assert ("hello" in done.stdout) == taken
    assert app.accepted == taken
    if not taken:
        wait_for(lambda: proxy.reasons() == {("verify_failed", "client"): 1}, "it is counted")


# --- Scanners ---

def test_sslscan(offload, serve):
    _, address = offload(serve(echo))
    told = run("sslscan", "--no-colour", "--sni-name=shop.test", text(address), seconds=100).stdout
    for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        assert re.search(rf"{version} +disabled", told), told
    for version in ("TLSv1.2", "TLSv1.3"):
        assert re.search(rf"{version} +enabled", told), told
    assert "Session renegotiation not supported" in told
    assert "Compression enabled" not in told
    assert told.count("not vulnerable to heartbleed") == 2
    offered = set(re.findall(r"(?:Preferred|Accepted) +TLSv1\.[23] +\d+ bits +(\S+)", told))
    assert offered == {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        *(f"ECDHE-{kind}-{suite}" for kind in ("ECDSA", "RSA")
          for suite in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"))}


@pytest.mark.heavy
@pytest.mark.skipif(VOLUME < 5, reason="takes minutes: in the long suite")
def test_testssl(offload, serve, tmp_path):
    """Versions, and the attacks with names."""
    signal.alarm(int(600 * TIME_SCALE))  # in place of the deadline of every test
    _, address = offload(serve(echo))
    found = tmp_path / "found.json"
    run("testssl", "--quiet", "--color", "0", "--warnings", "off", "-p", "-U", "--jsonfile",
        found, text(address), seconds=600, check=False)
    told = {one["id"]: one for one in json.loads(found.read_text())}
    for version, offered in {"SSLv2": False, "SSLv3": False, "TLS1": False, "TLS1_1": False,
                             "TLS1_2": True, "TLS1_3": True}.items():
        assert told[version]["finding"].startswith("offered" if offered else "not offered")
    attacks = {"heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego",
               "CRIME_TLS", "POODLE_SSL", "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM",
               "BEAST", "LUCKY13", "RC4"}
    assert attacks <= set(told)
    assert {one: told[one]["finding"] for one in attacks
            if told[one]["severity"] not in ("OK", "INFO")} == {}
