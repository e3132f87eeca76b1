#!/usr/bin/python3
"""clang-tidy over src/ and tools/, one process for each CPU.

    tools/run_clang_tidy.py BUILD_DIRECTORY [--analyze] [PATH_PART...]

BUILD_DIRECTORY holds a compile_commands.json of clang. With PATH_PARTs, only translation units with
a file whose path has one of them. --analyze adds the static analyzer's checks, which take as long
as all the others. A unit whose preprocessed text, checks and .clang-tidy are those of an earlier
clean run is not read again: $XDG_CACHE_HOME/sluice/clang-tidy (~/.cache without it) holds a stamp
for each, so that a fresh clone of what was clean is clean at once. Exit status 1 on any finding.

A unity build (preset clang) is several times faster than one of single files: most of the time goes
into headers. Its generated units include our files; what clang-tidy finds in those is reported as
in any header of ours. Two checks do nothing there, and tools/tidy.py does instead:
bugprone-suspicious-include, misc-unused-using-decls.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

TREE = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tools")
# Instead of a check of that name, which takes a sixth of the time of all.
WARNINGS = ["--extra-arg=-Wreserved-identifier"]
STAMPS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice" / "clang-tidy"
UNITY = re.compile(r"-unity\d+\.cpp$")


class Unit(NamedTuple):
    """One translation unit of ours."""
    path: Path
    command: list[str]
    files: list[Path]  # the unit itself, or what a generated one includes

    def checks(self, left_out):
        """The options for clang-tidy. The includes of a generated unit are meant."""
        if self.path not in self.files:
            left_out = [*left_out, "-bugprone-suspicious-include"]
        return WARNINGS + (["--checks=" + ",".join(left_out)] if left_out else [])


def files_of(path):
    """A unity build's file is a list of includes and nothing else."""
    if not UNITY.search(path.name) or not path.exists():
        return [path]
    names = re.findall(r"^#include ?<(.+)>$", path.read_text(), re.M)
    return [Path(name).resolve() for name in names]


def is_ours(path):
    return path.is_relative_to(TREE) and path.relative_to(TREE).parts[0] in FOLDERS


def units_of(build):
    """Each translation unit of ours."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        files = files_of(path)
        if any(is_ours(file) for file in files):
            yield Unit(path, shlex.split(entry["command"]), files)


def stamp(build, words, checks):
    """The path whose existence says: this very text was clean. Comments count (NOLINT), the names
    of folders do not."""
    without_output = [word for at, word in enumerate(words)
                      if word not in ("-c", "-o", "-MD", "-MQ", "-MF")
                      and words[at - 1] not in ("-o", "-MQ", "-MF")]
    text = subprocess.run([*without_output, "-E", "-P", "-CC"], capture_output=True, cwd=build,
                          check=False)
    rules = "\n".join(checks).encode() + (TREE / ".clang-tidy").read_bytes()
    return STAMPS / hashlib.sha256(text.stdout + rules).hexdigest()


def check(build, unit, checks):
    """Returns what clang-tidy found in one translation unit, or an empty text."""
    clean = stamp(build, unit.command, checks)
    if clean.exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), *checks, str(unit.path)],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:
        clean.touch()
        return ""
    return done.stdout or done.stderr


def main(arguments):
    build, parts = Path(arguments[1]).resolve(), arguments[2:]
    left_out = [] if "--analyze" in parts else ["-clang-analyzer-*"]
    parts = [part for part in parts if part != "--analyze"]
    STAMPS.mkdir(parents=True, exist_ok=True)
    units = [unit for unit in units_of(build)
             if not parts or any(part in str(file) for part in parts for file in unit.files)]
    units.reverse()  # layers come bottom up, and the largest units are those of the top: they first
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda unit: check(build, unit, unit.checks(left_out)), units):
            bad += bool(found)
            print(found, end="")
    files = sum(len(unit.files) for unit in units)
    print(f"clang-tidy: {files} files in {len(units)} units, {bad} with findings")
    return 1 if bad or not units else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
