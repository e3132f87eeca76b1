"""The PROXY protocol's headers: version 2 as its specification has it, and a table of both."""

import socket
import struct

from .settings import TREE

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FIXED = 16
CHECKSUM, UNIQUE_ID = 0x03, 0x05
_ADDRESSES = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36}


def vectors():
    """(name, verdict, addresses, bytes) of the table that the unit tests judge by."""
    table = TREE / "tests/unit/wire/proxy_headers.txt"
    rows = [line.split() for line in table.read_text().splitlines() if not line.startswith("#")]
    return [(name, verdict, addresses, bytes.fromhex(data))
            for name, verdict, addresses, data in rows]


def length_of(fixed):
    """Bytes that follow the first 16."""
    return struct.unpack("!H", fixed[14:FIXED])[0]


def split(data):
    """A header and what follows it: ((family byte, addresses, {extension: value}), rest)."""
    assert data[:13] == SIGNATURE + b"\x21", data[:FIXED]
    end = FIXED + length_of(data)
    assert len(data) >= end
    place = FIXED + _ADDRESSES[data[13]]
    addresses, extensions = data[FIXED:place], {}
    while place < end:
        kind, length = struct.unpack("!BH", data[place:place + 3])
        value = data[place + 3:place + 3 + length]
        if kind == CHECKSUM:
            zeroed = data[:place + 3] + bytes(4) + data[place + 7:end]
            assert struct.unpack("!I", value)[0] == crc32c(zeroed)
        extensions[kind] = value
        place += 3 + length
    assert place == end
    return (data[13], addresses, extensions), data[end:]


def v4(source, destination):
    """The addresses of a header over IPv4."""
    return b"".join([socket.inet_aton(source[0]), socket.inet_aton(destination[0]),
                     struct.pack("!HH", source[1], destination[1])])


def v6(source, destination):
    """The same over IPv6."""
    return b"".join([socket.inet_pton(socket.AF_INET6, source[0]),
                     socket.inet_pton(socket.AF_INET6, destination[0]),
                     struct.pack("!HH", source[1], destination[1])])


def crc32c(data):
    """Castagnoli's, bit by bit: headers are short."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
