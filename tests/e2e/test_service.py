"""As a service: what systemd is told, and the files of packaging/."""

import re
import shutil
import signal
import socket
from pathlib import Path

import pytest

from harness import process, settings
from harness.addresses import free_address
from harness.clients import ask_name
from harness.sluice import Sluice, backend, frontend, server
from harness.thread_server import name_of
from harness.waiting import wait_for

PACKAGING = settings.TREE / "packaging"


@pytest.fixture
def notify(short_directory):
    """A socket in systemd's place: .path for NOTIFY_SOCKET, .told() is every message so far."""
    class Notify:
        def __init__(self):
            self.path = str(short_directory / "notify")
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(self.path)
            self.socket.setblocking(False)
            self.messages = []

        def told(self):
            try:
                while True:
                    self.messages += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.messages

    one = Notify()
    yield one
    one.socket.close()


def test_systemd_is_told(notify, serve):
    address = free_address()
    proxy = Sluice({"frontends": [frontend("front", address, "back")],
                    "backends": [backend("back", [server("s1", serve(name_of("one")))])]},
                   environment={"NOTIFY_SOCKET": notify.path})
    proxy.spawn()
    try:
        proxy.running.wait_until(lambda: "READY=1" in notify.told(), "READY=1")
        assert ask_name(address) == "one", "ready means: accepts"
        proxy.running.send(signal.SIGTERM)
        wait_for(lambda: "STOPPING=1" in notify.told(), "STOPPING=1")
    finally:
        proxy.stop()


def test_the_example_is_valid(tmp_path):
    """packaging/example.yaml passes --check as it is delivered."""
    shutil.copy(PACKAGING / "example.yaml", tmp_path)
    done = process.run(settings.SLUICE, "--check", "--config", tmp_path / "example.yaml")
    assert "error" not in done.stdout + done.stderr


def test_the_configuration_of_the_readme_is_valid_and_short(tmp_path):
    """The minimal file by hand: under 12 lines, and it passes --check."""
    text = (settings.TREE / "README.md").read_text()
    minimal = re.search(r"```yaml\n(.*?)```", text, re.S).group(1)
    assert len(minimal.splitlines()) < 12
    (tmp_path / "sluice.yaml").write_text(minimal)
    process.run(settings.SLUICE, "--check", "--config", tmp_path / "sluice.yaml")


def test_the_container_profile_is_enough(proxied, serve):
    """Under packaging/seccomp.json, which refuses every system call that it does not name: start,
    traffic, reload, lbstat, stop."""
    profile = [str(Path(__file__).parent / "harness" / "seccomp.py"), "profile",
               str(PACKAGING / "seccomp.json"), "--"]
    proxy, address = proxied(serve(name_of("one")), launcher=profile,
                             environment={"ASAN_OPTIONS": "detect_leaks=0"})  # which needs ptrace
    assert process.status(proxy.pid, "Seccomp") == "2", "the filter is on"
    assert ask_name(address) == "one"
    assert "generation 2" in proxy.reload()
    assert ask_name(address) == "one"


def test_the_unit_files(tmp_path):
    """systemd's own check finds nothing in them, where systemd is installed."""
    unit = (PACKAGING / "sluice.service").read_text()
    assert "Type=notify" in unit and "ExecReload=/bin/kill -HUP $MAINPID" in unit
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    fake = tmp_path / "sluice.service"
    fake.write_text(unit.replace("/usr/sbin/sluice", settings.SLUICE))
    sockets = shutil.copy(PACKAGING / "sluice.socket", tmp_path)
    done = process.run("systemd-analyze", "verify", "--man=no", fake, sockets, check=False)
    assert "sluice.s" not in done.stderr, done.stderr
