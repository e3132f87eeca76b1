"""What the programs of bench/ share that measure one thing."""

import sys

from .build import BuildError
from .programs import ProgramError


def exit_status(measure):
    """Calls it. 0: measured; 1: a measurement failed; 3: the programs cannot be built."""
    try:
        measure()
    except (BuildError, ProgramError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3 if isinstance(error, BuildError) else 1
    return 0
