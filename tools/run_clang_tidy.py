#!/usr/bin/python3
"""clang-tidy over src/ and tools/, one process for each CPU.

    tools/run_clang_tidy.py BUILD_DIRECTORY [--analyze] [PATH_PART...]

BUILD_DIRECTORY holds a compile_commands.json of clang. With PATH_PARTs, only files whose path has
one of them. --analyze adds the static analyzer's checks, which take as long as all the others. A
file whose preprocessed text, checks and .clang-tidy are those of an earlier clean run is not read
again: $XDG_CACHE_HOME/sluice/clang-tidy (~/.cache without it) holds a stamp for each, so that a
fresh clone of what was clean is clean at once. Exit status 1 on any finding.
"""

import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tools")
STAMPS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice" / "clang-tidy"


def commands(build):
    """(file, command as words) of each translation unit of ours."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        if path.is_relative_to(TREE) and path.relative_to(TREE).parts[0] in FOLDERS:
            yield path, shlex.split(entry["command"])


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


def check(build, path, words, checks):
    """Returns what clang-tidy found in one translation unit, or an empty text."""
    clean = stamp(build, words, checks)
    if clean.exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), *checks, str(path)],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:
        clean.touch()
        return ""
    return done.stdout or done.stderr


def main(arguments):
    build, parts = Path(arguments[1]).resolve(), arguments[2:]
    checks = ["--extra-arg=-Wreserved-identifier"]  # instead of a check that takes a sixth of all
    checks += [] if "--analyze" in parts else ["--checks=-clang-analyzer-*"]
    parts = [part for part in parts if part != "--analyze"]
    STAMPS.mkdir(parents=True, exist_ok=True)
    units = [(path, words) for path, words in commands(build)
             if not parts or any(part in str(path) for part in parts)]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda unit: check(build, *unit, checks), units):
            bad += bool(found)
            print(found, end="")
    print(f"clang-tidy: {len(units)} files, {bad} with findings")
    return 1 if bad or not units else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
