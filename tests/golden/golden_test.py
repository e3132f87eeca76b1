#!/usr/bin/python3
"""Every bad configuration file has its exact diagnostics, under 100 MB and without blowing up.

bad/NAME.yaml and good/NAME.yaml are checked with `sluice --check`; NAME.expected beside each is what
must be on stderr, word for word. Files that are too large or too odd to be stored are made here.

SLUICE_BIN         the program; default: build/release of this tree
SLUICE_TIME_SCALE  factor on the deadline (sanitizers are slow)
SLUICE_SANITIZED   not empty: a sanitizer's build, whose memory says nothing
SLUICE_GOLDEN_WRITE=1 writes the expectations anew; read the difference before you commit it
"""

import dataclasses
import functools
import os
import pathlib
import socket
import subprocess
import tempfile
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILT = HERE.parent.parent / "build" / "release" / "src" / "daemon" / "sluice"
SLUICE = os.environ.get("SLUICE_BIN", str(BUILT))
TIME_SCALE = float(os.environ.get("SLUICE_TIME_SCALE", "1"))
IS_SANITIZED = bool(os.environ.get("SLUICE_SANITIZED"))
IS_WRITING = bool(os.environ.get("SLUICE_GOLDEN_WRITE"))

BAD = sorted((HERE / "bad").glob("*.yaml"))
GOOD = sorted((HERE / "good").glob("*.yaml"))

MEMORY_LIMIT = 100 * 1000 * 1000
SLOWEST = 10  # times what a plain file costs
DEADLINE = 60 * TIME_SCALE


@dataclasses.dataclass
class Outcome:
    status: int
    errors: str  # stderr
    seconds: float  # of CPU time: a busy machine is not the program's fault


def check(path, cwd):
    """Runs the check with the memory that it may use; a sanitizer's shadow is terabytes."""
    limits = [] if IS_SANITIZED else ["prlimit", f"--data={MEMORY_LIMIT}"]
    command = [*limits, SLUICE, "--check", "--config", str(path)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=errors,
                                   stderr=errors)
        watchdog = threading.Timer(DEADLINE, process.kill)
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)  # reaped: nothing more to wait for
        errors.seek(0)
        return Outcome(process.returncode, errors.read().decode("utf-8"),
                       usage.ru_utime + usage.ru_stime)


@functools.cache
def plain_seconds():
    """What a plain file of 10,000 servers costs here: the measure for all others, since a second
    is much to one machine and little to another."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(pathlib.Path(folder), HEAD + server_lines(10_000))
        return min(check(path, folder).seconds for _ in range(2))


def assert_quick(outcome):
    """A text that costs a parser more than its size (the largest are four times the plain file) is
    far beyond this."""
    assert outcome.seconds < SLOWEST * plain_seconds()


def assert_expected(path, status):
    outcome = check(path.name, path.parent)
    expected = path.with_suffix(".expected")
    if IS_WRITING:
        expected.write_text(outcome.errors, encoding="utf-8")
    assert outcome.errors == expected.read_text(encoding="utf-8")
    assert outcome.status == status
    assert_quick(outcome)


def assert_refused(path, *lines):
    """Exactly these diagnostics, without the file's name, and the summary."""
    outcome = check(path, HERE)
    assert outcome.errors.splitlines()[:-1] == [f"{path}:{line}" for line in lines]
    count = f"{len(lines)} error{'s' if len(lines) != 1 else ''}"
    assert outcome.errors.splitlines()[-1] == f"{path}: {count}"
    assert outcome.status == 1
    assert_quick(outcome)


def write(directory, text, name="big.yaml"):
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- Stored files ---


def test_there_are_enough():
    assert len(BAD) >= 60


def test_every_expectation_has_its_file():
    stored = {path.with_suffix("") for path in BAD + GOOD}
    expected = {path.with_suffix("") for path in HERE.glob("*/*.expected")}
    assert stored == expected


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad(path):
    assert_expected(path, status=1)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good(path):
    assert_expected(path, status=0)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_diagnostics_are_in_file_order(path):
    lines = path.with_suffix(".expected").read_text(encoding="utf-8").splitlines()[:-1]
    places = [tuple(int(part) for part in line.split(":")[1:3]) for line in lines]
    assert places == sorted(places)
    assert all(": error: " in line or ": notice: " in line for line in lines)


def test_minimal_file_is_short():
    lines = (HERE / "good" / "minimal.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 12


# --- Files that are no files ---


def test_missing_file(tmp_path):
    assert_refused(tmp_path / "none.yaml", "1:1: error: the file does not exist")


def test_missing_directory(tmp_path):
    assert_refused(tmp_path / "none" / "none.yaml", "1:1: error: the file does not exist")


def test_directory(tmp_path):
    assert_refused(tmp_path, "1:1: error: the file is a directory, not a file")


def test_fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert_refused(tmp_path / "fifo", "1:1: error: the file is a FIFO, not a regular file")


def test_socket(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert_refused(tmp_path / "socket", "1:1: error: the file is a socket, not a regular file")


def test_device():
    assert_refused(pathlib.Path("/dev/zero"),
                   "1:1: error: the file is a device, not a regular file")


def test_link_to_itself(tmp_path):
    (tmp_path / "link").symlink_to("link")
    assert_refused(tmp_path / "link",
                   "1:1: error: the file cannot be read: too many symbolic links")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path):
    path = write(tmp_path, "frontends: []\n")
    path.chmod(0)
    assert_refused(path, "1:1: error: the file cannot be read: permission denied")


def test_100_megabytes(tmp_path):
    path = tmp_path / "sparse.yaml"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    assert_refused(path, "1:1: error: the file is too large: 100 MiB, and at most 3 MiB are read")


# --- Texts that would cost a parser its memory or its stack ---

TOO_MANY = "1:1: error: too large: the file has more than about 150000 keys and values"
TOO_DEEP = "nested too deeply: more than 32 lists and mappings inside one another"


@pytest.mark.parametrize("text", ["[" * 3_000_000, "{a: b}, " * 350_000, "[" + "a," * 1_400_000,
                                  "- " * 1_500_000, "a:\n" * 1_000_000, "- ''\n" * 600_000],
                         ids=["brackets", "braces", "flow", "dashes", "keys", "quotes"])
def test_too_many_tokens(tmp_path, text):
    assert_refused(write(tmp_path, text), TOO_MANY)


def test_deep_brackets(tmp_path):
    path = write(tmp_path, "frontends: " + "[" * 100_000 + "]" * 100_000)
    assert_refused(path, f"1:43: error: frontends{'[0]' * 31}: {TOO_DEEP}")


def test_unclosed_brackets(tmp_path):
    outcome = check(write(tmp_path, "[" * 290_000), tmp_path)
    assert outcome.status == 1
    assert "nested too deeply" in outcome.errors
    assert_quick(outcome)


def test_deep_dashes(tmp_path):
    assert_refused(write(tmp_path, "frontends:\n" + "- " * 200_000),
                   f"2:63: error: frontends{'[0]' * 31}: {TOO_DEEP}")


def test_deep_indentation(tmp_path):
    text = "".join(" " * depth + "a:\n" for depth in range(2_000))
    path = ".".join(["a"] * 32)
    assert_refused(write(tmp_path, text), f"33:33: error: {path}: {TOO_DEEP}")


def test_alias_bomb(tmp_path):
    letters = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, letter in zip(letters, letters[1:]):
        lines.append(f"{letter}: &{letter} [{', '.join(['*' + before] * 10)}]")
    outcome = check(write(tmp_path, "\n".join(lines) + "\n"), tmp_path)
    assert outcome.status == 1
    assert ": error: f[4]: the aliases (`*name`) of this file expand to more than 600000" in (
        outcome.errors)
    assert_quick(outcome)


@pytest.mark.parametrize("text", [
    "a: " + "x" * 3_000_000,
    "a: '" + "x" * 3_000_000,
    "a: \"" + "\\x41" * 700_000,
    "a: |\n" + "  x\n" * 550_000,
    "a: b\n" + "  c d\n" * 500_000,
    "a: " + "\u00e9" * 1_500_000,
    " " * 3_000_000 + "a: 1",
    "#\n" * 590_000,
    "[" + "aaaaaaaaaaaaaaaaaaaa: aaaaaaaaaaaaaaaaaaa," * 70_000,
    "{" + "a: b," * 115_000,
    "frontends:\n" + "- &a x\n- *a\n" * 70_000,
    "frontends:\n- &a {name: a, listen: x}\n" + "- {<<: *a}\n" * 60_000,
    "".join(f"a{i}: 1\n" for i in range(140_000)),
    "a: it's\nb: [" + "[" * 200_000,
], ids=["word", "quote", "escapes", "block", "lines", "umlauts", "blanks", "comments", "flow words",
        "flow keys", "aliases", "merges", "top keys", "apostrophe"])
def test_odd_and_large(tmp_path, text):
    outcome = check(write(tmp_path, text), tmp_path)
    assert outcome.status == 1
    assert ": error: " in outcome.errors
    assert_quick(outcome)


def server_lines(count):
    return "".join(f"      - name: app{i}\n        address: 10.0.{i // 256}.{i % 256}\n"
                   f"        port: 8080\n        weight: 3\n" for i in range(count))


HEAD = ("frontends:\n  - {name: web, listen: 127.0.0.1:8080, backend: shop}\n"
        "backends:\n  - name: shop\n    servers:\n")


def test_10000_servers(tmp_path):
    fewer = check(write(tmp_path, HEAD + server_lines(1_000)), tmp_path)
    outcome = check(write(tmp_path, HEAD + server_lines(10_000)), tmp_path)
    assert outcome.status == 0
    assert "10000 servers" in outcome.errors
    assert outcome.seconds < 30 * fewer.seconds, "ten times the servers"


def test_every_error_of_9999_servers(tmp_path):
    text = HEAD + server_lines(9_999).replace("port: 8080", "prot: 8080")
    outcome = check(write(tmp_path, text), tmp_path)
    assert outcome.status == 1
    lines = outcome.errors.splitlines()
    assert len(lines) == 10_000
    assert lines[9_998].endswith(
        ":40000:9: error: backends[0].servers[9998].prot: unknown key; did you mean `port`?")
    assert_quick(outcome)


def test_10000_dangling_references(tmp_path):
    frontends = "".join(f"  - {{name: f{i}, listen: '127.0.0.1:{i + 1}', backend: back{i}x}}\n"
                        for i in range(10_000))
    backends = "".join(f"  - {{name: back{i}, servers: []}}\n" for i in range(10_000))
    outcome = check(write(tmp_path, f"frontends:\n{frontends}backends:\n{backends}"), tmp_path)
    assert outcome.status == 1
    assert "there is no backend `back9999x`" in outcome.errors
    assert_quick(outcome)
