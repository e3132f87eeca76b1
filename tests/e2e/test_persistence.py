"""persistence: a client comes back to the server that it was sent to last."""

import socket
from collections import Counter

import pytest

from harness.settings import TIME_SCALE
from harness.sluice import server
from harness.thread_server import name_of, read_to_end
from harness.udp import ask, named as named_udp
from harness.waiting import wait_for

CHECK = {"health_check": {"type": "tcp", "interval": "50ms", "timeout": "1s", "fall": 1, "rise": 1}}
SOURCE_IP = {"persistence": "source_ip"}
CLIENTS = [f"127.0.8.{number}" for number in range(1, 31)]


def ask_name_from(ip, address):
    client = socket.create_connection(address, timeout=10 * TIME_SCALE, source_address=(ip, 0))
    with client:
        return read_to_end(client).decode()


def named(serve, count):
    return [server(f"s{number}", serve(name_of(f"s{number}"))) for number in range(1, count + 1)]


def homes_of(address, clients=CLIENTS):
    return {ip: ask_name_from(ip, address) for ip in clients}


@pytest.mark.smoke
@pytest.mark.parametrize("policy", ["round_robin", "least_connections", "random"])
def test_clients_keep_their_servers_over_reloads(policy, proxied, serve):
    """On both workers; the file turned round, a server added, another size of the table."""
    entries = named(serve, 3)
    proxy, address = proxied(*entries, workers=2, backend_keys=SOURCE_IP | {"policy": policy})
    homes = homes_of(address)
    assert len(Counter(homes.values())) == 3, "all servers have clients"
    assert homes_of(address) == homes
    assert proxy.admin.rows("backends")[0]["persistence_clients"] == len(CLIENTS)

    back = proxy.config["backends"][0]
    back["servers"] = entries[::-1] + [server("s4", serve(name_of("s4")))]
    proxy.reload(proxy.config)
    assert homes_of(address) == homes
    back["persistence_entries"] = 5000
    proxy.reload(proxy.config)
    assert homes_of(address) == homes
    assert proxy.admin.rows("backends")[0]["persistence_clients"] == len(CLIENTS)
    metrics = proxy.admin.ask("GET", "/metrics")[2]
    assert 'sluice_backend_persistence_clients{backend="back"} 30' in metrics


def test_a_replaced_server_keeps_its_clients(proxied, serve):
    """The name stands for the server: what it answers from a new address is not a new server."""
    proxy, address = proxied(*named(serve, 3), workers=2, backend_keys=SOURCE_IP)
    homes = homes_of(address)
    entries = proxy.config["backends"][0]["servers"]
    entries[1] = server("s2", serve(name_of("s2 on another machine")))
    proxy.reload(proxy.config)
    after = homes_of(address)
    assert after == {ip: "s2 on another machine" if home == "s2" else home
                     for ip, home in homes.items()}

    entries[1] = server("s5", serve(name_of("s5")))
    proxy.reload(proxy.config)
    moved = homes_of(address)
    for ip, home in homes.items():
        assert moved[ip] == home or home == "s2"
    assert homes_of(address) == moved, "those who had to move stay where they are now"


def test_clients_of_a_dead_server_move_and_stay(proxied, serve):
    servers = [serve(name_of(f"s{number}")) for number in (1, 2, 3)]
    # Outliers are left out: five refused clients before the first failed check would eject s1.
    keys = SOURCE_IP | CHECK | {"outlier": {"max_fails": 0}}
    proxy, address = proxied(*servers, workers=2, backend_keys=keys)
    homes = homes_of(address)
    servers[0].stop()
    moved = homes_of(address)  # refused ones are tried elsewhere, whatever the check knows already
    assert {ip: home for ip, home in moved.items() if homes[ip] != "s1"} == {
        ip: home for ip, home in homes.items() if home != "s1"}
    assert "s1" not in moved.values()
    wait_for(lambda: proxy.server("s1")["state"].startswith("DOWN"), "s1 is down")
    servers[0].start()
    wait_for(lambda: proxy.server("s1")["state"] == "UP", "s1 is up again")
    assert homes_of(address) == moved, "no second move"


def test_a_drained_server_keeps_its_clients(proxied, serve):
    """Drain and weight 0 turn away new clients only; maintenance everybody."""
    proxy, address = proxied(*named(serve, 2), workers=2, backend_keys=SOURCE_IP)
    homes = homes_of(address)
    proxy.lbstat("server", "back/s1", "drain")
    assert homes_of(address) == homes
    newcomers = [f"127.0.9.{number}" for number in range(1, 9)]
    assert set(homes_of(address, newcomers).values()) == {"s2"}
    proxy.lbstat("server", "back/s1", "ready")
    proxy.lbstat("server", "back/s1", "weight", "0")
    assert homes_of(address) == homes
    proxy.lbstat("server", "back/s1", "maintenance")
    assert set(homes_of(address).values()) == {"s2"}


def test_expiry_and_eviction(proxied, serve):
    keys = SOURCE_IP | {"persistence_expire": "400ms", "persistence_entries": 16}
    proxy, address = proxied(*named(serve, 2), workers=1, backend_keys=keys)

    def row():
        return proxy.admin.rows("backends")[0]

    homes_of(address, [f"127.0.10.{number}" for number in range(1, 41)])
    assert row()["persistence_clients"] == 16
    assert row()["persistence_evictions"] >= 1
    first = ask_name_from("127.0.10.200", address)
    assert all(ask_name_from("127.0.10.200", address) == first for _ in range(6))

    wait_for(lambda: row()["persistence_clients"] == 0, "all have expired and were swept")
    assert len({ask_name_from(f"127.0.10.{number}", address) for number in (1, 2)}) == 2


def test_new_flows_of_a_udp_client_reach_its_server(proxied_udp, serve_udp):
    proxy, address = proxied_udp(*(serve_udp(named_udp(f"s{number}")) for number in (1, 2, 3)),
                                 workers=2, backend_keys=SOURCE_IP)

    def ask_from(ip):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10 * TIME_SCALE)
            client.bind((ip, 0))
            client.connect(address)
            return ask(client).decode()

    homes = {ip: ask_from(ip) for ip in CLIENTS}
    assert len(Counter(homes.values())) == 3
    assert {ip: ask_from(ip) for ip in CLIENTS} == homes
    proxy.reload(proxy.config)
    assert {ip: ask_from(ip) for ip in CLIENTS} == homes
