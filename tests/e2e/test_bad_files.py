"""Every bad file of tests/golden: told soon, and a reload with it leaves the old one."""

import resource

import pytest

from harness import process, settings
from harness.clients import ask_name
from harness.thread_server import name_of

GOLDEN = settings.TREE / "tests" / "golden" / "bad"
BAD = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.yaml"))


def test_there_are_enough():
    assert len(BAD) >= 60


def limited_memory():
    """100 MB on top of what the program maps; not for sanitizers, whose shadow is terabytes."""
    if not settings.SANITIZED:
        resource.setrlimit(resource.RLIMIT_DATA, (100 << 20, 100 << 20))


@pytest.mark.parametrize("name", BAD)
def test_check(name):
    path = GOLDEN / name
    done = process.run(settings.SLUICE, "--check", "--config", path, check=False, cwd=path.parent,
                       preexec_fn=limited_memory, seconds=20)
    assert done.returncode == 1
    assert ": error: " in done.stdout + done.stderr


def test_reload_with_each_of_them(proxied, serve):
    """The old configuration serves on, whatever the file holds."""
    proxy, address = proxied(serve(name_of("still here")))
    for number, name in enumerate(BAD, 1):
        proxy.file.write_bytes((GOLDEN / name).read_bytes())
        assert proxy.lbstat("reload", check=False).returncode == 1, name
        assert ask_name(address) == "still here", name
        status = proxy.status()
        assert (status["generation"], status["reloads_refused"]) == (1, number), name
