"""Fixtures of the end-to-end tests. See harness/settings.py for what the environment chooses."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import modes, settings, tls  # noqa: E402  (the path above makes it reachable)
from harness.addresses import free_address  # noqa: E402
from harness.authority import Authority  # noqa: E402
from harness.thread_server import ThreadServer  # noqa: E402
from harness.sluice import Sluice, backend, frontend, server  # noqa: E402
from harness.tls import TlsServer  # noqa: E402
from harness.udp import UdpServer  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: quick; run by the kernel suites too")
    config.addinivalue_line("markers", "heavy: much data or many connections")
    config.addinivalue_line("markers", "alone: real time; runs while no other test does")
    config.addinivalue_line("markers", "long: too long for every run; suite long runs it")
    for program in (settings.SLUICE, settings.LBSTAT):
        if not os.access(program, os.X_OK):
            raise pytest.UsageError(f"{program} is not there: build first, or set SLUICE_BIN and "
                                    "LBSTAT_BIN")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        item.call_failed = report.failed
    if report.failed:
        for proxy in getattr(item, "proxies", []):
            if proxy.running is not None:
                report.sections.append(("sluice log (end)", proxy.log()[-6000:]))


@pytest.fixture(autouse=True)
def deadline():
    """No test hangs: after 120 seconds (scaled) it fails where it stands."""
    def expired(*_):
        raise AssertionError("the test took too long")

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(int(120 * settings.TIME_SCALE))
    yield
    signal.alarm(0)


@pytest.fixture
def short_directory():
    """A directory whose path leaves room for the name of a UNIX socket (108 bytes in all)."""
    with tempfile.TemporaryDirectory(prefix="sluice-") as path:
        yield Path(path)


@pytest.fixture
def start_sluice(request):
    """start_sluice(config, ...) -> a running Sluice; ended and checked after the test."""
    request.node.proxies = proxies = []

    def start(config, **options):
        proxies.append(Sluice(config, **options))
        return proxies[-1].start()

    yield start
    for proxy in proxies:
        if getattr(request.node, "call_failed", True):
            proxy.abandon()
        else:
            proxy.stop()


def started(kind):
    """What fixtures yield that start servers of a kind, which end with the test."""
    servers = []

    def start(*arguments, **options):
        servers.append(kind(*arguments, **options))
        return servers[-1]

    yield start
    for one in servers:
        one.stop()


@pytest.fixture
def serve():
    """serve(handler, ...) -> a ThreadServer that ends with the test."""
    yield from started(ThreadServer)


@pytest.fixture
def serve_tls():
    """serve_tls(handler, certificate, ...) -> a TlsServer that ends with the test."""
    yield from started(TlsServer)


@pytest.fixture
def proxied(start_sluice):
    """proxied(servers..., backend={}, frontend={}, **top) -> (Sluice, its address).

    One frontend `front`, one backend `back`, servers `s1`, `s2`, ...: the shape of most tests.
    Health checks are off unless asked for, so that servers see only the test's connections.
    """
    def start(*servers, backend_keys=None, frontend_keys=None, launcher=(), environment=None,
              **top):
        address = free_address()
        entries = [one if isinstance(one, dict) else server(f"s{number}", one)
                   for number, one in enumerate(servers, 1)]
        keys = {"health_check": {"type": "none"}} | (backend_keys or {})
        config = top | {
            "frontends": [frontend("front", address, "back", **(frontend_keys or {}))],
            "backends": [backend("back", entries, **keys)],
        }
        return start_sluice(config, launcher=launcher, environment=environment), address

    return start


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def shop(authority):
    """The certificate and key of shop.test."""
    return authority.issue("shop.test")


@pytest.fixture
def passage(serve, serve_tls, proxied):
    """passage(authority, certificate, mode, handler, version=, suite=, ...) -> a Passage."""
    def start(authority, certificate, mode, handler, *, version=None, suite=None, **top):
        context = tls.client_context(authority, version)
        is_secure = modes.is_server_secure(mode)
        app = serve_tls(handler, certificate, version) if is_secure else serve(handler)
        if suite is not None:
            tls.allow_suite(context, suite)
            if is_secure:
                tls.allow_suite(app.context, suite)
        proxy, address = proxied(modes.entry(mode, app), **top,
                                 **modes.settings_of(mode, authority, certificate))
        return modes.Passage(mode, proxy, address, app, context)

    return start


@pytest.fixture
def serve_udp():
    """serve_udp(handler, ...) -> a UdpServer that ends with the test."""
    yield from started(UdpServer)


@pytest.fixture
def proxied_udp(proxied):
    """As `proxied`, with a frontend of `protocol: udp`."""
    def start(*servers, frontend_keys=None, **options):
        return proxied(*servers, frontend_keys={"protocol": "udp"} | (frontend_keys or {}),
                       **options)

    return start
