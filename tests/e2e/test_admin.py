"""The admin interface and lbstat, by the names of the contract."""

import http.client
import json
import os
import re
import socket
import stat

import pytest

from harness import process, settings
from harness.addresses import free_address, text
from harness.clients import ask_name, connect, round_trip
from harness.sluice import server
from harness.thread_server import echo, name_of
from harness.waiting import wait_for

SERVER_COLUMNS = ("frontend backend server address state check weight mode current max total "
                  "bytes_in bytes_out errors retries queue last_change").split()


def test_servers_have_the_columns_of_the_contract(proxied, serve):
    one = serve(name_of("one"))
    proxy, address = proxied(server("one", one, weight=3))
    ask_name(address)
    wait_for(lambda: proxy.server("one")["current"] == 0, "the session is over")
    row = proxy.server("one")
    assert list(row) == SERVER_COLUMNS
    assert row | {"last_change": 0} == {
        "frontend": "front", "backend": "back", "server": "one", "address": text(one.address),
        "state": "NOCHECK", "check": "-", "weight": 3, "mode": "plain", "current": 0, "max": 1,
        "total": 1, "bytes_in": 0, "bytes_out": 3, "errors": 0, "retries": 0, "queue": 0,
        "last_change": 0}


def test_lbstat_json_is_the_answer_of_the_api(proxied, serve):
    proxy, _ = proxied(serve(echo))
    for kind in ("frontends", "backends", "servers", "sessions", "reasons"):
        told = json.loads(proxy.lbstat("--json", kind).stdout)
        asked = proxy.admin.rows(kind)
        for row in [*told, *asked]:
            row.pop("last_change", None)  # it counts
        assert told == asked
    assert json.loads(proxy.lbstat("--json").stdout)["pid"] == proxy.pid
    assert json.loads(proxy.lbstat("--json", "status").stdout)["generation"] == 1


def test_tables_for_people(proxied, serve):
    proxy, address = proxied(serve(name_of("one")))
    ask_name(address)
    wait_for(lambda: proxy.reasons(), "an ending")
    for command, words in [("status", ["front", "back"]), ("frontends", ["front", text(address)]),
                           ("backends", ["back", "round_robin"]),
                           ("servers", ["s1", "NOCHECK", "plain"]),
                           ("reasons", ["server_closed", "server"])]:
        output = proxy.lbstat(command).stdout
        for word in words:
            assert word in output, output
        assert "\x1b" not in output, "colour only on a terminal"
        assert max(len(line) for line in output.splitlines()) <= 100, output


def test_servers_of_one_backend(proxied, serve):
    proxy, _ = proxied(serve(echo))
    assert "s1" in proxy.lbstat("servers", "back").stdout
    done = proxy.lbstat("servers", "nowhere", check=False)
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_sessions(proxied, serve):
    one = serve(echo)
    proxy, address = proxied(one)
    with connect(address) as client:
        assert round_trip(client, b"x" * 1000)
        row, = proxy.sessions()
        assert row["client"] == text(client.getsockname())
        assert (row["frontend"], row["backend"], row["server"]) == ("front", "back", "s1")
        assert row["address"] == text(one.address)
        assert (row["state"], row["tls"]) == ("relaying", "-")
        assert row["bytes_in"] == row["bytes_out"] == 1000
        assert row["generation"] == 1
        assert 0 <= row["idle"] <= row["age"] < 60
        assert text(client.getsockname()) in proxy.lbstat("sessions").stdout
        assert len(proxy.admin.rows("sessions", backend="back")) == 1
        assert text(client.getsockname()) in proxy.lbstat("sessions", "--backend", "back",
                                                          "--server", "s1").stdout
    wait_for(lambda: proxy.sessions() == [], "it is gone")


def test_status_and_rates(proxied, serve):
    proxy, address = proxied(serve(name_of("one")), workers=2)
    for _ in range(20):
        ask_name(address)
    wait_for(lambda: proxy.status()["session_rate"] > 0, "the rate shows them", 5)
    status = proxy.status()
    assert status["version"] and status["pid"] == proxy.pid
    assert status["generation"] == 1 and status["sessions_total"] == 20
    assert status["bytes_out"] == 60
    assert len(status["workers"]) == 2
    assert [row["name"] for row in status["frontends"]] == ["front"]
    assert [row["name"] for row in status["backends"]] == ["back"]


def test_prometheus(proxied, serve):
    """Text that a Prometheus server would take: HELP and TYPE once, samples that add up."""
    proxy, address = proxied(serve(name_of("one")))
    for _ in range(5):
        ask_name(address)
    wait_for(lambda: sum(proxy.reasons().values()) == 5, "five endings")
    status, headers, body = proxy.admin.ask("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    samples = {}
    for line in body.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{[^}]*\})? [-+0-9.eInf]+', line), line
            name, _, value = line.rpartition(" ")
            assert name not in samples, f"twice: {name}"
            samples[name] = float(value)
    helps = re.findall(r"^# HELP (\S+)", body, re.M)
    assert len(helps) == len(set(helps))

    def total(prefix):
        return sum(value for name, value in samples.items() if name.startswith(prefix))

    assert total('sluice_frontend_sessions_total{') == 5
    assert total('sluice_server_bytes_out_total{') == 15
    assert total('sluice_sessions_ended_total{') == 5
    counts = [value for name, value in samples.items() if name.endswith("_count")]
    assert 5 in counts, "the histograms have counted"


def test_healthz(proxied, serve):
    proxy, _ = proxied(serve(echo))
    assert proxy.admin.ask("GET", "/healthz")[0] == 200


@pytest.mark.parametrize(("method", "target", "expected"), [
    ("GET", "/v1/nothing", 404), ("GET", "/", 404), ("POST", "/v1/servers", 405),
    ("DELETE", "/v1/status", 405), ("GET", "/v1/reload", 405)])
def test_wrong_questions(method, target, expected, proxied, serve):
    proxy, _ = proxied(serve(echo))
    assert proxy.admin.ask(method, target)[0] == expected


def test_curl_speaks_to_it(proxied, serve):
    proxy, _ = proxied(serve(echo))
    done = process.run("curl", "--silent", "--fail", "--unix-socket", proxy.socket,
                       "http://localhost/v1/status")
    assert json.loads(done.stdout)["pid"] == proxy.pid


def test_the_socket_is_for_its_owner_and_group(proxied, serve):
    proxy, _ = proxied(serve(echo))
    assert stat.S_IMODE(os.stat(proxy.socket).st_mode) == 0o660


def test_the_tcp_address_is_read_only(proxied, serve):
    where = free_address()
    proxy, _ = proxied(serve(echo), admin={"listen": text(where)})

    def ask(method, target):
        connection = http.client.HTTPConnection(*where, timeout=10)
        connection.request(method, target)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    for target in ("/metrics", "/healthz", "/v1/status"):
        assert ask("GET", target) == 200
    assert ask("POST", "/v1/reload") in (403, 405)
    assert ask("DELETE", "/v1/sessions/1") in (403, 405)
    assert proxy.status()["reloads"] == 0


def test_garbage_does_not_hurt(proxied, serve):
    """Half a request, no HTTP at all, a head that never ends: the next client is served."""
    proxy, _ = proxied(serve(echo))
    rude = []
    for words in (b"", b"GET /v1/sta", b"\x00\xff\x16\x03\x01", b"GET / HTTP/1.1\r\n"
                  + b"X: y\r\n" * 10000):
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(proxy.socket))
        try:
            one.sendall(words)
        except OSError:
            pass  # cut off in the middle is what should happen
        rude.append(one)
    assert proxy.status()["pid"] == proxy.pid
    for one in rude:
        one.close()


def test_watch_redraws(proxied, serve):
    """lbstat --watch goes on until it is ended, and shows what changed."""
    proxy, address = proxied(serve(name_of("one")))
    watch = process.Background([settings.LBSTAT, "--socket", proxy.socket, "--watch", "0.2",
                                "servers"], proxy.directory / "watch")
    watch.wait_until(lambda: watch.output().count("s1") >= 2, "it draws again")
    ask_name(address)
    watch.wait_until(lambda: re.search(r"s1.*\b1\b", watch.output()), "it shows the session")
    assert watch.is_running()
    watch.stop()


def test_kill(proxied, serve):
    proxy, address = proxied(serve(echo))
    with connect(address) as client, connect(address) as other:
        assert round_trip(client) and round_trip(other)
        mine, = [row for row in proxy.sessions() if row["client"] == text(client.getsockname())]
        proxy.lbstat("kill", str(mine["id"]))
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass
        assert round_trip(other)
        wait_for(lambda: proxy.reasons() == {("killed", "us"): 1}, "counted")
        assert proxy.lbstat("kill", "999999999", check=False).returncode == 1
