"""Who gets the connection: round robin, weights, least connections."""

from collections import Counter

import pytest

from harness.clients import ask_name, connect
from harness.sluice import server
from harness.thread_server import name_of, named_echo
from harness.waiting import wait_for


def named(serve, count, **keys):
    """Entries of `count` servers s1, s2, ... that say their name."""
    return [server(f"s{number}", serve(name_of(f"s{number}")), **keys)
            for number in range(1, count + 1)]


def spread(address, count):
    return Counter(ask_name(address) for _ in range(count))


@pytest.mark.parametrize("workers", [1, 2])
def test_round_robin_is_even(workers, proxied, serve):
    """Each worker takes turns of its own: the totals differ by at most one for each worker."""
    _, address = proxied(*named(serve, 3), workers=workers)
    counts = spread(address, 91)
    assert sum(counts.values()) == 91 and len(counts) == 3
    assert max(counts.values()) - min(counts.values()) <= workers


def test_round_robin_takes_turns(proxied, serve):
    _, address = proxied(*named(serve, 3), workers=1)
    order = [ask_name(address) for _ in range(12)]
    assert order == order[:3] * 4 and len(set(order)) == 3


def test_weights_are_exact_and_smooth(proxied, serve):
    """5:2:1 out of 16, and the heavy one never three times in a row more than it must."""
    entries = named(serve, 3)
    for entry, weight in zip(entries, (5, 2, 1)):
        entry["weight"] = weight
    _, address = proxied(*entries, workers=1)
    order = [ask_name(address) for _ in range(16)]
    assert Counter(order) == {"s1": 10, "s2": 4, "s3": 2}
    assert "s1s1s1s1" not in "".join(order), "smooth: not in blocks"


def test_weight_zero_gets_nothing(proxied, serve):
    entries = named(serve, 2)
    entries[0]["weight"] = 0
    _, address = proxied(*entries)
    assert spread(address, 20) == {"s2": 20}


@pytest.mark.parametrize("workers", [1, 2])
def test_least_connections(workers, proxied, serve):
    """Ten connections stay on two servers; when one server's go, the next ones go there."""
    entries = [server(name, serve(named_echo(name))) for name in ("s1", "s2")]
    proxy, address = proxied(*entries, workers=workers,
                             backend_keys={"policy": "least_connections"})
    held = {"s1": [], "s2": []}
    for _ in range(10):
        client = connect(address)
        held[client.recv(2).decode()].append(client)
    assert (len(held["s1"]), len(held["s2"])) == (5, 5)
    for client in held["s1"]:
        client.close()
    wait_for(lambda: proxy.server("s1")["current"] == 0, "the count is down")
    again = [connect(address) for _ in range(5)]
    assert [client.recv(2).decode() for client in again] == ["s1"] * 5
    assert proxy.server("s1")["current"] == proxy.server("s2")["current"] == 5
    for client in again + held["s2"]:
        client.close()
    wait_for(lambda: proxy.server("s1")["current"] == proxy.server("s2")["current"] == 0,
             "the counts of both workers add up to zero")
    assert proxy.server("s1")["max"] == proxy.server("s2")["max"] == 5


def test_least_connections_weighs(proxied, serve):
    entries = [server(name, serve(named_echo(name)), weight=weight)
               for name, weight in (("s1", 3), ("s2", 1))]
    _, address = proxied(*entries, workers=1, backend_keys={"policy": "leastconn"})
    held = [connect(address) for _ in range(12)]
    assert Counter(client.recv(2).decode() for client in held) == {"s1": 9, "s2": 3}
    for client in held:
        client.close()


def test_workers_share_the_work(proxied, serve):
    """Connections spread over the workers, and each one is pinned to a CPU of its own."""
    proxy, address = proxied(*named(serve, 1), workers=2)
    spread(address, 100)
    rows = proxy.status()["workers"]
    assert len(rows) == 2
    assert sum(row["total"] for row in rows) == 100
    assert min(row["total"] for row in rows) > 10, "the kernel's hash spreads them"
