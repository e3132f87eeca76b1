"""A network namespace of its own for each measurement.

What an earlier measurement left behind (connections in TIME_WAIT by the ten thousand, the ports
they hold, the kernel's limit on them) would make the next one's connects dearer. A fresh namespace
has none of it, and nobody else's traffic either.
"""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1


def _bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        flags = struct.unpack("16sh14x", answer)[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def _widen_port_range():
    """Twice the ports for connections: each holds one for a minute after its end."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as limits:
            limits.write("2048 65535")
    except OSError:
        pass  # a measurement of many short connections is slower then, for every subject


def enter_fresh():
    """Moves this thread, and with it every program it starts from now on, into a new namespace
    with a loopback interface. Raises PermissionError without CAP_SYS_ADMIN."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise PermissionError(number, "unshare(CLONE_NEWNET): " + os.strerror(number))
    _bring_up_loopback()
    _widen_port_range()


def can_be_fresh():
    """Whether enter_fresh works here; this process is in a fresh namespace if it does."""
    try:
        enter_fresh()
        return True
    except OSError:
        return False
