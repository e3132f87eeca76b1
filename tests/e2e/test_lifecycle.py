"""Servers coming and going: drain, maintenance, weights at run time, removed and dead servers."""

import json
import threading
import time
from collections import Counter

import pytest

from harness.clients import ask_name, connect, ending_of, round_trip
from harness.settings import TIME_SCALE
from harness.sluice import server
from harness.thread_server import named_echo
from harness.waiting import wait_for

CHECK = {"health_check": {"type": "tcp", "interval": "50ms", "timeout": "1s", "fall": 1, "rise": 1}}


def two(serve):
    return [serve(named_echo("s1")), serve(named_echo("s2"))]


def open_session(address):
    """(client, the name of its server)."""
    client = connect(address)
    return client, client.recv(3).decode().strip()


def open_until(address, name, count=1):
    """`count` sessions on this server; those on others are closed."""
    found = []
    while len(found) < count:
        client, where = open_session(address)
        if where == name:
            found.append(client)
        else:
            client.close()
    return found


@pytest.mark.smoke
def test_drain_and_ready(proxied, serve):
    """A drained server keeps its sessions and gets no new ones; `ready` brings it back."""
    proxy, address = proxied(*two(serve), workers=2)
    held, = open_until(address, "s1")
    said = proxy.lbstat("server", "back/s1", "drain").stdout
    assert said == "back/s1: DRAIN, weight 1, 1 session; until the next reload\n"
    assert proxy.server("s1")["state"] == "DRAIN"
    for _ in range(8):
        client, where = open_session(address)
        client.close()
        assert where == "s2"
    assert round_trip(held)
    waiter = threading.Timer(0.3, held.close)
    waiter.start()
    proxy.lbstat("server", "back/s1", "drain", "--wait")
    assert proxy.server("s1")["current"] == 0
    proxy.lbstat("server", "back/s1", "ready")
    assert proxy.server("s1")["state"] == "NOCHECK"
    for client in open_until(address, "s1"):
        client.close()


def test_drain_deadline_spreads_the_closing(proxied, serve):
    """After the deadline the rest is closed over a tenth of it, not at once."""
    proxy, address = proxied(*two(serve), workers=2)
    held = open_until(address, "s1", 40)
    began = time.monotonic()
    proxy.lbstat("server", "back/s1", "drain", "--timeout", "3s")
    ends = []
    for client in held:
        threading.Thread(target=lambda one=client: (ending_of(one), ends.append(time.monotonic())),
                         daemon=True).start()
    wait_for(lambda: len(ends) == 40, "all are closed", seconds=10 * TIME_SCALE)
    ends.sort()
    assert ends[0] - began >= 2.9, "nobody before the deadline"
    assert ends[-1] - ends[0] >= 0.15, "spread over 300 ms"
    assert proxy.reasons()[("drained", "us")] == 40
    for client in held:
        client.close()


def test_maintenance_and_unknown_servers(proxied, serve):
    proxy, address = proxied(*two(serve), workers=1)
    assert proxy.lbstat("server", "back/s2", "maintenance").stdout.startswith("back/s2: MAINT")
    assert proxy.server("s2")["state"] == "MAINT"
    assert {open_session(address)[1] for _ in range(6)} == {"s1"}
    assert proxy.lbstat("server", "back/nope", "ready", check=False).returncode == 1
    assert proxy.lbstat("server", "back/s1", "weight", "257", check=False).returncode == 2


@pytest.mark.parametrize("policy", ["round_robin", "least_connections", "random", "source_hash"])
def test_weight_at_run_time_until_the_reload(policy, proxied, serve):
    proxy, address = proxied(*two(serve), workers=2, backend_keys={"policy": policy})
    outcome = json.loads(proxy.lbstat("--json", "server", "back/s1", "weight", "0").stdout)
    assert outcome["weight"] == 0 and outcome["until"] == "the next reload"
    assert proxy.server("s1")["weight"] == 0
    assert {open_session(address)[1] for _ in range(8)} == {"s2"}
    proxy.lbstat("server", "back/s2", "drain")
    client = connect(address)
    assert ending_of(client)[0] == b"", "nobody is left"
    proxy.reload()
    row = proxy.server("s1")
    assert (row["weight"], row["state"]) == (1, "NOCHECK")
    assert proxy.server("s2")["state"] == "NOCHECK"
    assert open_session(address)[1] in ("s1", "s2")


def test_removed_servers_are_drained_or_closed(proxied, serve):
    """By default sessions run on; `close` ends them with the reload, which counts them."""
    proxy, address = proxied(*two(serve), workers=2)
    held = open_until(address, "s1", 3)
    config = proxy.config
    entries = list(config["backends"][0]["servers"])
    config["backends"][0]["servers"] = entries[1:]
    assert "-1 server" in proxy.reload(config)
    assert all(round_trip(client) for client in held)
    assert open_session(address)[1] == "s2"

    config["backends"][0]["servers"] = entries
    proxy.reload(config)
    assert proxy.server("s1")["current"] == 3, "the server is known again"
    config["backends"][0]["servers"] = entries[1:]
    config["backends"][0]["on_server_removed"] = "close"
    assert "3 sessions closed" in proxy.reload(config)
    for client in held:
        assert ending_of(client)[0] == b""
    assert proxy.reasons()[("drained", "us")] == 3


def test_removed_servers_have_a_deadline(proxied, serve):
    proxy, address = proxied(*two(serve), workers=1, backend_keys={"drain_timeout": "500ms"})
    held, = open_until(address, "s1")
    config = proxy.config
    config["backends"][0]["servers"] = config["backends"][0]["servers"][1:]
    began = time.monotonic()
    proxy.reload(config)
    assert round_trip(held)
    assert ending_of(held)[0] == b""
    assert time.monotonic() - began >= 0.5
    assert proxy.reasons()[("drained", "us")] == 1


@pytest.mark.parametrize("rule", ["keep", "close"])
def test_sessions_of_a_server_that_goes_down(rule, proxied, serve):
    servers = two(serve)
    proxy, address = proxied(*servers, workers=2,
                             backend_keys=CHECK | {"on_server_down": rule})
    held = open_until(address, "s1", 4)
    wait_for(lambda: proxy.server("s1")["state"] == "UP", "s1 is checked")
    servers[0].stop_listening()
    wait_for(lambda: proxy.server("s1")["state"].startswith("DOWN"), "s1 is down")
    if rule == "close":
        for client in held:
            assert ending_of(client)[0] == b""
        assert proxy.reasons()[("server_down", "us")] == 4
    else:
        assert all(round_trip(client) for client in held)
        for client in held:
            client.close()


def test_failback_cuts_no_session(proxied, serve):
    """The standby keeps the sessions it got when the active server is back."""
    active, spare = serve(named_echo("s1")), serve(named_echo("s2"))
    active.stop()
    proxy, address = proxied(server("s1", active), server("s2", spare, passive=True),
                             backend_keys=CHECK | {"on_server_down": "close"}, workers=1)
    wait_for(lambda: proxy.server("s1")["state"].startswith("DOWN"), "s1 is down")
    held, where = open_session(address)
    assert where == "s2"
    active.start()
    wait_for(lambda: proxy.server("s1")["state"] == "UP", "s1 is up again")
    assert open_session(address)[1] == "s1"
    assert proxy.server("s2")["state"] == "STANDBY"
    assert round_trip(held)
    held.close()


def test_flapping_servers_under_load(proxied, serve):
    """One server stays; the others come and go under load: no connection fails for want of a
    server. What a server resets itself, because it had taken the connection into the queue that it
    closes, nobody can repair."""
    servers = [serve(named_echo(f"s{number}")) for number in range(1, 5)]
    proxy, address = proxied(*servers, workers=2, backend_keys=CHECK | {"retries": 4})
    is_over = threading.Event()
    counts, failures = Counter(), []

    def load():
        while not is_over.is_set():
            try:
                client, where = open_session(address)
                if where and round_trip(client):
                    counts[where] += 1
                else:
                    failures.append(where)
                client.close()
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(24):
        flapping = servers[turn % 3]
        flapping.stop_listening()
        time.sleep(0.06)  # a flap is a time, not a condition: about one check
        flapping.start()
    is_over.set()
    for thread in threads:
        thread.join()
    assert sum(counts.values()) > 100
    reasons = proxy.reasons()
    by_servers = reasons.get(("server_reset", "server"), 0)
    assert len(failures) <= by_servers <= 24
    assert {reason for reason, _ in reasons} <= {"client_closed", "server_closed", "server_reset",
                                                 "client_reset"}
    assert counts["s4"] > 0 and proxy.server("s4")["errors"] == 0
