"""Keys that change while bytes flow, in either gear: nothing is lost or doubled."""

import pytest

from harness import ktls, modes, tls
from harness.clients import connect
from harness.settings import volume
from harness.thread_server import read_exactly, read_to_end
from harness.typed import SClient, SServer, words
from harness.waiting import wait_for

UPDATES = volume(12, 4)
DOWN, BOTH = 1 << 19, 1 << 18  # bytes for each key, to the client and each way


@pytest.fixture
def typed_client(passage, authority, shop):
    """typed_client(handler, mode, gear) -> (Sluice, an SClient that is connected)."""
    clients = []

    def start(handler, mode, gear):
        here = passage(authority, shop, mode, handler, version=tls.TLS13, ktls=gear)
        clients.append(SClient(here.address, authority))
        wait_for(clients[-1].is_connected, "it is connected")
        return here.proxy, clients[-1]

    yield start
    for one in clients:
        one.end()


@pytest.fixture
def typed_server(proxied, authority, shop, tmp_path):
    """typed_server(mode, gear) -> (Sluice, an SServer, a client that it listens to)."""
    app, clients = SServer(shop, tmp_path), []

    def start(mode, gear):
        wait_for(app.is_listening, "it listens")
        proxy, address = proxied(modes.entry(mode, app), ktls=gear,
                                 **modes.settings_of(mode, authority, shop))
        clients.append(tls.connect(address, tls.client_context(authority, tls.TLS13))
                       if modes.is_client_secure(mode) else connect(address))
        clients[-1].sendall(b"hello")
        wait_for(lambda: b"hello" in app.out, "it hears what it is told")
        return proxy, app, clients[-1]

    yield start
    for one in clients:
        one.close()
    app.end()


def keys_followed(proxy):
    return sum(proxy.metrics("sluice_worker_tls_key_updates_total").values())


@ktls.gears(ktls.with_rekey)
@pytest.mark.parametrize("mode", ["offload", "reencrypt"])
def test_keys_change_in_the_middle_of_bulk(typed_client, mode, gear):
    """`K`: the client's key changes and ours has to, each time while half a MiB comes down."""
    body = words(DOWN * UPDATES, mode)

    def stream(accepted, _server):
        for start in range(0, len(body), DOWN):
            accepted.recv(100)
            accepted.sendall(body[start:start + DOWN])
        read_to_end(accepted)

    proxy, client = typed_client(stream, mode, gear)
    for number in range(UPDATES):
        begin = len(client.out)
        client.say(b"go\n")
        wait_for(lambda begin=begin: len(client.out) > begin + 1000, "bytes flow")
        client.say(b"K\n")  # a command must be the first letter of a read
        wait_for(lambda number=number: client.key_updates() > number, "a new key")
        wait_for(lambda begin=begin: len(client.out) >= begin + DOWN, "the rest of them")
    assert body in client.out
    assert keys_followed(proxy) == UPDATES
    ktls.expect_gear(proxy, gear)


@ktls.gears(ktls.with_rekey)
@pytest.mark.parametrize("command", [b"k\n", b"K\n"], ids=["one_way", "both_ways"])
@pytest.mark.parametrize("mode", ["reencrypt", "originate"])
def test_the_servers_keys_change_between_bulk(typed_server, mode, command, gear):
    """`k`: the server's key changes; `K`: ours toward it has to as well. Then bytes flow both ways
    at once. (s_server leaves bytes lying that come while it changes its key.)"""
    down, up = words(BOTH * UPDATES, "down"), words(BOTH * UPDATES, "up")
    proxy, app, client = typed_server(mode, gear)
    for number in range(UPDATES):
        part = slice(number * BOTH, (number + 1) * BOTH)
        app.say(command)  # must be the first letter of a read
        wait_for(lambda number=number: app.key_updates(">>>") > number, "a new key")
        app.say(down[part])
        client.sendall(up[part])
        assert read_exactly(client, BOTH) == down[part]
        wait_for(lambda part=part: up[part] in app.heard(), "all has arrived")
    assert keys_followed(proxy) == UPDATES
    assert app.key_updates("<<<") == (UPDATES if command == b"K\n" else 0)
    ktls.expect_gear(proxy, gear)


# --- Where the kernel's gear cannot follow ---

def expect_stranded(proxy):
    """Whole until then, and an end that is told, counted and explained."""
    wait_for(lambda: proxy.reasons() == {("limit", "us"): 1}, "it ends, counted")
    assert sum(proxy.metrics("sluice_worker_tls_stranded_total").values()) == 1
    wait_for(lambda: 'problem="this kernel cannot replace a TLS key"' in proxy.log(),
             "the log says why")
    ktls.expect_gear_of_ended(proxy, "on")


@pytest.mark.smoke
@ktls.without_rekey
@pytest.mark.parametrize("mode", ["offload", "reencrypt"])
@pytest.mark.parametrize("command", [b"k\n", b"K\n"], ids=["one_way", "both_ways"])
def test_the_clients_new_key_ends_it(typed_client, mode, command):
    body = words(DOWN, mode)

    def answer(accepted, _server):
        accepted.recv(100)
        accepted.sendall(body)
        read_to_end(accepted)

    proxy, client = typed_client(answer, mode, "on")
    client.say(b"go\n")
    wait_for(lambda: body in client.out, "bulk has come")
    client.say(command)
    wait_for(client.has_ended, "it is cut")
    assert b"alert internal error" in client.told
    expect_stranded(proxy)


@pytest.mark.smoke
@ktls.without_rekey
@pytest.mark.parametrize("mode", ["reencrypt", "originate"])
def test_the_servers_new_key_ends_it(typed_server, mode):
    body = words(BOTH, mode)
    proxy, app, client = typed_server(mode, "on")
    app.say(body)
    assert read_exactly(client, BOTH) == body
    app.say(b"k\n")
    if modes.is_client_secure(mode):
        client.suppress_ragged_eofs = False  # a bare FIN would be taken for an end
    with pytest.raises(OSError):
        client.recv(1)
    expect_stranded(proxy)
