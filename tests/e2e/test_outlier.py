"""Servers that fail their sessions are left out for a while, whatever their checks say."""

import threading

import pytest

from harness import tls
from harness.addresses import free_address
from harness.authority import Authority
from harness.clients import ask_name, connect, ending_of, round_trip
from harness.sluice import server
from harness.thread_server import echo, name_of
from harness.udp import ask_new, free_udp_address, named
from harness.waiting import wait_for

LONG = {"max_fails": 3, "window": "60s", "eject": "60s"}


def server_at(name, address, **keys):
    return {"name": name, "address": address[0], "port": address[1], **keys}


@pytest.fixture
def refusing():
    return server_at("dead", free_address())


def state_of(proxy, name):
    row = proxy.server(name)
    return row["state"], row["check"]


@pytest.mark.smoke
def test_a_server_that_refuses_is_ejected(proxied, serve, refusing):
    """Under load from many clients at once: none fails, and after a few no connect is wasted."""
    proxy, address = proxied(refusing, serve(name_of("alive")), backend_keys={"outlier": LONG})
    answers = []

    def ask_often():
        for _ in range(25):
            answers.append(ask_name(address))

    clients = [threading.Thread(target=ask_often) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == ["alive"] * 100
    wait_for(lambda: proxy.server("dead")["state"] == "DOWN", "it is ejected")
    assert state_of(proxy, "dead")[1].startswith("ejected: 3 failures in ")
    errors = proxy.server("dead")["errors"]
    assert 3 <= errors < 50
    assert [ask_name(address) for _ in range(10)] == ["alive"] * 10
    assert proxy.server("dead")["errors"] == errors
    assert 'sluice_server_ejections_total{backend="back",server="dead"} 1' in proxy.admin.ask(
        "GET", "/metrics")[2]
    (line,) = [line for line in proxy.log().splitlines() if "is ejected for" in line]
    assert "warn" in line and "server back/dead" in line


def test_it_comes_back_after_its_time(proxied, serve):
    one = serve(name_of("one"))
    one.stop()
    proxy, address = proxied(one, serve(name_of("two")), workers=1, backend_keys={
        "outlier": {"max_fails": 2, "window": "60s", "eject": "500ms"}})
    for _ in range(5):
        assert ask_name(address) == "two"
    wait_for(lambda: "server back/s1 is ejected for" in proxy.log(), "it was ejected")
    one.start()
    wait_for(lambda: proxy.server("s1")["state"] == "NOCHECK", "it is back")
    assert {ask_name(address) for _ in range(4)} == {"one", "two"}
    assert "server back/s1 is not ejected any more: its time is over" in proxy.log()


def test_an_order_brings_it_back(proxied, serve):
    one = serve(name_of("one"))
    one.stop()
    proxy, address = proxied(one, serve(name_of("two")), backend_keys={"outlier": LONG})
    for _ in range(12):
        assert ask_name(address) == "two"
    wait_for(lambda: proxy.server("s1")["state"] == "DOWN", "it is ejected")
    one.start()
    proxy.lbstat("server", "back/s1", "ready")
    assert state_of(proxy, "s1") == ("NOCHECK", "-")
    assert {ask_name(address) for _ in range(8)} == {"one", "two"}


def test_the_last_one_stays(proxied, serve):
    """One server is never ejected, however it fails: when it is there again, so is the service."""
    one = serve(name_of("one"))
    one.stop()
    proxy, address = proxied(one, backend_keys={"outlier": LONG, "retries": 0})
    for _ in range(8):
        with connect(address) as client:
            assert ending_of(client)[0] == b""
    wait_for(lambda: "fails: 3 failures in " in proxy.log(), "it is told")
    assert proxy.server("s1")["state"] == "NOCHECK"
    one.start()
    assert ask_name(address) == "one"


def test_a_reload_keeps_it(proxied, serve, refusing):
    proxy, address = proxied(refusing, serve(name_of("alive")),
                             backend_keys={"outlier": dict(LONG)})
    for _ in range(12):
        assert ask_name(address) == "alive"
    wait_for(lambda: proxy.server("dead")["state"] == "DOWN", "it is ejected")
    proxy.config["backends"][0]["policy"] = "least_connections"
    proxy.reload(proxy.config)
    assert state_of(proxy, "dead")[0] == "DOWN"
    proxy.config["backends"][0]["outlier"]["max_fails"] = 0
    proxy.reload(proxy.config)
    assert state_of(proxy, "dead")[0] == "NOCHECK"
    assert ask_name(address) == "alive"


def test_checks_that_recover_bring_it_back(proxied, serve):
    """The checks have seen it fail, too: what they say of its recovery counts."""
    one = serve(name_of("one"))
    proxy, address = proxied(one, serve(name_of("two")), backend_keys={
        "outlier": LONG,
        "health_check": {"type": "tcp", "interval": "200ms", "fall": 2, "rise": 1}})
    wait_for(lambda: proxy.server("s1")["state"] == "UP", "it is up")
    one.stop()

    def is_ejected():
        assert ask_name(address) == "two"
        return "server back/s1 is ejected for" in proxy.log()
    wait_for(is_ejected, "it is out")
    wait_for(lambda: "server back/s1 is DOWN: " in proxy.log(), "its checks see it")
    one.start()
    wait_for(lambda: proxy.server("s1")["state"] == "UP", "it is back before the minute is over")
    assert {ask_name(address) for _ in range(8)} == {"one", "two"}


def test_certificates_that_do_not_verify_count(proxied, serve_tls, tmp_path):
    """Such a server accepts every connection, and every check of type tcp."""
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "somebody else's")
    keys = {"tls": True, "ca_bundle": "internal", "server_name": "app.internal"}
    proxy, address = proxied(
        server("wrong", serve_tls(echo, theirs.issue("app.internal")), **keys),
        server("right", serve_tls(echo, ours.issue("app.internal")), **keys),
        ca_bundles=[tls.bundle("internal", ours)],
        backend_keys={"outlier": LONG, "policy": "first",
                      "health_check": {"type": "tcp", "interval": "100ms"}})
    for _ in range(6):
        with connect(address) as client:
            assert round_trip(client)
    wait_for(lambda: proxy.server("wrong")["state"] == "DOWN", "it is ejected")
    assert proxy.server("wrong")["errors"] == 3


def test_datagrams(proxied_udp, serve_udp):
    """Refusals of flows count like those of connections; nobody checks this backend."""
    proxy, address = proxied_udp(server_at("dead", free_udp_address()), serve_udp(named("alive")),
                                 backend_keys={"outlier": LONG})
    assert {ask_new(address) for _ in range(12)} == {b"alive:question"}
    wait_for(lambda: proxy.server("dead")["state"] == "DOWN", "it is ejected")
    errors = proxy.server("dead")["errors"]
    assert {ask_new(address) for _ in range(6)} == {b"alive:question"}
    assert proxy.server("dead")["errors"] == errors
