"""UDP ends for the tests: servers on threads of their own and clients with a deadline."""

import collections
import contextlib
import errno
import random
import select
import socket
import threading

from . import settings

_random = random.SystemRandom()
SECONDS = 10


def free_udp_address():
    """Returns (ip, port) that was free a moment ago, on a loopback address of its own."""
    ip = f"127.{_random.randint(1, 250)}.{_random.randint(0, 250)}.{_random.randint(1, 250)}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((ip, 0))
        return ip, probe.getsockname()[1]


def is_bound(address):
    """Whether a UDP socket has this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(address)
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        return False


def echo(datagram):
    return [datagram]


def named(name):
    """A handler that puts its name before what it was sent."""
    return lambda datagram: [name.encode() + b":" + datagram]


def silent(_datagram):
    return []


class UdpServer:
    """`handler(datagram)` gives the answers. `senders` are the addresses that have spoken to it,
    `received` is everything they said, in order, `said_by` tells who said what."""

    def __init__(self, handler, address=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(address or free_udp_address())
        self.address = self.socket.getsockname()
        self.handler = handler
        self.senders = set()
        self.received = []
        self.said_by = collections.defaultdict(set)
        self.is_running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.is_running:
            if not select.select([self.socket], [], [], 0.05)[0]:
                continue
            with contextlib.suppress(OSError):
                datagram, sender = self.socket.recvfrom(70000)
                self.senders.add(sender)
                self.received.append(datagram)
                self.said_by[datagram].add(sender)
                for answer in self.handler(datagram):
                    self.socket.sendto(answer, sender)

    def stop(self):
        self.is_running = False
        self.thread.join()
        self.socket.close()


def udp_client(address, family=socket.AF_INET):
    """A connected socket: it takes answers from that address only."""
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(SECONDS * settings.TIME_SCALE)
    client.connect(address)
    return client


def ask(client, question=b"question"):
    """Sends one datagram and returns the next that comes."""
    client.send(question)
    return client.recv(70000)


def ask_new(address, question=b"question"):
    """The same from a new port."""
    with udp_client(address) as client:
        return ask(client, question)
