"""max_connections: never exceeded; who finds no room waits for it, in order, within bounds."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.clients import connect, ending_of, round_trip
from harness.sluice import server
from harness.thread_server import echo, read_exactly, reset, silent
from harness.waiting import holds_for, wait_for

CLOSED, FULL, TIMEOUT = ("client_closed", "client"), ("queue_full", "us"), ("queue_timeout", "us")


class Gate:
    """A handler that counts how many are inside at once, and notes what each says first."""

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.order = []

    def __call__(self, accepted, _server):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            first = accepted.recv(4)
            with self.lock:
                self.order.append(first)
            accepted.sendall(first)
            echo(accepted, _server)
        finally:  # before the socket closes: the proxy cannot know of the end any earlier
            with self.lock:
                self.inside -= 1


def visit(address):
    with connect(address, 60) as client:
        return round_trip(client)


def entered(address):
    """A client that is being served: who connects later comes after it, on any worker."""
    client = connect(address, 60)
    assert round_trip(client)
    return client


def queue_of(proxy):
    return proxy.admin.rows("backends")[0]["queue"]


def limited(one, most, name="s1", **keys):
    return server(name, one, max_connections=most, **keys)


@pytest.mark.smoke
def test_never_more_than_the_limit(proxied, serve):
    """300 clients, 40 at a time, four workers, two servers of 3 and 2."""
    gates = [Gate(), Gate()]
    one, two = (serve(gate) for gate in gates)
    proxy, address = proxied(limited(one, 3), limited(two, 2, "s2"), workers=4,
                             backend_keys={"timeouts": {"queue": "60s"}})
    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(visit, [address] * 300))
    assert [gate.most for gate in gates] == [3, 2]
    assert one.accepted + two.accepted == 300
    wait_for(lambda: proxy.status()["sessions"] == 0, "all are over")
    assert proxy.reasons() == {CLOSED: 300}
    assert queue_of(proxy) == 0


@pytest.mark.smoke
def test_in_the_order_of_their_coming(proxied, serve):
    gate = Gate()
    proxy, address = proxied(limited(serve(gate), 1), workers=4,
                             backend_keys={"timeouts": {"queue": "60s"}})
    clients = []
    for number in range(30):
        clients.append(connect(address, 60))
        clients[-1].sendall(b"%04d" % number)
        wait_for(lambda: proxy.server("s1")["current"] == 1, "the first one is served")
        wait_for(lambda: queue_of(proxy) == number, "the others wait")
    assert proxy.server("s1")["queue"] == 0, "they wait for any server"
    assert sum(row["state"] == "waiting" for row in proxy.sessions()) == 29
    for number, client in enumerate(clients):
        assert read_exactly(client, 4) == b"%04d" % number
        client.close()
    assert gate.order == [b"%04d" % number for number in range(30)]
    assert gate.most == 1


def test_not_longer_than_the_timeout(proxied, serve):
    proxy, address = proxied(limited(serve(echo), 1),
                             backend_keys={"timeouts": {"queue": "200ms"}})
    with entered(address) as first:
        with connect(address) as second:
            assert ending_of(second)[0] == b""
        assert proxy.reasons() == {TIMEOUT: 1}
        assert round_trip(first)


@pytest.mark.parametrize("size", [0, 2])
def test_not_more_than_the_queue_holds(proxied, serve, size):
    proxy, address = proxied(limited(serve(echo), 1), workers=2,
                             backend_keys={"queue_size": size, "timeouts": {"queue": "60s"}})
    with entered(address) as first:
        waiting = []
        for _ in range(size):  # one by one: two workers may take two in either order
            waiting.append(connect(address, 60))
            wait_for(lambda: queue_of(proxy) == len(waiting), "it waits")
        for _ in range(3):
            with connect(address) as refused:
                assert ending_of(refused)[0] == b""
        assert proxy.reasons()[FULL] == 3
    for client in waiting:
        assert round_trip(client)
        client.close()


def test_a_client_that_resets_loses_its_place(proxied, serve):
    gate = Gate()
    proxy, address = proxied(limited(serve(gate), 1))
    first = entered(address)
    second = connect(address)
    wait_for(lambda: queue_of(proxy) == 1, "one waits")
    third = connect(address)
    third.sendall(b"0002")
    wait_for(lambda: queue_of(proxy) == 2, "two wait")
    reset(second)
    wait_for(lambda: queue_of(proxy) == 1, "one waits")
    first.close()
    assert read_exactly(third, 4) == b"0002"
    assert proxy.reasons()[("client_reset", "client")] == 1
    third.close()


def test_a_higher_limit_serves_who_waits(proxied, serve):
    proxy, address = proxied(limited(serve(echo), 1), workers=2)
    clients = [entered(address), connect(address), connect(address)]
    wait_for(lambda: queue_of(proxy) == 2, "two wait")
    config = proxy.config
    config["backends"][0]["servers"][0]["max_connections"] = 2
    proxy.reload(config)
    wait_for(lambda: queue_of(proxy) == 1, "one is served")
    config["backends"][0]["servers"][0]["max_connections"] = 0
    proxy.reload(config)
    for client in clients:
        assert round_trip(client)
        client.close()


def test_a_lower_limit_holds_for_the_next(proxied, serve):
    proxy, address = proxied(limited(serve(echo), 3))
    clients = [connect(address) for _ in range(3)]
    assert all(round_trip(client) for client in clients)
    config = proxy.config
    config["backends"][0]["servers"][0]["max_connections"] = 1
    proxy.reload(config)
    late = connect(address)
    for client in clients:
        wait_for(lambda: queue_of(proxy) == 1, "it waits")
        client.close()
    assert round_trip(late)
    late.close()


def test_a_server_of_the_new_file_serves_newcomers(proxied, serve):
    """Who waits goes by the table he came with, and does not hold up those of the next."""
    proxy, address = proxied(limited(serve(echo), 1), workers=2)
    with entered(address) as first, connect(address) as second:
        wait_for(lambda: queue_of(proxy) == 1, "one waits")
        config = proxy.config
        config["backends"][0]["servers"].append(server("s2", serve(echo)))
        proxy.reload(config)
        for _ in range(5):
            with connect(address) as third:
                assert round_trip(third)
        first.close()
        assert round_trip(second)


def test_drained_servers_leave_the_rest_to_the_others(proxied, serve):
    """A drain takes the server out of the general line; those who wait get another one."""
    one, two = serve(Gate()), serve(Gate())
    proxy, address = proxied(limited(one, 1), limited(two, 1, "s2"), workers=2)
    first, second = entered(address), entered(address)
    third = connect(address)
    wait_for(lambda: queue_of(proxy) == 1, "one waits")
    proxy.lbstat("server", "back/s1", "maintenance")
    first.close()
    second.close()
    assert round_trip(third)
    assert two.accepted == 2
    with connect(address) as fourth:
        wait_for(lambda: queue_of(proxy) == 1, "s1 is not for it")
        proxy.lbstat("server", "back/s1", "ready")
        assert round_trip(fourth)
    third.close()


def test_nobody_waits_for_servers_that_are_out(proxied, serve):
    proxy, address = proxied(limited(serve(echo), 1))
    with entered(address) as first, connect(address) as second:
        wait_for(lambda: queue_of(proxy) == 1, "one waits")
        proxy.lbstat("server", "back/s1", "maintenance")
        assert ending_of(second)[0] == b""
        assert proxy.reasons() == {("no_server", "us"): 1}
        assert round_trip(first)


def test_persistent_clients_wait_for_their_own_server(proxied, serve):
    one, two = serve(echo), serve(echo)
    proxy, address = proxied(limited(one, 1), limited(two, 1, "s2"), workers=2,
                             backend_keys={"persistence": "source_ip"})
    with entered(address) as first, connect(address) as second:
        mine = next(row for row in proxy.admin.rows("servers") if row["current"])
        wait_for(lambda: proxy.server(mine["server"])["queue"] == 1, "it waits for its server")
        first.close()
        assert round_trip(second)
    assert (one.accepted, two.accepted) in ((2, 0), (0, 2))


@pytest.mark.parametrize("policy", ["round_robin", "least_connections", "random", "source_hash",
                                    "first"])
def test_full_servers_are_skipped(proxied, serve, policy):
    one, two = serve(echo), serve(echo)
    proxy, address = proxied(limited(one, 1), limited(two, 4, "s2"),
                             backend_keys={"policy": policy})
    clients = [entered(address) for _ in range(5)]
    assert (one.accepted, two.accepted) == (1, 4)
    for client in clients:
        client.close()


def test_http_is_told(proxied, serve):
    proxy, address = proxied(limited(serve(silent), 1), frontend_keys={"protocol": "http"},
                             backend_keys={"timeouts": {"queue": "200ms"}})
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with connect(address) as first, connect(address) as second:
        first.sendall(request)
        wait_for(lambda: proxy.server("s1")["current"] == 1, "it is there")
        second.sendall(request)
        assert ending_of(second)[0].startswith(b"HTTP/1.1 503 ")


def test_stop_ends_the_wait(proxied, serve):
    proxy, address = proxied(limited(serve(echo), 1), stop_timeout="300ms",
                             backend_keys={"timeouts": {"queue": 0}})
    with entered(address) as first, connect(address) as second:
        wait_for(lambda: queue_of(proxy) == 1, "one waits")
        proxy.stop()
        assert ending_of(second)[0] == b""


# --- Frontends ---

@pytest.mark.smoke
def test_a_frontend_takes_no_more_than_its_limit(proxied, serve):
    """The rest waits in front of it and is served as others leave."""
    gate = Gate()
    proxy, address = proxied(serve(gate), workers=4, frontend_keys={"max_connections": 5})
    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(visit, [address] * 200))
    assert 1 < gate.most <= 5
    wait_for(lambda: proxy.status()["sessions"] == 0, "all are over")
    assert proxy.frontend("front")["max"] == 5
    assert proxy.frontend("front")["total"] == 200


def test_a_frontend_that_is_full_leaves_the_others_alone(proxied, serve):
    proxy, address = proxied(serve(echo), frontend_keys={"max_connections": 1}, workers=2)
    with entered(address) as first, connect(address) as second:
        second.sendall(b"ping")
        second.settimeout(0.3)
        with pytest.raises(TimeoutError):
            second.recv(1)
        assert proxy.frontend("front")["current"] == 1
        config = proxy.config
        config["frontends"][0]["max_connections"] = 0
        second.settimeout(20)
        proxy.reload(config)
        assert read_exactly(second, 4) == b"ping"
    wait_for(lambda: proxy.status()["sessions"] == 0, "all are over")


# --- Client addresses ---

def header(source, version="4"):
    far = "198.51.100.2" if version == "4" else "2001:db8::ffff"
    return f"PROXY TCP{version} {source} {far} 40000 443\r\n".encode()


@pytest.mark.smoke
def test_an_address_gets_no_more_than_its_limit(proxied, serve):
    proxy, address = proxied(serve(echo), workers=4, frontend_keys={"max_connections_per_ip": 10})

    def is_let_in(_):
        client = connect(address, 30)
        client.sendall(b"ping")
        try:
            return client if read_exactly(client, 4) == b"ping" else None
        except ConnectionError:
            return None

    with ThreadPoolExecutor(30) as pool:
        inside = [client for client in pool.map(is_let_in, range(60)) if client]
    assert len(inside) == 10
    assert proxy.reasons() == {("limit", "us"): 50}
    inside.pop().close()
    wait_for(lambda: is_let_in(0), "there is room again")


def test_behind_a_proxy_its_clients_count(proxied, serve):
    proxy, address = proxied(serve(echo), frontend_keys={
        "accept_proxy_protocol": {"from": ["127.0.0.0/8"]}, "max_connections_per_ip": 1})
    inside = []
    for source, version in (("192.0.2.1", "4"), ("192.0.2.2", "4"), ("2001:db8::1", "6"),
                            ("2001:db8::2", "6")):
        inside.append(connect(address))
        inside[-1].sendall(header(source, version) + b"ping")
        assert read_exactly(inside[-1], 4) == b"ping"
        with connect(address) as again:
            again.sendall(header(source, version) + b"ping")
            assert ending_of(again)[0] == b""
    assert proxy.reasons() == {("limit", "us"): 4}


# --- The server's time to answer ---

def test_a_server_that_does_not_answer(proxied, serve):
    proxy, address = proxied(serve(silent), backend_keys={"timeouts": {"response": "300ms"}})
    with connect(address) as quiet:
        with connect(address) as client:
            client.sendall(b"ping")
            assert ending_of(client)[0] == b""
        assert proxy.reasons() == {("response_timeout", "server"): 1}
        holds_for(lambda: proxy.status()["sessions"] == 1, "who asks nothing may wait", 0.5)
        quiet.close()


def test_http_is_told_that_it_does_not_answer(proxied, serve):
    proxy, address = proxied(serve(silent), frontend_keys={"protocol": "http"},
                             backend_keys={"timeouts": {"response": "300ms"}})
    with connect(address) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert ending_of(client)[0].startswith(b"HTTP/1.1 504 ")
    wait_for(lambda: proxy.reasons() == {("response_timeout", "server"): 1}, "it is counted")


def test_one_that_has_answered_may_take_its_time(proxied, serve):
    proxy, address = proxied(serve(echo), backend_keys={"timeouts": {"response": "1s"}})
    with connect(address) as client:
        assert round_trip(client)
        holds_for(lambda: proxy.status()["sessions"] == 1, "it stays", 1.5)
        assert round_trip(client)
