"""Waiting for a condition with a deadline: the only way these tests wait."""

import time

from .settings import TIME_SCALE

POLL_SECONDS = 0.01


def wait_for(condition, what, seconds=10):
    """Calls `condition` until it gives something true and returns that.

    After `seconds` (times SLUICE_TIME_SCALE) fails with `what` and the last value seen.
    """
    end = time.monotonic() + seconds * TIME_SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * TIME_SCALE:g} s for: {what}; last: {value!r}")
        time.sleep(POLL_SECONDS)


def holds_for(condition, what, seconds):
    """Fails as soon as `condition` is false within `seconds` (not scaled)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"should have held for {seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)
