"""Finds or builds the programs that a run needs."""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOAD_TARGETS = ("bench/load/sluice-bench-load", "bench/load/sluice-bench-backend")


class BuildError(RuntimeError):
    """The programs cannot be built; the message holds what the build said."""


def _call(command):
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def _sluice_target(folder):
    """Path of the proxy's executable below the build folder, or None."""
    for target in json.loads(_call(["meson", "introspect", "--targets", folder])):
        if target["name"] == "sluice" and target["type"] == "executable":
            return os.path.relpath(target["filename"][0], os.path.realpath(folder))
    return None


def program(folder):
    """Path of the proxy that was built in the folder, which is not touched."""
    found = _sluice_target(folder)
    if found is None or not os.access(os.path.join(folder, found), os.X_OK):
        raise BuildError(f"there is no proxy in {folder}")
    return os.path.join(folder, found)


def ensure(folder, with_sluice):
    """Builds in `folder` (created where it is missing, as a release) what is out of date; gives
    the path of the built proxy, or None."""
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        print(f"bench: setting up {folder}", file=sys.stderr)
        _call(["meson", "setup", "--buildtype=release", folder, ROOT])
    sluice = _sluice_target(folder) if with_sluice else None
    _call(["ninja", "-C", folder, *LOAD_TARGETS, *([sluice] if sluice else [])])
    return os.path.join(folder, sluice) if sluice else None


def options(folder):
    """The build type and sanitizers of the folder: what makes a measurement worthless."""
    wanted = {"buildtype", "b_sanitize", "optimization"}
    known = json.loads(_call(["meson", "introspect", "--buildoptions", folder]))
    return {option["name"]: option["value"] for option in known if option["name"] in wanted}
