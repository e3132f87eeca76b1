"""Servers that the configuration calls by host names."""

import pytest
from harness.addresses import free_address
from harness.clients import ask_name, connect, ending_of, round_trip
from harness.hosts import Hosts
from harness.sluice import backend, frontend
from harness.thread_server import echo, name_of
from harness.udp import ask_new, free_udp_address
from harness.udp import named as named_udp
from harness.waiting import holds_for, wait_for

QUICK = {"type": "tcp", "interval": "200ms", "timeout": "500ms", "fall": 1, "rise": 1}


@pytest.fixture
def hosts(tmp_path):
    ours = Hosts(tmp_path)
    if not ours.is_possible():
        pytest.skip("no mount namespace can be made here")
    return ours


@pytest.fixture
def two_homes(serve):
    """One port at two addresses: servers `old` and `new`."""
    old = serve(name_of("old"))
    new = serve(name_of("new"), address=("127.0.0.99", old.address[1]))
    return old.address, new.address


def named(name, port, **keys):
    return {"name": name, "address": name + ".test", "port": port} | keys


def config_of(address, *servers, **keys):
    keys = {"resolve_interval": "200ms", "health_check": {"type": "none"}} | keys
    return {"frontends": [frontend("front", address, "back")],
            "backends": [backend("back", list(servers), **keys)]}


def test_found_at_the_start(start_sluice, hosts, two_homes):
    (ip, port), _ = two_homes
    hosts.set(app=ip)
    address = free_address()
    proxy = start_sluice(config_of(address, named("app", port)), launcher=hosts.launcher)
    assert ask_name(address) == "old"
    assert proxy.server("app")["address"] == f"{ip}:{port}"
    assert f"app.test is at {ip}" in proxy.log()


def test_follows_a_name_that_moves(start_sluice, hosts, two_homes):
    (old, port), (new, _) = two_homes
    hosts.set(app=old)
    address = free_address()
    proxy = start_sluice(config_of(address, named("app", port), health_check=QUICK),
                         launcher=hosts.launcher)
    wait_for(lambda: proxy.server("app")["state"] == "UP", "it is up")
    assert ask_name(address) == "old"
    hosts.set(app=new)
    wait_for(lambda: ask_name(address) == "new", "the name has moved")
    assert proxy.server("app")["address"] == f"{new}:{port}"
    assert proxy.server("app")["state"] == "UP"
    assert f"app.test is at {new} now, it was at {old}" in proxy.log()


def test_sessions_outlive_a_move(start_sluice, hosts, serve):
    old = serve(echo)
    hosts.set(app=old.address[0])
    address = free_address()
    proxy = start_sluice(config_of(address, named("app", old.address[1])), launcher=hosts.launcher)
    with connect(address) as client:
        assert round_trip(client)
        hosts.set(app="127.0.0.99")
        wait_for(lambda: proxy.server("app")["address"].startswith("127.0.0.99:"), "it has moved")
        assert round_trip(client)
        assert proxy.sessions()[0]["address"] == f"{old.address[0]}:{old.address[1]}"


def test_stays_while_an_answer_still_has_it(start_sluice, hosts, two_homes):
    (old, port), (new, _) = two_homes
    hosts.set(app=[old, new])
    address = free_address()
    proxy = start_sluice(config_of(address, named("app", port), named("mark", port)),
                         launcher=hosts.launcher)
    first = proxy.server("app")["address"]
    hosts.set(app=[new, old], mark="127.0.0.98")  # `mark` tells that the file was read again
    wait_for(lambda: proxy.server("mark")["address"] == f"127.0.0.98:{port}", "names were read")
    assert proxy.server("app")["address"] == first


def test_a_failed_lookup_keeps_the_last_answer(start_sluice, hosts, two_homes):
    (old, port), (new, _) = two_homes
    hosts.set(app=old)
    address = free_address()
    proxy = start_sluice(config_of(address, named("app", port)), launcher=hosts.launcher)
    hosts.set()
    wait_for(lambda: f"it stays at {old}" in proxy.log(), "a lookup has failed")
    assert ask_name(address) == "old"
    assert "0 sessions closed" in proxy.reload()
    assert ask_name(address) == "old"
    hosts.set(app=new)
    wait_for(lambda: ask_name(address) == "new", "the name is back")


def test_unknown_at_the_start(start_sluice, hosts, two_homes):
    (ip, port), _ = two_homes
    address = free_address()
    proxy = start_sluice(config_of(address, named("app", port), health_check=QUICK),
                         launcher=hosts.launcher)
    wait_for(lambda: proxy.server("app")["state"] == "DOWN", "it is down")
    row = proxy.server("app")
    assert row["address"] == "-"
    assert row["check"].startswith("cannot resolve app.test: ")
    with connect(address) as client:
        assert ending_of(client)[0] == b""
    hosts.set(app=ip)
    wait_for(lambda: proxy.server("app")["state"] == "UP", "the name is known")
    assert ask_name(address) == "old"


def test_others_serve_while_one_is_unknown(start_sluice, hosts, two_homes):
    (ip, port), _ = two_homes
    hosts.set(app=ip)
    address = free_address()
    proxy = start_sluice(config_of(address, named("lost", port), named("app", port)),
                         launcher=hosts.launcher)
    assert [ask_name(address) for _ in range(6)] == ["old"] * 6
    assert proxy.server("lost")["retries"] + proxy.server("app")["retries"] > 0


def test_a_reload_looks_names_up(start_sluice, hosts, two_homes):
    (old, port), (new, _) = two_homes
    hosts.set(app=old)
    address = free_address()
    proxy = start_sluice(config_of(address, named("app", port), resolve_interval=0),
                         launcher=hosts.launcher)
    assert ask_name(address) == "old"
    hosts.set(app=new)
    holds_for(lambda: ask_name(address) == "old", "nothing is looked up by itself", 0.5)
    proxy.reload()
    assert ask_name(address) == "new"


def test_udp_follows_a_name(start_sluice, hosts, serve_udp):
    old = serve_udp(named_udp("old"))
    new = serve_udp(named_udp("new"), address=("127.0.0.99", old.address[1]))
    hosts.set(app=old.address[0])
    address = free_udp_address()
    config = config_of(address, named("app", old.address[1]))
    config["frontends"][0]["protocol"] = "udp"
    start_sluice(config, launcher=hosts.launcher)
    assert ask_new(address, b"?") == b"old:?"
    hosts.set(app=new.address[0])
    wait_for(lambda: ask_new(address, b"?") == b"new:?", "the name has moved")
