"""Where frontends listen: ranges of ports, UNIX sockets, sockets that were there before."""

import hashlib
import os
import random
import signal
import socket
import stat
import sys

import pytest
from harness import settings
from harness.addresses import accepts, free_address, text
from harness.clients import connect, ending_of, round_trip
from harness.process import run
from harness.sluice import Sluice, backend, server
from harness.thread_server import echo, named_echo, read_exactly, read_to_end
from harness.udp import ask_new
from harness.udp import echo as echo_udp
from harness.waiting import wait_for

PASS_ON = """
import os, socket, sys
passed = socket.socket(*map(int, sys.argv[1].split(",")))
if sys.argv[2] != "-":
    passed.bind((sys.argv[2].split(":")[0], int(sys.argv[2].split(":")[1])))
    if sys.argv[3] == "listen": passed.listen(64)
os.dup2(passed.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[4], sys.argv[4:])
"""
STREAM = f"{int(socket.AF_INET)},{int(socket.SOCK_STREAM)}"
DATAGRAM = f"{int(socket.AF_INET)},{int(socket.SOCK_DGRAM)}"


def config_of(listen, one, **keys):
    return {"frontends": [{"name": "front", "listen": listen, "backend": "back"} | keys],
            "backends": [backend("back", [server("s1", one)], health_check={"type": "none"})]}


def connect_path(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10 * settings.TIME_SCALE)
    client.connect(str(path))
    return client


def passed_on(address, kind=STREAM, state="listen"):
    """A launcher that opens a socket as descriptor 3, as systemd does, and then becomes Sluice."""
    return [sys.executable, "-c", PASS_ON, kind, text(address), state]


# --- Ranges of ports ---

def test_a_range_of_ports(start_sluice, serve):
    ip, _ = free_address()
    proxy = start_sluice(config_of(f"{ip}:20000-20004", serve(echo)))
    for port in range(20000, 20005):
        with connect((ip, port)) as client:
            assert round_trip(client)
    assert not accepts((ip, 19999)) and not accepts((ip, 20005))
    assert proxy.frontend("front")["listen"] == [f"{ip}:20000-20004"]
    assert proxy.log().count("listens on") == 1


def test_a_range_that_changes(start_sluice, serve):
    """Ports that stay are not touched: connections that wait there are served."""
    one = serve(echo)
    ip, _ = free_address()
    proxy = start_sluice(config_of(f"{ip}:20000-20003", one))
    with connect((ip, 20002)) as client:
        assert round_trip(client)
        proxy.reload(config_of([f"{ip}:20002-20005", f"{ip}:20001"], one))
        assert round_trip(client)
        for port in range(20001, 20006):
            with connect((ip, port)) as other:
                assert round_trip(other)
        wait_for(lambda: not accepts((ip, 20000)), "the port that left is closed")
    assert proxy.frontend("front")["listen"] == [f"{ip}:20002-20005", f"{ip}:20001"]


def test_a_range_with_a_port_that_is_taken(start_sluice, serve):
    one = serve(echo)
    ip, _ = free_address()
    with socket.socket() as other:
        other.bind((ip, 20003))
        other.listen()
        proxy = Sluice(config_of(f"{ip}:20000-20005", one))
        proxy.spawn()
        assert proxy.running.wait(20) == 3
        assert f"cannot listen on {ip}:20003" in proxy.log()
        proxy.remove()


def test_a_range_of_udp_ports(start_sluice, serve_udp):
    ip, _ = free_address()
    start_sluice(config_of(f"{ip}:20000-20002", serve_udp(echo_udp), protocol="udp"))
    for port in range(20000, 20003):
        assert ask_new((ip, port), b"ping") == b"ping"


# --- UNIX sockets ---

@pytest.mark.smoke
def test_a_unix_socket(start_sluice, serve, short_directory):
    path = short_directory / "web.sock"
    proxy = start_sluice(config_of(f"unix:{path}", serve(echo)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    with connect_path(path) as client:
        for size in (1, 5000, 300_000):
            assert round_trip(client, b"z" * size)
        (row,) = proxy.sessions()
        assert row["client"] == "unix"
    assert proxy.frontend("front")["listen"] == [f"unix:{path}"]
    wait_for(lambda: "client=unix " in proxy.log(), "its line")
    proxy.stop()
    assert not path.exists()


def test_bulk_through_a_unix_socket(start_sluice, serve, short_directory):
    def digest(accepted, _one):
        seen = hashlib.sha256()
        while data := accepted.recv(1 << 18):
            seen.update(data)
        accepted.sendall(seen.digest() + data_back)

    data_back = random.Random(5).randbytes(24_000_000)
    path = short_directory / "web.sock"
    proxy = start_sluice(config_of(f"unix:{path}", serve(digest)))
    data = random.Random(6).randbytes(24_000_000)
    with connect_path(path) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == hashlib.sha256(data).digest() + data_back
    wait_for(lambda: "relay=splice/splice" in proxy.log(), "both ways went through a pipe")


def test_every_worker_serves_a_unix_socket(start_sluice, serve, short_directory):
    path = short_directory / "web.sock"
    proxy = start_sluice(config_of(f"unix:{path}", serve(echo)) | {"workers": 2})
    clients = []

    def each_has_its_share():
        clients.append(connect_path(path))
        return min(row["sessions"] for row in proxy.status()["workers"]) >= 20

    wait_for(each_has_its_share, "twenty sessions of each worker")
    assert len(clients) <= 200
    assert all(round_trip(client) for client in clients)
    for client in clients:
        client.close()


def test_a_unix_socket_stays_over_a_reload(start_sluice, serve, short_directory):
    """The same file and queue; only its mode may change."""
    path = short_directory / "web.sock"
    one, two = serve(named_echo("one")), serve(named_echo("two"))
    proxy = start_sluice(config_of(f"unix:{path},mode=600", one))
    inode = path.stat().st_ino
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with connect_path(path) as client:
        assert read_exactly(client, 4) == b"one\n"
        proxy.reload(config_of(f"unix:{path},mode=660", two))
        assert round_trip(client)
    assert path.stat().st_ino == inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with connect_path(path) as client:
        assert read_exactly(client, 4) == b"two\n"
    proxy.reload(config_of(text(free_address()), two))
    assert not path.exists()


def test_files_of_others(start_sluice, serve, short_directory):
    """A dead process's file is taken over, a living one's is not, and what somebody else has put
    there meanwhile stays."""
    path, one = short_directory / "web.sock", serve(echo)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    proxy = start_sluice(config_of(f"unix:{path}", one))
    with connect_path(path) as client:
        assert round_trip(client)
    second = Sluice(config_of(f"unix:{path}", one))
    second.spawn()
    assert second.running.wait(20) == 3
    assert "another program is running there" in second.log()
    second.remove()
    with connect_path(path) as client:
        assert round_trip(client)
    path.unlink()
    path.write_text("not a socket")
    proxy.stop()
    assert path.read_text() == "not a socket"


def test_a_relative_path_is_the_files(start_sluice, serve):
    proxy = start_sluice(config_of("unix:web.sock", serve(echo)))
    with connect_path(proxy.directory / "web.sock") as client:
        assert round_trip(client)


def test_what_servers_hear_of_a_unix_client(start_sluice, serve, short_directory):
    """It has no address: UNKNOWN, or a version 2 header without addresses."""
    def keep(accepted, one):
        one.records["header"] = accepted.recv(1000)

    for version, expected in (("v1", b"PROXY UNKNOWN\r\n"),
                              ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\0")):
        path, one = short_directory / f"{version}.sock", serve(keep)
        config = config_of(f"unix:{path}", one)
        config["backends"][0]["servers"][0]["send_proxy_protocol"] = version
        start_sluice(config)
        with connect_path(path) as client:
            ending_of(client)
        assert one.records["header"].startswith(expected)


def test_curl_over_a_unix_socket(start_sluice, serve, short_directory):
    def page(accepted, _one):
        accepted.recv(1000)
        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    path = short_directory / "web.sock"
    start_sluice(config_of(f"unix:{path}", serve(page), protocol="http", forwarded=True))
    assert run("curl", "-s", "--unix-socket", path, "http://shop.test/").stdout == "hello"


# --- Inherited sockets ---

def test_an_inherited_socket(start_sluice, serve):
    """It serves on every worker, and is there for a later reload after one without it."""
    address, other, one = free_address(), free_address(), serve(echo)
    proxy = start_sluice(config_of("fd:3", one) | {"workers": 2}, launcher=passed_on(address))
    assert proxy.frontend("front")["listen"] == [f"fd:3 ({text(address)})"]
    clients = []

    def serves_on_every_worker():
        clients.append(connect(address))
        assert round_trip(clients[-1])
        return min(row["sessions"] for row in proxy.status()["workers"]) >= 10

    wait_for(serves_on_every_worker, "every worker serves")
    proxy.reload(config_of(text(other), one))
    assert all(round_trip(client) for client in clients)
    with connect(address) as waiting:  # in the queue of the socket, which nobody has closed
        proxy.reload(config_of(["fd:3", text(other)], one))
        assert round_trip(waiting)
    for client in clients:
        client.close()


@pytest.mark.parametrize("kind, state, message", [
    (DATAGRAM, "bound", "it is no stream socket"),
    (STREAM, "bound", "it does not listen"),
    (None, None, "nobody has passed any"),
], ids=["datagram", "deaf", "none"])
def test_what_cannot_be_inherited(serve, kind, state, message):
    launcher = passed_on(free_address(), kind, state) if kind else []
    proxy = Sluice(config_of("fd:3", serve(echo)), launcher=launcher)
    proxy.spawn()
    assert proxy.running.wait(20) == 3
    assert "frontends[0].listen: cannot listen on fd:3" in proxy.log() and message in proxy.log()
    proxy.remove()


def test_no_connection_is_lost_between_two_processes(serve):
    """As with a .socket unit: what arrives between the stop and the start waits in the queue."""
    address, one = free_address(), serve(echo)
    held = socket.create_server(address)
    os.set_inheritable(held.fileno(), True)
    give = [sys.executable, "-c",
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])",
            str(held.fileno())]
    first = Sluice(config_of("fd:3", one), launcher=give)
    with held:
        first.spawn(pass_fds=[held.fileno()])
        first.await_health()
        with connect(address) as client:
            assert round_trip(client)
        first.stop(signal.SIGTERM)
        with connect(address) as waiting:
            second = Sluice(config_of("fd:3", one), launcher=give)
            second.spawn(pass_fds=[held.fileno()])
            second.await_health()
            assert round_trip(waiting)
        second.stop()


def test_started_by_its_first_client(serve):
    """systemd-socket-activate(1) starts Sluice when the first connection comes."""
    address = free_address()
    proxy = Sluice(config_of("fd:3", serve(echo)),
                   launcher=["systemd-socket-activate", "-l", text(address)])
    proxy.spawn()
    proxy.running.wait_until(lambda: "Listening on" in proxy.log(), "it listens")
    with connect(address) as client:
        assert round_trip(client)
    proxy.await_health()
    proxy.stop()
