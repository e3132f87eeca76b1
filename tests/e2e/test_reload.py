"""Reload: what changes, what stays, what is printed, what happens when it is refused."""

import copy
import signal
import socket

import pytest

from harness.addresses import accepts, free_address, text
from harness.clients import ask_name, connect, ending_of, round_trip
from harness.sluice import backend, frontend, server
from harness.thread_server import echo, name_of, named_echo
from harness.waiting import wait_for


def changed(proxy):
    """A copy of the configuration in force, to be changed."""
    return copy.deepcopy(proxy.config)


def servers(config):
    return config["backends"][0]["servers"]


def test_the_difference_is_printed(proxied, serve):
    proxy, address = proxied(serve(name_of("one")), workers=1)
    config = changed(proxy)
    servers(config).append(server("s2", serve(name_of("two"))))
    assert proxy.reload(config).strip().splitlines()[-1] == \
        "generation 2: +1 server, 0 sessions closed"
    assert {ask_name(address) for _ in range(4)} == {"one", "two"}
    servers(config)[1]["weight"] = 5
    assert proxy.reload(config).strip().splitlines()[-1] == \
        "generation 3: ~1 server, 0 sessions closed"
    del servers(config)[0]
    assert "-1 server" in proxy.reload(config)
    assert {ask_name(address) for _ in range(4)} == {"two"}


def test_by_signal(proxied, serve):
    proxy, address = proxied(serve(name_of("one")))
    config = changed(proxy)
    servers(config)[0] = server("other", serve(name_of("other")))
    proxy.write(config)
    proxy.running.send(signal.SIGHUP)
    wait_for(lambda: proxy.status()["generation"] == 2, "generation 2")
    assert ask_name(address) == "other"
    wait_for(lambda: "generation 2" in proxy.log(), "the log tells")


def test_nothing_changed(proxied, serve):
    proxy, address = proxied(serve(name_of("one")))
    assert "0 sessions closed" in proxy.reload()
    assert ask_name(address) == "one"


@pytest.mark.parametrize("how", ["lbstat", "signal"])
def test_refused(how, proxied, serve):
    """Every error is told with its place; the old configuration serves on."""
    proxy, address = proxied(serve(name_of("one")))
    good = changed(proxy)
    bad = changed(proxy)
    bad["backends"][0]["sevrers"] = bad["backends"][0].pop("servers")
    bad["frontends"][0]["backend"] = "nowhere"
    proxy.write(bad)
    if how == "lbstat":
        done = proxy.lbstat("reload", check=False)
        assert done.returncode == 1
        told = done.stdout + done.stderr
    else:
        proxy.running.send(signal.SIGHUP)
        wait_for(lambda: proxy.status()["reloads_refused"] == 1, "refused")
        wait_for(lambda: proxy.log().count(": error: ") >= 2, "the log tells why")
        told = proxy.log()
    assert f"{proxy.file}:" in told and ": error: " in told
    assert "servers" in told and "nowhere" in told, "all errors in one run, with a suggestion"
    assert proxy.status()["generation"] == 1
    assert ask_name(address) == "one"
    assert "generation 2" in proxy.reload(good)


def test_a_port_that_is_taken_changes_nothing(proxied, serve):
    proxy, address = proxied(serve(name_of("one")))
    with socket.socket() as taken:
        taken.bind(free_address())
        taken.listen()
        fresh = free_address()
        config = changed(proxy)
        config["frontends"] += [frontend("fine", fresh, "back"),
                                frontend("taken", taken.getsockname(), "back")]
        proxy.write(config)
        done = proxy.lbstat("reload", check=False)
        assert done.returncode == 1
        assert text(taken.getsockname()) in done.stdout + done.stderr
        assert not accepts(fresh), "nothing of a refused reload stays"
        assert ask_name(address) == "one"
        assert [row["name"] for row in proxy.admin.rows("frontends")] == ["front"]


def test_listeners_come_and_go(proxied, serve):
    proxy, address = proxied(serve(named_echo("one")))
    second = free_address()
    config = changed(proxy)
    config["frontends"].append(frontend("second", second, "back"))
    assert "+1 frontend" in proxy.reload(config)
    old, new = connect(address), connect(second)
    assert old.recv(4) == new.recv(4) == b"one\n"
    del config["frontends"][0]
    assert "-1 frontend" in proxy.reload(config)
    wait_for(lambda: not accepts(address), "the first address is closed")
    assert round_trip(old), "its session runs on"
    assert round_trip(new)
    old.close()
    new.close()


def test_a_frontend_moves(proxied, serve):
    proxy, address = proxied(serve(name_of("one")))
    moved = free_address()
    config = changed(proxy)
    config["frontends"][0]["listen"] = text(moved)
    assert "~1 frontend" in proxy.reload(config)
    assert ask_name(moved) == "one"
    wait_for(lambda: not accepts(address), "the old address is closed")


def test_sessions_of_a_removed_server_run_on(proxied, serve):
    one = serve(echo)
    proxy, address = proxied(one)
    with connect(address) as client:
        assert round_trip(client)
        config = changed(proxy)
        config["backends"][0]["servers"] = [server("s2", serve(name_of("two")))]
        proxy.reload(config)
        assert ask_name(address) == "two"
        for _ in range(3):
            assert round_trip(client)
        generations = {row["generation"]: row["sessions"] for row in proxy.status()["generations"]}
        assert generations[1] == 1 and 2 in generations
        assert proxy.sessions()[0]["generation"] == 1
    wait_for(lambda: [row["generation"] for row in proxy.status()["generations"]] == [2],
             "the old generation is gone with its last session")
    wait_for(lambda: one.current == 0, "nothing holds the old server")


def test_counters_survive(proxied, serve):
    proxy, address = proxied(serve(named_echo("one")))
    held = connect(address)
    assert held.recv(4) == b"one\n"
    for _ in range(9):
        with connect(address) as client:
            assert client.recv(4) == b"one\n"
    wait_for(lambda: proxy.status()["sessions"] == 1, "one is left")
    config = changed(proxy)
    servers(config)[0]["weight"] = 7
    servers(config).append(server("s2", serve(name_of("two"))))
    proxy.reload(config)
    row = proxy.server("s1")
    assert (row["total"], row["current"], row["weight"]) == (10, 1, 7)
    assert proxy.frontend("front")["total"] == 10
    assert sum(proxy.reasons().values()) == 9
    held.close()
    wait_for(lambda: proxy.server("s1")["current"] == 0, "and down to zero")


def test_the_round_robin_position_survives(proxied, serve):
    """A reload after each connection: a position that started again would send all to the first."""
    proxy, address = proxied(*[serve(name_of(name)) for name in "abc"], workers=1)
    answers = []
    for _ in range(9):
        answers.append(ask_name(address))
        proxy.reload()
    assert sorted(answers) == sorted("abc" * 3)


def test_health_survives(proxied, serve):
    """A server that is down stays down: no connection tries it after the reload."""
    one, two = serve(name_of("one")), serve(name_of("two"))
    two.stop()
    proxy, address = proxied(
        one, two, backend_keys={"health_check": {"type": "tcp", "interval": "200ms", "fall": 2}})
    wait_for(lambda: proxy.server("s2")["state"] == "DOWN", "s2 is down")
    retries = proxy.server("s2")["retries"]
    config = changed(proxy)
    config["backends"][0]["timeouts"] = {"idle": "2m"}
    proxy.reload(config)
    assert proxy.server("s2")["state"] == "DOWN"
    assert {ask_name(address) for _ in range(6)} == {"one"}
    assert proxy.server("s2")["retries"] == retries


def test_new_settings_act_on_the_next_connection(proxied, serve):
    proxy, address = proxied(serve(echo))
    old = connect(address)
    assert round_trip(old)
    config = changed(proxy)
    config["backends"][0]["timeouts"] = {"idle": "400ms"}
    assert "~1 backend" in proxy.reload(config)
    with connect(address) as new:
        assert round_trip(new)
        ending_of(new)
    assert round_trip(old), "the one before keeps the timeout it began with"
    old.close()
    wait_for(lambda: proxy.reasons() == {("idle_timeout", "us"): 1, ("client_closed", "client"): 1},
             "each with its own reason")


def test_a_frontend_gets_another_backend(proxied, serve):
    proxy, address = proxied(serve(name_of("one")))
    config = changed(proxy)
    config["backends"].append(backend("green", [server("g1", serve(name_of("green")))],
                                      health_check={"type": "none"}))
    config["frontends"][0]["backend"] = "green"
    assert "+1 backend" in proxy.reload(config)
    assert ask_name(address) == "green"


def test_the_process_is_the_same(proxied, serve):
    proxy, _ = proxied(serve(echo))
    before = proxy.status()
    for _ in range(5):
        proxy.reload()
    after = proxy.status()
    assert after["pid"] == before["pid"] == proxy.pid
    assert after["uptime"] >= before["uptime"]
    assert after["reloads"] == 5 and after["generation"] == 6
