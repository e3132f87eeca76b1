"""Addresses to listen on, from the kernel.

Each caller gets a port on a loopback address of its own out of 127.0.0.0/8, so that neither another
program's outgoing connection nor another test can hold it.
"""

import random
import socket

_random = random.SystemRandom()


def free_address():
    """Returns (ip, port) that was free a moment ago."""
    while True:
        ip = f"127.{_random.randint(1, 250)}.{_random.randint(0, 250)}.{_random.randint(1, 250)}"
        with socket.socket() as probe:
            try:
                probe.bind((ip, 0))
            except OSError:
                continue
            return ip, probe.getsockname()[1]


def text(address):
    return f"{address[0]}:{address[1]}"


def accepts(address):
    """Whether something accepts TCP connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0
