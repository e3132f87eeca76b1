#!/usr/bin/python3
"""clang-tidy over src/ and tools/, one process for each CPU.

    tools/run_clang_tidy.py BUILD_DIRECTORY [PATH_PART...]

BUILD_DIRECTORY holds a compile_commands.json of clang. With PATH_PARTs, only files whose path has
one of them. A file whose preprocessed text and .clang-tidy are those of an earlier clean run is not
read again: BUILD_DIRECTORY/clang-tidy holds a stamp for each. Exit status 1 on any finding.
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


def commands(build):
    """(file, command as words) of each translation unit of ours."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        if path.is_relative_to(TREE) and path.relative_to(TREE).parts[0] in FOLDERS:
            yield path, shlex.split(entry["command"])


def stamp(build, words):
    """The path whose existence says: this very text was clean."""
    without_output = [word for at, word in enumerate(words)
                      if word not in ("-c", "-o", "-MD", "-MQ", "-MF")
                      and words[at - 1] not in ("-o", "-MQ", "-MF")]
    text = subprocess.run([*without_output, "-E"], capture_output=True, cwd=build, check=False)
    digest = hashlib.sha256(text.stdout + (TREE / ".clang-tidy").read_bytes()).hexdigest()
    return build / "clang-tidy" / digest


def check(build, path, words):
    """Returns what clang-tidy found in one translation unit, or an empty text."""
    clean = stamp(build, words)
    if clean.exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(path)],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:
        clean.touch()
        return ""
    return done.stdout or done.stderr


def main(arguments):
    build, parts = Path(arguments[1]).resolve(), arguments[2:]
    (build / "clang-tidy").mkdir(exist_ok=True)
    units = [(path, words) for path, words in commands(build)
             if not parts or any(part in str(path) for part in parts)]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda unit: check(build, *unit), units):
            bad += bool(found)
            print(found, end="")
    print(f"clang-tidy: {len(units)} files, {bad} with findings")
    return 1 if bad or not units else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
