"""The policies random, source_hash and first, through the running program."""

import resource
import socket
import threading
from collections import Counter

import pytest

from harness.addresses import free_address
from harness.clients import ask_name, connect
from harness.settings import TIME_SCALE
from harness.sluice import server
from harness.thread_server import name_of, named_echo, read_to_end
from harness.waiting import wait_for


class Holder:
    """Accepts and keeps what it accepts, without a thread for each."""

    def __init__(self):
        self.address = free_address()
        self.held = []
        self._listener = socket.create_server(self.address, backlog=4096)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.held.append(self._listener.accept()[0])
            except OSError:
                return

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self.held:
            one.close()


def ask_name_from(ip, address):
    """As ask_name(), from this local address."""
    client = socket.create_connection(address, timeout=10 * TIME_SCALE, source_address=(ip, 0))
    with client:
        return read_to_end(client).decode()


@pytest.mark.heavy
@pytest.mark.parametrize("policy", ["random", "least_connections"])
def test_held_connections_are_level(policy, proxied):
    """4,000 connections that stay, ten servers, two workers, a reload in the middle."""
    needed = 4000 * 4 + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"needs {needed} descriptors, may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    holders = [Holder() for _ in range(10)]
    clients = []
    try:
        proxy, address = proxied(*holders, workers=2, backend_keys={"policy": policy})
        for number in range(4000):
            clients.append(connect(address))
            if number == 2000:
                proxy.reload()
        wait_for(lambda: sum(len(one.held) for one in holders) == 4000, "all have arrived")
        rows = proxy.admin.rows("servers")
        loads = [row["current"] for row in rows]
        assert sum(loads) == 4000
        assert max(loads) <= 403 and (policy == "random" or max(loads) - min(loads) <= 2), loads
    finally:
        for client in clients:
            client.close()
        for holder in holders:
            holder.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.smoke
def test_source_hash_keeps_clients(proxied, serve):
    """Each client has its server, on every worker, after a reload with the servers turned round;
    a server that stops answering moves its own clients only."""
    entries = [server(f"s{number}", serve(name_of(f"s{number}"))) for number in range(1, 6)]
    proxy, address = proxied(*entries, workers=2,
                             backend_keys={"policy": "source_hash", "retries": 3})
    clients = [f"127.0.7.{number}" for number in range(1, 41)]
    homes = {ip: ask_name_from(ip, address) for ip in clients}
    assert len(set(homes.values())) == 5, "40 clients use all five servers"
    assert all(ask_name_from(ip, address) == homes[ip] for ip in clients for _ in range(2))

    proxy.config["backends"][0]["servers"].reverse()
    proxy.reload(proxy.config)
    assert {ip: ask_name_from(ip, address) for ip in clients} == homes

    proxy.config["backends"][0]["servers"] = [
        entry for entry in proxy.config["backends"][0]["servers"] if entry["name"] != "s3"]
    proxy.reload(proxy.config)
    after = {ip: ask_name_from(ip, address) for ip in clients}
    moved = [ip for ip in clients if after[ip] != homes[ip]]
    assert all(homes[ip] == "s3" for ip in moved) or len(moved) <= 1 + sum(
        home == "s3" for home in homes.values())
    assert "s3" not in after.values()


def test_source_hash_bounds_the_load(proxied, serve):
    """One client with a hundred connections does not bury its server."""
    entries = [server(f"s{number}", serve(named_echo(f"s{number}"))) for number in range(1, 6)]
    _, address = proxied(*entries, workers=1, backend_keys={"policy": "source"})
    held = [connect(address) for _ in range(100)]
    counts = Counter(client.recv(2).decode() for client in held)
    for client in held:
        client.close()
    assert max(counts.values()) == 25, "125 % of 20"


def test_first_takes_the_first_that_is_there(proxied, serve):
    servers = [serve(name_of(f"s{number}")) for number in range(1, 4)]
    entries = [server(f"s{number}", one) for number, one in enumerate(servers, 1)]
    _, address = proxied(*entries, backend_keys={"policy": "first"})
    assert [ask_name(address) for _ in range(6)] == ["s1"] * 6
    servers[0].stop_listening()
    assert [ask_name(address) for _ in range(6)] == ["s2"] * 6
