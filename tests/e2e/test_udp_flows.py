"""Many UDP flows: over reloads, and beside a flood."""

import copy
import random
import resource
import socket

import pytest

from harness import process
from harness.paced_flows import PacedFlows, Sink
from harness.settings import SANITIZED, volume
from harness.sluice import server
from harness.udp import ask, echo, udp_client
from harness.waiting import wait_for


@pytest.fixture(autouse=True)
def enough_descriptors():
    """One for each client here, one for each flow in the proxy, which takes our limit over."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 8192
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"needs {needed} descriptors, may have {hard}")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def variants(config, sink):
    """Three of four servers each, with other weights, policies and limits."""
    result = []
    for turn in range(4):
        one = copy.deepcopy(config)
        back = one["backends"][0]
        back["servers"] = [server(f"s{index}", each, weight=1 + (turn + index) % 3)
                           for index, each in enumerate(sink.addresses, 1) if index % 4 != turn]
        back["policy"] = ("round_robin", "least_connections", "source_hash", "random")[turn]
        back["udp"] = {"idle": f"{60 + turn}s", "max_flows": 5000 + turn}
        result.append(one)
    return result


@pytest.mark.alone
@pytest.mark.heavy
def test_reloads_lose_and_move_nothing(proxied_udp):
    """1,000 flows of 50 datagrams a second each (fewer where the volume is small, so that a busy
    machine keeps up), while servers come and go."""
    reloads = volume(10)
    count = min(1000, volume(400))
    sink = Sink(4)
    proxy, address = proxied_udp(*(server(f"s{index}", each)
                                   for index, each in enumerate(sink.addresses, 1)))
    configurations = variants(proxy.config, sink)
    flows = PacedFlows(address, count)
    wait_for(lambda: proxy.status()["sessions"] == count, "every flow has begun")
    for turn in range(reloads):
        before = proxy.frontend("front")["bytes_in"]
        assert "0 sessions closed" in proxy.reload(configurations[turn % 4])
        wait_for(lambda mark=before: proxy.frontend("front")["bytes_in"] > mark + count * 208 * 5,
                 "a tenth of a second of traffic")
    client, served = flows.finish(), sink.totals()
    assert client["unanswered"] == 0
    assert served["lost"] == served["late"] == served["moved"] == 0
    assert served["received"] == client["sent"] > count * 5 * reloads
    status = proxy.status()
    assert status["sessions"] == count and proxy.frontend("front")["total"] == count
    assert all(row[name] == 0 for row in status["workers"]
               for name in ("udp_overflowed", "udp_without_flow", "udp_oversize", "udp_unsent"))


def flood(address, count):
    """One datagram each from so many addresses and ports."""
    for _ in range(count):
        ip = f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((ip, 0))
            client.sendto(b"flood", address)


@pytest.mark.heavy
def test_a_flood_of_sources(proxied_udp, serve_udp):
    """The limit holds, memory does not grow, and those who spoke before are not thrown out."""
    most = 1000
    upstream = serve_udp(echo)
    proxy, address = proxied_udp(upstream, backend_keys={"udp": {"max_flows": most}})
    clients = {b"client %d" % number: udp_client(address) for number in range(100)}

    def all_are_answered():
        return all(ask(client, question) == question for question, client in clients.items())

    assert all_are_answered() and all_are_answered()
    flood(address, 2 * most)
    wait_for(lambda: proxy.status()["sessions"] <= most, "the limit holds")
    warm = process.resident_kib(proxy.pid)
    for _ in range(10):
        flood(address, volume(2000))
        assert proxy.status()["sessions"] <= most + most // 2, "a share more for a moment"
        assert all_are_answered()
    if not SANITIZED:
        assert process.resident_kib(proxy.pid) < warm + 2048
    wait_for(lambda: proxy.status()["sessions"] <= most, "the limit holds")
    assert all(len(upstream.said_by[question]) == 1 for question in clients), "their ports stayed"
    evicted = sum(row["udp_flows_evicted"] for row in proxy.status()["workers"])
    assert evicted == proxy.reasons()[("limit", "us")]
    assert evicted >= proxy.frontend("front")["total"] - most
    for client in clients.values():
        client.close()
