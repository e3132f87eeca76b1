"""What a person sees who types `sluice` or `lbstat`: exit status, one clear line, the remedy."""

import re
import socket
from pathlib import Path

import pytest
import yaml

from harness import process, settings
from harness.addresses import free_address, text
from harness.sluice import backend, frontend, server
from harness.thread_server import echo

NO_IO_URING = [Path(__file__).parent / "harness" / "seccomp.py", "deny", "io_uring_setup", "--"]


def sluice(*words):
    return process.run(settings.SLUICE, *words, check=False)


def lbstat(*words):
    return process.run(settings.LBSTAT, *words, check=False)


@pytest.fixture
def write(tmp_path):
    """write(config or text) -> the path of a file with it."""
    def to_file(config):
        path = tmp_path / "sluice.yaml"
        path.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
        return path
    return to_file


@pytest.fixture
def config(short_directory):
    """A valid configuration."""
    return {"admin": {"socket": str(short_directory / "admin.sock")},
            "frontends": [frontend("front", free_address(), "back")],
            "backends": [backend("back", [server("s1", free_address())])]}


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option):
    done = sluice(option)
    assert done.returncode == 0
    version = re.search(r"version: '([0-9.]+)'", (settings.TREE / "meson.build").read_text())
    assert f"sluice {version.group(1)}" in done.stdout
    for word in ("io_uring", "splice", "multishot accept", "TLS 1.2", "TLS 1.3", "AES-128-GCM"):
        assert word in done.stdout, done.stdout


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(option):
    for done in (sluice(option), lbstat(option)):
        assert done.returncode == 0
    assert "--config" in sluice(option).stdout and "--check" in sluice(option).stdout


@pytest.mark.parametrize("options", [["--check", "--config"], ["-t", "-c"]])
def test_check_good(options, write, config):
    done = sluice(*options, write(config))
    assert (done.returncode, done.stderr.count("error")) == (0, 0), done.stderr


def test_check_starts_nothing(write, config):
    path = write(config)
    assert sluice("--check", "-c", path).returncode == 0
    assert not Path(config["admin"]["socket"]).exists()


def test_check_bad(write, config):
    """Three mistakes, three lines, each with its place; the misspelt key with a suggestion."""
    config["frontends"][0]["bakend"] = config["frontends"][0].pop("backend")
    config["backends"][0]["servers"][0]["port"] = 65536
    config["workers"] = "many"
    path = write(config)
    done = sluice("--check", "--config", path)
    assert done.returncode == 1
    lines = [line for line in (done.stdout + done.stderr).splitlines() if ": error: " in line]
    assert len(lines) >= 3
    for line in lines:
        assert re.match(re.escape(str(path)) + r":\d+:\d+: error: ", line), line
    everything = "\n".join(lines)
    assert "did you mean" in everything and "backend" in everything
    assert "frontends[0].bakend" in everything
    assert "backends[0].servers[0].port" in everything
    assert "workers" in everything


def test_a_bad_file_does_not_start(write):
    done = sluice("--config", write("frontends: 3\n"))
    assert done.returncode == 1
    assert ": error: " in done.stderr


@pytest.mark.parametrize("what", ["missing", "directory"])
def test_a_file_that_cannot_be_read(what, tmp_path):
    path = tmp_path / "none.yaml" if what == "missing" else tmp_path
    for words in (["--config", path], ["--check", "--config", path]):
        done = sluice(*words)
        assert done.returncode == 1
        assert str(path) in done.stdout + done.stderr


@pytest.mark.parametrize("words", [[], ["--no-such-option"], ["--config"], ["--check"],
                                   ["surplus"]])
def test_wrong_usage_of_sluice(words):
    done = sluice(*words)
    assert done.returncode == 2
    assert done.stderr


@pytest.mark.parametrize("words", [["--no-such-option"], ["no-such-command"], ["servers", "a", "b"],
                                   ["--watch", "never"]])
def test_wrong_usage_of_lbstat(words):
    assert lbstat(*words).returncode == 2


def test_lbstat_without_a_proxy(tmp_path):
    done = lbstat("--socket", tmp_path / "none.sock", "status")
    assert done.returncode == 3
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and str(tmp_path / "none.sock") in lines[0]


def test_port_taken(write, config):
    with socket.socket() as taken:
        taken.bind(free_address())
        taken.listen()
        config["frontends"][0]["listen"] = text(taken.getsockname())
        done = sluice("--config", write(config))
        assert done.returncode == 3
        assert text(taken.getsockname()) in done.stderr
        errors = [line for line in done.stderr.splitlines() if "taken" in line]
        assert len(errors) == 1, done.stderr


def test_an_address_of_another_machine(write, config):
    config["frontends"][0]["listen"] = "203.0.113.1:80"
    done = sluice("--config", write(config))
    assert done.returncode == 3
    assert "203.0.113.1:80" in done.stderr


def test_the_admin_socket_of_another_proxy(proxied, serve, write, config):
    """A second proxy does not take the first one's admin socket away."""
    proxy, _ = proxied(serve(echo))
    config["admin"]["socket"] = str(proxy.socket)
    done = sluice("--config", write(config))
    assert done.returncode == 3
    assert str(proxy.socket) in done.stderr
    assert proxy.status()["pid"] == proxy.pid


def test_a_stale_admin_socket_is_replaced(serve, start_sluice, short_directory):
    """What a killed proxy left behind does not stop the next one."""
    stale = socket.socket(socket.AF_UNIX)
    path = str(short_directory / "stale.sock")
    stale.bind(path)
    stale.close()
    assert Path(path).exists()
    address = free_address()
    proxy = start_sluice({
        "frontends": [frontend("front", address, "back")],
        "backends": [backend("back", [server("s1", serve(echo))])]})
    proxy.config["admin"]["socket"] = path
    done = proxy.reload(proxy.config)
    assert "generation 2" in done
    assert lbstat("--socket", path, "status").returncode == 0
    proxy.admin.path = path


def test_io_uring_refused(write, config):
    """As in a container with the default seccomp profile: which refusal it is, and what to do."""
    done = process.run(*NO_IO_URING, settings.SLUICE, "--config", write(config), check=False)
    assert done.returncode == 3
    lines = [line for line in done.stderr.splitlines() if "io_uring" in line]
    assert len(lines) == 1, done.stderr
    assert "seccomp" in lines[0]


def test_version_says_that_io_uring_is_refused():
    done = process.run(*NO_IO_URING, settings.SLUICE, "--version", check=False)
    assert done.returncode == 0
    assert "seccomp" in done.stdout
