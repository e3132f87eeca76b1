"""Clients made of a socket."""

import socket

from .thread_server import read_exactly, read_to_end
from .settings import TIME_SCALE


def connect(address, seconds=10):
    """A connected socket whose calls fail after `seconds` (scaled) instead of hanging."""
    client = socket.create_connection(address, timeout=seconds * TIME_SCALE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def ask_name(address):
    """Connects, and returns what the server says before it closes."""
    with connect(address) as client:
        return read_to_end(client).decode()


def round_trip(client, data=b"ping"):
    """Sends `data` and returns whether the same came back."""
    client.sendall(data)
    return read_exactly(client, len(data)) == data


def ending_of(client):
    """Reads to the end: (the bytes before it, `closed` or `reset`)."""
    parts = []
    try:
        while part := client.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        return b"".join(parts), "reset"
    return b"".join(parts), "closed"
