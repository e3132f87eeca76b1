"""Ports chosen by the kernel for programs that must be told theirs."""

import socket


class Reservation:
    """Holds a free loopback port for a program that listens on it with SO_REUSEADDR or
    SO_REUSEPORT, as all proxies do.

    The socket stays bound and never listens: Linux lets such a program bind beside it, and nobody
    else gets the port (socket(7), ip(7)).
    """

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()
