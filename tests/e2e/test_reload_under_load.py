"""A thousand reloads while connections come and go: nobody notices, and nothing is left behind."""

import copy
import signal
import time

import pytest

from harness import process, settings
from harness.addresses import free_address, text
from harness.load import Load
from harness.programs import Nginx
from harness.settings import volume
from harness.sluice import frontend, server
from harness.thread_server import echo
from harness.waiting import wait_for


def variants(config, servers):
    """Four configurations that differ in servers, weights, timeouts, a frontend and its address."""
    result = []
    for number in range(4):
        one = copy.deepcopy(config)
        back = one["backends"][0]
        back["servers"] = [server(f"s{index}", each, weight=1 + (number + index) % 3)
                           for index, each in enumerate(servers) if (index + number) % 3]
        back["timeouts"] = {"idle": f"{60 + number}s"}
        if number % 2:
            one["frontends"].append(frontend("extra", free_address(), "back"))
        result.append(one)
    return result


@pytest.mark.heavy
def test_a_thousand_reloads(proxied, serve):
    count = volume(1000, least=40)
    servers = [serve(echo) for _ in range(4)]
    proxy, address = proxied(*servers)
    configurations = variants(proxy.config, servers)
    pid = proxy.pid

    def reload(number):
        proxy.write(configurations[number % 4])
        status, _, body = proxy.admin.ask("POST", "/v1/reload")
        assert status == 200, body

    with Load(address) as load:
        for number in range(count // 10):
            reload(number)
        warm = process.resident_kib(pid)
        for number in range(count // 10, count):
            reload(number)
    assert load.failures == []
    assert load.done > count / 20, "there was load"
    everything_is_back(proxy, pid, count, warm)


def everything_is_back(proxy, pid, count, warm_kib):
    """Same process; one generation; descriptors and memory as after the first few reloads."""
    status = wait_for(lambda: (lambda now: now["sessions"] == 0 and now)(proxy.status()),
                      "every session is over")
    assert status["pid"] == pid == proxy.pid
    assert status["generation"] == count + 1
    wait_for(lambda: len(proxy.status()["generations"]) == 1, "one generation is left")
    proxy.reload()
    first = process.descriptors(pid)
    for _ in range(8):
        proxy.reload()
    wait_for(lambda: process.descriptors(pid) <= first, "a reload leaves no descriptor behind")
    assert not [key for key in proxy.reasons() if key[0] in ("internal", "no_server")]
    if not settings.SANITIZED:  # whose allocators keep freed memory on purpose
        grown = process.resident_kib(pid) - warm_kib
        assert grown < 4096, f"{grown} KiB more after {count} reloads"


def test_descriptors_after_reloads_that_add_and_remove(proxied, serve):
    """Frontends that came and went with a reload give back their listeners."""
    proxy, _ = proxied(serve(echo))
    proxy.reload()
    before = process.descriptors(proxy.pid)
    config = copy.deepcopy(proxy.config)
    plain = copy.deepcopy(config)
    config["frontends"] += [frontend(f"f{number}", free_address(), "back")
                            for number in range(20)]
    for _ in range(10):
        proxy.reload(config)
        assert process.descriptors(proxy.pid) >= before + 20
        proxy.reload(plain)
    wait_for(lambda: process.descriptors(proxy.pid) <= before, "the descriptors are back")


def test_refused_reloads_leave_nothing(proxied, serve):
    proxy, _ = proxied(serve(echo))
    proxy.reload()
    before = process.descriptors(proxy.pid)
    config = copy.deepcopy(proxy.config)
    config["frontends"] += [frontend("fine", free_address(), "back"),
                            frontend("foreign", ("203.0.113.1", 80), "back")]
    proxy.write(config)
    for _ in range(20):
        assert proxy.lbstat("reload", check=False).returncode == 1
    wait_for(lambda: process.descriptors(proxy.pid) <= before, "the descriptors are back")
    assert proxy.status()["reloads_refused"] == 20


def test_wrk_does_not_notice(proxied):
    """Short HTTP connections through reloads for four seconds, twenty at least: no socket error, no
    bad answer."""
    with Nginx() as nginx:
        (nginx.files / "x").write_text("x" * 1000)
        proxy, address = proxied(server("web", nginx))
        load = process.Background(["wrk", "-t2", "-c20", "-d600s", "--timeout", "30s",
                                   "-H", "Connection: close", f"http://{text(address)}/x"],
                                  proxy.directory / "wrk")
        reloads, end = 0, time.monotonic() + 4
        while reloads < 20 or time.monotonic() < end:
            proxy.config["backends"][0]["servers"][0]["weight"] = 1 + reloads % 5
            proxy.reload(proxy.config)
            reloads += 1
        assert load.is_running()
        assert load.stop(signal.SIGINT) == 0
        output = load.output()
        assert "requests in" in output and " 0 requests in" not in output, output
        assert "Socket errors" not in output and "Non-2xx" not in output, output
        assert proxy.frontend("front")["errors"] == 0
