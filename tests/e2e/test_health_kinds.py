"""The kinds of health checks against real servers: http, tls, send and expect, udp."""

import socket
import threading

import pytest
from harness.addresses import free_address
from harness.authority import Authority
from harness.clients import ask_name
from harness.programs import Nginx, Program, Redis
from harness.sluice import server
from harness.thread_server import name_of, read_to_end
from harness.waiting import wait_for

FAST = {"interval": "100ms", "timeout": "500ms", "fall": 1, "rise": 1}


class TlsServer(Program):
    """openssl s_server, which answers HTTP with its status page; its certificate is for `names` or
    for its address."""

    def __init__(self, authority, *names, **how):
        super().__init__()
        certificate, key = authority.issue(*(names or self.address[:1]), **how)
        self.launch("openssl", "s_server", "-accept", f"{self.address[0]}:{self.address[1]}",
                    "-cert", certificate, "-key", key, "-www", "-quiet")


class UdpServer:
    """Answers each datagram with `answer`; None: receives in silence."""

    def __init__(self, answer):
        self.answer = answer
        self.received = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(free_address())
        self.address = self.socket.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                data, sender = self.socket.recvfrom(2048)
                if not sender:
                    return  # shut down
                self.received.append(data)
                if self.answer is not None:
                    self.socket.sendto(self.answer, sender)
            except OSError:
                return

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, although it says otherwise
        except OSError:
            pass
        self.socket.close()


@pytest.fixture
def checked(proxied):
    """checked({name: address or entry}, type=..., ...) -> the Sluice, checking them all."""
    def start(servers, ca_bundles=(), **check):
        entries = [at if isinstance(at, dict) else server(name, at)
                   for name, at in servers.items()]
        return proxied(*entries, backend_keys={"health_check": FAST | check},
                       **({"ca_bundles": list(ca_bundles)} if ca_bundles else {}))[0]
    return start


def state_of(proxy, name):
    row = proxy.server(name)
    return row["state"], row["check"]


def wait_state(proxy, name, state, text=""):
    """Waits until a server is in a state with a check text that has `text` in it."""
    def is_so():
        now = state_of(proxy, name)
        return now if now[0] == state and text in now[1] else None

    def describe():
        return f"{name} is {state} ({text}); it is {state_of(proxy, name)}"
    try:
        return wait_for(is_so, f"{name} is {state}: {text}")[1]
    except AssertionError as error:
        raise AssertionError(describe()) from error


# --- http ---

def test_http_goes_by_the_status(checked):
    with Nginx() as nginx:
        (nginx.files / "health").write_text("fine\n")
        proxy = checked({"one": nginx}, type="http", path="/health", status=["200-299"])
        assert wait_state(proxy, "one", "UP", "ok ").startswith("ok ")
        (nginx.files / "health").rename(nginx.files / "away")
        wait_state(proxy, "one", "DOWN", "http 404")
        (nginx.files / "away").rename(nginx.files / "health")
        wait_state(proxy, "one", "UP", "ok ")


def test_http_asks_as_configured(checked, serve):
    def answer(accepted, here):
        here.records["request"] = accepted.recv(4096)
        accepted.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        read_to_end(accepted)

    busy = serve(answer)
    proxy = checked({"one": server("one", busy, server_name="one.internal")}, type="http",
                    path="/ready?deep=1")
    wait_state(proxy, "one", "DOWN", "http 503")
    head = busy.records["request"].decode().split("\r\n")
    assert head[0] == "GET /ready?deep=1 HTTP/1.1"
    assert "Host: one.internal" in head
    wait_for(lambda: "server back/one is DOWN: http 503" in proxy.log(), "the log says so")


def test_http_to_something_else(checked, serve):
    proxy = checked({"one": serve(name_of("SSH-2.0-not-http\r\n"))}, type="http")
    wait_state(proxy, "one", "DOWN", 'not HTTP: "SSH-2.0-not-http\\r\\n"')


# --- send and expect ---

def test_redis_answers_ping(checked):
    with Redis() as redis:
        proxy = checked({"one": redis}, type="tcp", send="PING\r\n", expect="+PONG")
        wait_state(proxy, "one", "UP", "ok ")


def test_redis_that_answers_otherwise_is_down(checked):
    with Redis() as redis:
        proxy = checked({"one": redis}, type="tcp", send="NONSENSE\r\n", expect="+PONG",
                        timeout="300ms")
        text = wait_state(proxy, "one", "DOWN", "expected")
        assert text.startswith('timeout after 300ms: expected "+PONG", got "-ERR unknown command')


def test_a_banner_is_expected_without_a_question(checked, serve):
    proxy = checked({"one": serve(name_of("220 mail ready\r\n")),
                     "two": serve(name_of("554 go away\r\n"))}, type="tcp", expect="220 ")
    wait_state(proxy, "one", "UP", "ok ")
    wait_state(proxy, "two", "DOWN", 'expected "220 ", got "554 go away\\r\\n"')


# --- tls ---

@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


def bundle(authority):
    return {"name": "internal", "file": str(authority.certificate)}


def tls_entry(name, at, **keys):
    return server(name, at, ca_bundle="internal", **keys)


def test_tls_verifies_like_a_session(checked, authority, tmp_path):
    other = Authority(tmp_path / "other", "somebody else")
    with (TlsServer(authority, "good.internal") as good,
          TlsServer(authority, "good.internal", days=-1) as expired,
          TlsServer(other, "good.internal") as untrusted,
          TlsServer(authority, "other.internal", "127.0.0.1") as wrong):
        name = {"server_name": "good.internal"}
        proxy = checked({"good": tls_entry("good", good, **name),
                         "expired": tls_entry("expired", expired, **name),
                         "untrusted": tls_entry("untrusted", untrusted, **name),
                         "wrong": tls_entry("wrong", wrong, **name),
                         "any": tls_entry("any", expired, verify="none")},
                        [bundle(authority)], type="tls")
        wait_state(proxy, "good", "UP", "ok ")
        wait_state(proxy, "any", "UP", "ok ")
        wait_state(proxy, "expired", "DOWN", "verify: certificate has expired")
        wait_state(proxy, "untrusted", "DOWN", "verify: unable to get local issuer certificate")
        wait_state(proxy, "wrong", "DOWN", "verify: hostname mismatch")


def test_tls_to_an_address(checked, authority):
    """Without server_name the certificate must carry the address."""
    with (TlsServer(authority) as right, TlsServer(authority, "right.internal") as wrong):
        proxy = checked({"right": tls_entry("right", right), "wrong": tls_entry("wrong", wrong)},
                        [bundle(authority)], type="tls")
        wait_state(proxy, "right", "UP", "ok ")
        wait_state(proxy, "wrong", "DOWN", "verify: IP address mismatch")


def test_tls_to_plaintext(checked, serve, authority):
    proxy = checked({"one": tls_entry("one", serve(name_of("hello, no TLS here\r\n")))},
                    [bundle(authority)], type="tls")
    wait_state(proxy, "one", "DOWN", "tls: wrong version number")


def test_tls_with_a_question(checked, authority):
    with TlsServer(authority, "good.internal") as good:
        proxy = checked({"one": tls_entry("one", good, server_name="good.internal")},
                        [bundle(authority)], type="tls", send="GET / HTTP/1.0\r\n\r\n",
                        expect="HTTP/1.0 200 ok")
        wait_state(proxy, "one", "UP", "ok ")


# --- udp ---

def test_udp_goes_by_the_answer(checked):
    right, wrong, silent = UdpServer(b"pong"), UdpServer(b"nope"), UdpServer(None)
    proxy = checked({"right": right, "wrong": wrong, "silent": silent}, type="udp",
                    send="ping\0", expect="pong", timeout="300ms")
    wait_state(proxy, "right", "UP", "ok ")
    wait_state(proxy, "wrong", "DOWN", 'timeout after 300ms: expected "pong", got "nope"')
    wait_state(proxy, "silent", "DOWN", 'timeout after 300ms: expected "pong", got nothing')
    assert set(right.received) == {b"ping\0"}
    right.stop()
    wait_state(proxy, "right", "DOWN", "connection refused")


def test_udp_without_an_expectation_goes_by_contradiction(checked):
    silent, talking = UdpServer(None), UdpServer(b"whatever")
    proxy = checked({"silent": silent, "talking": talking}, type="udp", send="ping",
                    timeout="200ms")
    wait_state(proxy, "silent", "UP", "ok, not contradicted")
    wait_state(proxy, "talking", "UP", "ok ")
    silent.stop()
    wait_state(proxy, "silent", "DOWN", "connection refused")


# --- how often ---

def test_a_change_is_looked_at_sooner(proxied, serve):
    """interval 2s: three failures take a quarter of it each, so the server is down long before the
    6 s that three intervals take."""
    one, two = serve(name_of("one")), serve(name_of("two"))
    proxy, address = proxied(server("one", one), server("two", two), backend_keys={
        "health_check": {"type": "tcp", "interval": "2s", "timeout": "1s", "fall": 3, "rise": 2}})
    wait_for(lambda: proxy.server("one")["state"] == "UP", "up")
    one.stop()
    wait_for(lambda: proxy.server("one")["state"] == "UP 2/3", "the first failure")
    wait_for(lambda: proxy.server("one")["state"] == "DOWN", "down", 3)
    assert {ask_name(address) for _ in range(5)} == {"two"}
