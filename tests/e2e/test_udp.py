"""UDP frontends: flows, servers, limits, what is shown. The smoke tests also run on Linux 6.1."""

import copy
import socket

import pytest

from harness.addresses import text
from harness.settings import TIME_SCALE
from harness.sluice import backend, frontend, server
from harness.udp import (SECONDS, UdpServer, ask, ask_new, echo, free_udp_address, named, silent,
                         udp_client)
from harness.waiting import holds_for, wait_for


@pytest.fixture
def refusing():
    """An address that answers every datagram with "port unreachable"."""
    return free_udp_address()


def drops(proxy, name):
    return sum(row[name] for row in proxy.status()["workers"])


@pytest.mark.smoke
def test_question_and_answer(proxied_udp, serve_udp):
    proxy, address = proxied_udp(serve_udp(echo))
    with udp_client(address) as client:
        for size in (0, 1, 512, 1400, 9000, 65507):
            assert ask(client, b"x" * size) == b"x" * size
    assert proxy.frontend("front")["protocol"] == "udp"
    assert proxy.frontend("front")["bytes_in"] == proxy.frontend("front")["bytes_out"] > 76000


@pytest.mark.smoke
def test_a_flow_keeps_its_server_and_its_port(proxied_udp, serve_udp):
    one, two = serve_udp(named("one")), serve_udp(named("two"))
    proxy, address = proxied_udp(one, two)
    clients = [udp_client(address) for _ in range(20)]
    first = [ask(client, b"1").split(b":")[0] for client in clients]
    assert {*first} == {b"one", b"two"}
    for _ in range(5):
        assert [ask(client, b"2").split(b":")[0] for client in clients] == first
    assert len(one.senders) + len(two.senders) == 20
    assert proxy.status()["sessions"] == 20
    for client in clients:
        client.close()


@pytest.mark.smoke
def test_a_reload_keeps_flows_and_directs_new_ones(proxied_udp, serve_udp):
    old, new = serve_udp(named("old")), serve_udp(named("new"))
    proxy, address = proxied_udp(old)
    with udp_client(address) as client:
        assert ask(client) == b"old:question"
        config = copy.deepcopy(proxy.config)
        config["backends"][0]["servers"] = [server("s2", new)]
        proxy.reload(config)
        assert ask(client) == b"old:question"
        assert ask_new(address) == b"new:question"
    assert len(old.senders) == 1


@pytest.mark.smoke
def test_the_first_datagram_goes_to_another_server(proxied_udp, serve_udp, refusing):
    proxy, address = proxied_udp(server("gone", refusing), serve_udp(named("alive")))
    assert [ask_new(address) for _ in range(6)] == [b"alive:question"] * 6
    assert proxy.server("gone")["errors"] > 0
    assert proxy.server("gone")["retries"] == proxy.server("gone")["errors"]
    assert drops(proxy, "udp_refusals") == proxy.server("gone")["errors"]


def test_over_ipv6(proxied_udp, serve_udp, start_sluice):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    config = {"frontends": [{"name": "front", "protocol": "udp", "listen": f"[::1]:{port}",
                             "backend": "back"}],
              "backends": [backend("back", [server("s1", serve_udp(echo))])]}
    start_sluice(config)
    with udp_client(("::1", port), socket.AF_INET6) as client:
        assert ask(client, b"six") == b"six"


def test_the_answer_comes_from_the_address_that_was_asked(start_sluice, serve_udp):
    port = free_udp_address()[1]
    config = {"frontends": [{"name": "front", "protocol": "udp", "listen": f"0.0.0.0:{port}",
                             "backend": "back"}],
              "backends": [backend("back", [server("s1", serve_udp(echo))])]}
    proxy = start_sluice(config)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.bind(("127.0.0.1", 0))
        for ip in ("127.0.0.1", "127.0.0.2", "127.9.8.7"):
            client.sendto(b"hello", (ip, port))
            assert client.recvfrom(100) == (b"hello", (ip, port))
    assert proxy.status()["sessions"] == 3, "one client that speaks to three addresses"


def test_the_answer_comes_from_the_ipv6_address_that_was_asked(start_sluice, serve_udp):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::", 0))
        port = probe.getsockname()[1]
    start_sluice({
        "frontends": [{"name": "front", "protocol": "udp", "listen": f"[::]:{port}",
                       "backend": "back"}],
        "backends": [backend("back", [server("s1", serve_udp(echo))])]})
    with udp_client(("::1", port), socket.AF_INET6) as client:
        assert ask(client, b"six") == b"six"


def test_tcp_and_udp_share_a_port(start_sluice, serve, serve_udp):
    from harness.addresses import free_address
    from harness.clients import ask_name
    from harness.thread_server import name_of
    address = free_address()
    config = {"frontends": [frontend("tcp", address, "tcp"),
                            frontend("udp", address, "udp", protocol="udp")],
              "backends": [backend("tcp", [server("t", serve(name_of("tcp")))]),
                           backend("udp", [server("u", serve_udp(named("udp")))])]}
    proxy = start_sluice(config)
    assert ask_name(address) == "tcp"
    assert ask_new(address) == b"udp:question"
    assert proxy.frontend("udp")["listen"] == proxy.frontend("tcp")["listen"] == [text(address)]


def test_a_taken_port_is_told(start_sluice, proxied_udp, serve_udp):
    taken = serve_udp(echo)
    proxy, address = proxied_udp(serve_udp(echo))
    config = copy.deepcopy(proxy.config)
    config["frontends"].append(frontend("more", taken.address, "back", protocol="udp"))
    proxy.write(config)
    done = proxy.lbstat("reload", check=False)
    assert done.returncode == 1
    assert "taken by another program" in done.stdout + done.stderr
    assert ask_new(address) == b"question"


def test_an_address_comes_and_goes_and_comes_back(proxied_udp, serve_udp):
    proxy, address = proxied_udp(serve_udp(echo))
    extra = free_udp_address()
    without = copy.deepcopy(proxy.config)
    with_extra = copy.deepcopy(proxy.config)
    with_extra["frontends"].append(frontend("extra", extra, "back", protocol="udp"))
    proxy.reload(with_extra)
    with udp_client(extra) as client:
        assert ask(client, b"1") == b"1"
        proxy.reload(without)
        assert ask(client, b"2") == b"2", "an established flow runs on"
        assert ask_new(address, b"3") == b"3"
        proxy.reload(with_extra)
        assert ask(client, b"4") == b"4"
        assert ask_new(extra, b"5") == b"5"
    assert len([row for row in proxy.sessions() if row["frontend"] == "extra"]) == 2


def test_idle_flows_end(proxied_udp, serve_udp):
    proxy, address = proxied_udp(serve_udp(echo), backend_keys={"udp": {"idle": "300ms"}})
    ask_new(address)
    wait_for(lambda: proxy.reasons() == {("idle_timeout", "us"): 1}, "the flow ended")
    wait_for(lambda: "reason=idle_timeout" in proxy.log(), "a line in the log")
    line = next(line for line in proxy.log().splitlines() if "reason=idle_timeout" in line)
    assert "frontend=front" in line and "bytes_in=8 bytes_out=8" in line
    assert proxy.server("s1")["current"] == 0


def test_responses(proxied_udp, serve_udp):
    def twice(datagram):
        return [datagram + b" a", datagram + b" b"]

    proxy, address = proxied_udp(serve_udp(twice), backend_keys={"udp": {"responses": 2}})
    with udp_client(address) as client:
        assert ask(client, b"1") == b"1 a"
        assert client.recv(100) == b"1 b"
    wait_for(lambda: proxy.reasons() == {("server_closed", "server"): 1}, "the flow ended")


def test_max_flows(proxied_udp, serve_udp):
    proxy, address = proxied_udp(serve_udp(echo), backend_keys={"udp": {"max_flows": 10}})
    clients = [udp_client(address) for _ in range(10)]
    for client in clients:
        ask(client)
    assert proxy.status()["sessions"] == 10
    assert drops(proxy, "udp_flows_evicted") == 0
    for _ in range(30):
        ask_new(address)
    wait_for(lambda: proxy.status()["sessions"] <= 10, "the limit holds")
    assert drops(proxy, "udp_flows_evicted") == 30
    assert proxy.reasons() == {("limit", "us"): 30}


def test_all_down_tries_anyway(proxied_udp, serve_udp):
    """The check says down (nobody listens for TCP there), the server answers all the same."""
    proxy, address = proxied_udp(
        serve_udp(echo), backend_keys={"health_check": {"type": "tcp", "interval": "100ms"}})
    wait_for(lambda: proxy.server("s1")["state"].startswith("DOWN"), "the check fails")
    assert ask_new(address) == b"question"


def test_no_check_unless_asked_for(start_sluice, serve_udp):
    address = free_udp_address()
    proxy = start_sluice({
        "frontends": [frontend("front", address, "back", protocol="udp")],
        "backends": [backend("back", [server("s1", serve_udp(echo))])]})
    assert proxy.server("s1")["state"] == "NOCHECK"


def test_passive_and_weights(proxied_udp, serve_udp):
    one, two, spare = (serve_udp(named(name)) for name in ("one", "two", "spare"))
    _, address = proxied_udp(server("one", one, weight=3), server("two", two),
                             server("spare", spare, passive=True), workers=1)
    answers = [ask_new(address) for _ in range(40)]
    assert answers.count(b"one:question") == 30
    assert answers.count(b"two:question") == 10


def ask_from(ip, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.bind((ip, 0))
        client.connect(address)
        return ask(client)


def test_source_hash_by_address_and_by_flow(proxied_udp, serve_udp):
    servers = [serve_udp(named(str(number))) for number in range(4)]
    proxy, address = proxied_udp(*servers, backend_keys={"policy": "source_hash"})
    clients = [f"127.0.7.{number}" for number in range(1, 21)]
    homes = {ip: ask_from(ip, address) for ip in clients}
    assert len(set(homes.values())) == 4
    moved = [ip for ip in clients if ask_from(ip, address) != homes[ip]]
    assert len(moved) <= 5, "only what its server may not hold beyond 125 % of the mean"
    config = copy.deepcopy(proxy.config)
    config["backends"][0]["udp"] = {"hash": "flow"}
    proxy.reload(config)
    assert len({ask_from(clients[0], address) for _ in range(40)}) == 4


def test_random(proxied_udp, serve_udp):
    _, address = proxied_udp(*(serve_udp(named(str(number))) for number in range(4)),
                             backend_keys={"policy": "random"})
    assert len({ask_new(address) for _ in range(60)}) == 4


def test_first(proxied_udp, serve_udp):
    one, two = serve_udp(named("one")), serve_udp(named("two"))
    _, address = proxied_udp(one, two, backend_keys={"policy": "first"})
    assert {ask_new(address) for _ in range(10)} == {b"one:question"}
    one.stop()
    assert {ask_new(address) for _ in range(10)} == {b"two:question"}


def test_least_connections(proxied_udp, serve_udp):
    servers = [serve_udp(named(str(number))) for number in range(4)]
    proxy, address = proxied_udp(*servers, backend_keys={"policy": "least_connections"})
    clients = [udp_client(address) for _ in range(40)]
    for client in clients:
        ask(client)
    assert [proxy.server(f"s{number}")["current"] for number in range(1, 5)] == [10] * 4


def test_sessions_and_kill(proxied_udp, serve_udp):
    proxy, address = proxied_udp(serve_udp(echo))
    with udp_client(address) as client:
        ask(client)
        row, = proxy.sessions()
        assert row["client"] == text(client.getsockname())
        assert (row["frontend"], row["backend"], row["server"]) == ("front", "back", "s1")
        assert row["state"] == "relaying" and row["bytes_in"] == row["bytes_out"] == 8
        assert "1 " in proxy.lbstat("kill", str(row["id"])).stdout
        wait_for(lambda: proxy.reasons() == {("killed", "us"): 1}, "killed")
        assert proxy.sessions() == []
        assert ask(client) == b"question", "the next datagram begins a new flow"


def test_a_one_way_sender_finds_the_server_that_comes_back(proxied_udp, serve_udp):
    address_of_server = free_udp_address()
    _, address = proxied_udp(server("late", address_of_server))
    with udp_client(address) as client:
        client.send(b"lost")
        late = UdpServer(silent, address=address_of_server)
        try:
            def arrives():
                client.send(b"log line")
                return late.received
            wait_for(arrives, "what is sent after the server has come")
            assert len(late.senders) == 1
        finally:
            late.stop()


def test_a_server_that_restarts_is_found_again(proxied_udp, serve_udp):
    first = UdpServer(named("first"))
    proxy, address = proxied_udp(first)
    with udp_client(address) as client:
        assert ask(client) == b"first:question"
        first.stop()
        client.send(b"lost")
        wait_for(lambda: proxy.reasons().get(("server_reset", "server")), "the refusal is seen")
        second = UdpServer(named("second"), address=first.address)
        try:
            assert ask(client) == b"second:question"
        finally:
            second.stop()


def test_stop_does_not_wait_for_quiet_flows(proxied_udp, serve_udp):
    proxy, address = proxied_udp(serve_udp(echo), stop_timeout="60s")
    ask_new(address)
    proxy.stop(seconds=15)


def test_too_long_for_the_server(start_sluice, serve_udp):
    """IPv6 carries 20 bytes more than IPv4 does."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    proxy = start_sluice({
        "frontends": [{"name": "front", "protocol": "udp", "listen": f"[::1]:{port}",
                       "backend": "back"}],
        "backends": [backend("back", [server("s1", serve_udp(echo))])]})
    with udp_client(("::1", port), socket.AF_INET6) as client:
        client.send(b"x" * 65527)
        wait_for(lambda: drops(proxy, "udp_oversize") == 1, "counted")
        assert ask(client, b"short") == b"short"


def test_too_long_for_the_client(proxied_udp):
    """The other way: an answer over IPv6 that IPv4 does not carry."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as app:
        app.settimeout(SECONDS * TIME_SCALE)
        app.bind(("::1", 0))
        proxy, address = proxied_udp({"name": "s1", "address": "::1",
                                      "port": app.getsockname()[1]})
        with udp_client(address) as client:
            client.send(b"question")
            _, flow = app.recvfrom(100)
            app.sendto(b"x" * 65527, flow)
            wait_for(lambda: drops(proxy, "udp_oversize") == 1, "counted")
            app.sendto(b"y" * 65507, flow)
            assert client.recv(70000) == b"y" * 65507


def test_a_burst_stays_in_order_and_apart(proxied_udp, serve_udp):
    """Datagrams that are joined on their way are the same ones at the other end."""
    sink = serve_udp(silent)
    proxy, address = proxied_udp(sink)
    sent = []
    with udp_client(address) as client:
        for number in range(600):
            size = (1200, 1200, 1200, 1200, 900, 0, 1)[number % 7]
            sent.append((b"%06d" % number + b"x" * size)[:size])
            client.send(sent[-1])
            if number % 50 == 49:
                wait_for(lambda: len(sink.received) == len(sent), "all have arrived")
    assert sink.received == sent
    holds_for(lambda: len(sink.received) == len(sent), "nothing comes twice", 0.1)
    assert proxy.server("s1")["bytes_in"] == sum(map(len, sent))


@pytest.mark.parametrize("rule", ["drain", "close"])
def test_a_server_that_is_removed(rule, proxied_udp, serve_udp):
    old, new = serve_udp(named("old")), serve_udp(named("new"))
    proxy, address = proxied_udp(old, backend_keys={"on_server_removed": rule})
    with udp_client(address) as client:
        assert ask(client) == b"old:question"
        config = copy.deepcopy(proxy.config)
        config["backends"][0]["servers"] = [server("s2", new)]
        told = proxy.reload(config)
        if rule == "close":
            assert "1 session closed" in told
            assert ask(client) == b"new:question"
            assert proxy.reasons() == {("drained", "us"): 1}
        else:
            assert "0 sessions closed" in told
            assert ask(client) == b"old:question"


def test_a_server_in_drain_gets_no_new_flows(proxied_udp, serve_udp):
    one, two = serve_udp(named("one")), serve_udp(named("two"))
    proxy, address = proxied_udp(one, two, workers=1)
    with udp_client(address) as client:
        assert ask(client) == b"one:question"
        proxy.lbstat("server", "back/s1", "drain")
        assert {ask_new(address) for _ in range(6)} == {b"two:question"}
        assert ask(client) == b"one:question"
