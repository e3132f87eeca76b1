"""The kernel's TLS layer: what this machine's can do, by `sluice --version`, and tests that run in
both gears.

This machine's kernel may have no tls module; those that tests/kernel/run starts have one."""

import re

import pytest

from . import process, settings

KEY_UPDATE = "TLS 1.3 KeyUpdate"

_REPORT = process.run(settings.SLUICE, "--version").stdout
HAS_MODULE = "run 'modprobe tls'" not in _REPORT

with_module = pytest.mark.skipif(not HAS_MODULE, reason="this kernel has no tls module")
without_module = pytest.mark.skipif(HAS_MODULE, reason="this kernel has a tls module")


def support():
    """{`TLS 1.3 AES-128-GCM transmit`: `yes` or `no: ` and why}"""
    told = _REPORT.partition("\nkernel TLS\n")[2]
    return dict(re.findall(r"^  (TLS .*?)  +(yes|no: .+)$", told, re.MULTILINE))


CAN_REKEY = support().get(KEY_UPDATE) == "yes"

with_rekey = pytest.mark.skipif(not CAN_REKEY, reason="this kernel replaces no key")
without_rekey = pytest.mark.skipif(not HAS_MODULE or CAN_REKEY,
                                   reason="this kernel has no tls module, or replaces keys")


def in_kernel(*values, needs=()):
    """Values of parameters with which a test runs in the kernel's gear, where it can do what is
    needed; the kernel suites run these."""
    return pytest.param(*values, marks=[pytest.mark.smoke, with_module, *needs])


def gears(*needs):
    """Parametrizes with `gear`, a value of the key `ktls`: our own gear, and the kernel's from the
    first record on."""
    return pytest.mark.parametrize("gear", ["off", in_kernel("on", needs=needs)])


GEARS = gears()
SHOWN = {"off": "user (off)", "on": "ktls"}


def expect_gear(proxy, gear):
    """The only session goes both ways in that gear."""
    row, = proxy.sessions()
    assert (row["tls_in"], row["tls_out"]) == (SHOWN[gear], SHOWN[gear])


def expect_gear_of_ended(proxy, gear):
    """The only session went both ways in that gear until it ended."""
    kind, _, reason = SHOWN[gear].partition(" ")
    shown = f'{{gear="{kind}",reason="{reason.strip("()")}"}}'
    assert proxy.metrics("sluice_tls_directions_total").get(shown) == 2
