"""What the caller of the tests may choose, from the environment.

SLUICE_BIN, LBSTAT_BIN   the programs; default: build/release of this tree
SLUICE_TIME_SCALE        factor on every deadline (sanitizers and user-mode kernels are slow)
SLUICE_VOLUME            factor on amounts of data and numbers of connections
SLUICE_SANITIZED         not empty: built with a sanitizer, so memory use says nothing
"""

import os
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
BUILD = TREE / "build" / "release"

SLUICE = os.environ.get("SLUICE_BIN", str(BUILD / "src/daemon/sluice"))
LBSTAT = os.environ.get("LBSTAT_BIN", str(BUILD / "tools/lbstat/lbstat"))
TIME_SCALE = float(os.environ.get("SLUICE_TIME_SCALE", "1"))
VOLUME = float(os.environ.get("SLUICE_VOLUME", "1"))
SANITIZED = bool(os.environ.get("SLUICE_SANITIZED"))


def volume(amount, least=1):
    """`amount` of something, scaled to what this run can afford."""
    return max(least, int(amount * VOLUME))
