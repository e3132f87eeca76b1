"""Servers made of a thread and a function, for what no real program can be made to do.

A handler gets the accepted socket and runs in a thread of its own; the socket is closed when it
returns. All of them record into their ThreadServer.
"""

import socket
import struct
import threading

from .addresses import free_address


class ThreadServer:
    """Accepts on an address of its own and runs `handler(socket, self)` for each connection."""

    def __init__(self, handler, backlog=1024, address=None):
        self.handler = handler
        self.backlog = backlog
        self.address = address or free_address()
        self.accepted = 0
        self.ended = 0
        self.records = {}             # for handlers
        self.errors = []
        self._open = set()
        self._lock = threading.Lock()
        self._listener = None
        self.start()

    def start(self):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self.address)
        self._listener.listen(self.backlog)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def _accept(self, listener):
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._open.add(accepted)
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.handler(accepted, self)
        except OSError as error:
            self.errors.append(error)
        finally:
            accepted.close()
            with self._lock:
                self._open.discard(accepted)
                self.ended += 1

    @property
    def current(self):
        with self._lock:
            return len(self._open)

    def stop_listening(self):
        """No new connections; those that are there stay."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def stop(self):
        self.stop_listening()
        with self._lock:
            left = list(self._open)
        for one in left:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def read_exactly(source, count, most=1 << 18):
    """Reads `count` bytes, at most so many a call; fewer only where the other end finished."""
    parts, missing = [], count
    while missing:
        part = source.recv(min(missing, most))
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def read_to_end(source):
    parts = []
    while part := source.recv(1 << 18):
        parts.append(part)
    return b"".join(parts)


def reset(one):
    """Closes with a RST: what is not sent yet is thrown away."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def echo(accepted, _server):
    while data := accepted.recv(1 << 16):
        accepted.sendall(data)


def silent(accepted, _server):
    while accepted.recv(1 << 16):
        pass


def name_of(name):
    """A handler that says who it is and closes."""
    def handler(accepted, _server):
        accepted.sendall(name.encode())
    return handler


def named_echo(name):
    """A handler that says who it is, then echoes: for clients that stay."""
    def handler(accepted, server):
        accepted.sendall(name.encode() + b"\n")
        echo(accepted, server)
    return handler


def answer_at_end(accepted, _server):
    """Reads until the client finished, then answers with what it got: needs half-close."""
    accepted.sendall(b"got:" + read_to_end(accepted))
