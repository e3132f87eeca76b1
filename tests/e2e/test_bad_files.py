"""A reload with any bad file of tests/golden, which says what is wrong with each, leaves the old
configuration."""

from harness import settings
from harness.clients import ask_name
from harness.thread_server import name_of

GOLDEN = settings.TREE / "tests" / "golden" / "bad"
BAD = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.yaml"))


def test_there_are_enough():
    assert len(BAD) >= 60


def test_reload_with_each_of_them(proxied, serve):
    """The old configuration serves on, whatever the file holds."""
    proxy, address = proxied(serve(name_of("still here")))
    for number, name in enumerate(BAD, 1):
        proxy.file.write_bytes((GOLDEN / name).read_bytes())
        assert proxy.lbstat("reload", check=False).returncode == 1, name
        assert ask_name(address) == "still here", name
        status = proxy.status()
        assert (status["generation"], status["reloads_refused"]) == (1, number), name
