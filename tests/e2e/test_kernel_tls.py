"""What `sluice --version` says of kernel TLS, which it finds out by sealing and opening records."""

import os
import re

import pytest

from harness.ktls import KEY_UPDATE, support

CIPHERS = "AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"
LINES = [f"TLS {version} {cipher} {half}" for version in ("1.2", "1.3") for cipher in CIPHERS
         for half in ("transmit", "receive")]

pytestmark = pytest.mark.smoke


def test_every_version_cipher_and_direction_is_told():
    assert list(support()) == [*LINES, KEY_UPDATE]


@pytest.mark.skipif("SLUICE_KERNEL_TLS" not in os.environ,
                    reason="for the kernel that tests/kernel/run starts, with its tls module")
@pytest.mark.parametrize("line", LINES)
def test_the_kernel_seals_and_opens_as_we_do(line):
    assert support()[line] == "yes"


@pytest.mark.skipif("SLUICE_KERNEL_TLS" not in os.environ,
                    reason="for the kernels that tests/kernel/run starts")
def test_whether_a_key_can_be_replaced_is_found_out():
    release = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
    said = support()[KEY_UPDATE]
    assert said == "yes" if release >= (6, 14) else "Linux 6.14" in said
