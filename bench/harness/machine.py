"""What a result says about the machine and the moment it was made on."""

import datetime
import os
import platform
import subprocess


def _first_line_with(path, key):
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return "unknown"


def _commit(root):
    done = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"], text=True,
                          capture_output=True, check=False)
    return done.stdout.strip() or "unknown"


def describe(root):
    """Plain values only."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "processor": _first_line_with("/proc/cpuinfo", "model name"),
        "processors": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "load_average": os.getloadavg(),
        "commit": _commit(root),
    }
