"""Servers that refuse: the connection moves on, and every step is counted."""

from harness.addresses import free_address
from harness.clients import ask_name, connect, ending_of
from harness.thread_server import echo, name_of
from harness.waiting import wait_for


def refusing(name):
    ip, port = free_address()
    return {"name": name, "address": ip, "port": port}


def test_the_client_notices_nothing(proxied, serve):
    proxy, address = proxied(refusing("dead"), serve(name_of("alive")), workers=1)
    assert [ask_name(address) for _ in range(20)] == ["alive"] * 20
    dead = proxy.server("dead")
    assert dead["errors"] == dead["retries"] > 0
    assert proxy.server("s2")["total"] == 20
    assert set(proxy.reasons()) == {("server_closed", "server")}


def test_retries_are_limited_and_go_to_other_servers(proxied):
    """Four dead servers, two retries: three attempts, each on another server."""
    proxy, address = proxied(*[refusing(f"dead{number}") for number in range(4)], workers=1,
                             backend_keys={"retries": 2})
    with connect(address) as client:
        assert ending_of(client)[0] == b""
    wait_for(lambda: sum(proxy.reasons().values()) == 1, "it ended")
    errors = sorted(row["errors"] for row in proxy.admin.rows("servers"))
    assert errors == [0, 1, 1, 1]
    assert {reason for reason, _ in proxy.reasons()} == {"connect_failed"}
    assert proxy.frontend("front")["errors"] == 1


def test_no_retries(proxied, serve):
    proxy, address = proxied(refusing("dead"), serve(name_of("alive")), workers=1,
                             backend_keys={"retries": 0})
    answers = []
    for _ in range(10):
        with connect(address) as client:
            answers.append(ending_of(client)[0])
    assert sorted(answers) == [b""] * 5 + [b"alive"] * 5
    wait_for(lambda: proxy.reasons().get(("connect_failed", "server")) == 5, "five failed")


def test_a_server_that_comes_back_is_used_again(proxied, serve):
    server = serve(name_of("back"))
    server.stop()
    proxy, address = proxied(server, backend_keys={"retries": 0})
    with connect(address) as client:
        assert ending_of(client)[0] == b""
    server.start()
    assert ask_name(address) == "back"
    server.stop()
    with connect(address) as client:
        assert ending_of(client)[0] == b""
    assert proxy.server("s1")["errors"] == 2


def test_bytes_sent_before_the_server_was_found_arrive(proxied, serve):
    """The client talks at once; the first two servers refuse; nothing is lost."""
    _, address = proxied(refusing("d1"), refusing("d2"), serve(echo), workers=1)
    for _ in range(6):
        with connect(address) as client:
            client.sendall(b"early bird" * 1000)
            client.shutdown(1)
            assert ending_of(client) == (b"early bird" * 1000, "closed")
