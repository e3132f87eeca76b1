"""Many UDP flows at a steady pace, each datagram numbered: what QUIC connections look like to a
proxy. Sender and receiver are processes of their own, so that neither waits for the test."""

import multiprocessing
import select
import socket
import struct
import time
from collections import Counter

from . import settings
from .udp import free_udp_address

_FORM = struct.Struct("!II")  # flow, number
_SLOTS = 20  # a flow's turn comes once in so many milliseconds: 50 datagrams a second
_ACK_EACH = 10  # the receiver answers every tenth datagram of a flow
_PADDING = b"p" * 200


class Sink:
    """A server that knows what each flow has to send next, and from where it has spoken before."""

    def __init__(self, count):
        self.sockets = []
        for _ in range(count):
            self.sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            self.sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.sockets[-1].bind(free_udp_address())
        self.addresses = [one.getsockname() for one in self.sockets]
        self._told, self._tell = multiprocessing.Pipe(duplex=False)
        self._is_over = multiprocessing.Event()
        self._process = multiprocessing.Process(target=self._run, daemon=True)
        self._process.start()

    def totals(self):
        """Ends it; gives a Counter: received, lost, moved (to another server or source port)."""
        self._is_over.set()
        totals = self._told.recv()
        self._process.join()
        for one in self.sockets:
            one.close()
        return totals

    def _run(self):
        totals, expected, places = Counter(), {}, {}
        while True:
            ready = select.select(self.sockets, [], [], 0.05)[0]
            if not ready and self._is_over.is_set():
                break
            for one in ready:
                self._receive_all(one, totals, expected, places)
        self._tell.send(totals)

    @staticmethod
    def _receive_all(one, totals, expected, places):
        while True:
            try:
                datagram, sender = one.recvfrom(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            flow, number = _FORM.unpack_from(datagram)
            totals["received"] += 1
            totals["lost"] += max(0, number - expected.get(flow, 0))
            totals["late"] += number < expected.get(flow, 0)
            expected[flow] = max(expected.get(flow, 0), number + 1)
            place = (one.fileno(), sender)
            totals["moved"] += places.setdefault(flow, place) != place
            if number % _ACK_EACH == 0:
                one.sendto(datagram[:_FORM.size], sender)


class PacedFlows:
    """`count` clients of `address`, 50 datagrams a second each, from construction to `finish()`."""

    def __init__(self, address, count):
        self._told, self._tell = multiprocessing.Pipe(duplex=False)
        self._is_over = multiprocessing.Event()
        self._process = multiprocessing.Process(target=self._run, args=(address, count),
                                                daemon=True)
        self._process.start()

    def finish(self):
        """Gives a Counter: sent, answered, unanswered (datagrams that should have been)."""
        self._is_over.set()
        totals = self._told.recv()
        self._process.join()
        return totals

    def _run(self, address, count):
        clients = []
        for _ in range(count):
            clients.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            clients[-1].connect(address)
            clients[-1].setblocking(False)
        rounds = self._send_rounds(clients)
        wanted = count * ((rounds + _ACK_EACH - 1) // _ACK_EACH)
        answered, deadline = 0, time.monotonic() + 5 * settings.TIME_SCALE
        while answered < wanted and time.monotonic() < deadline:
            for client in clients:
                answered += _drain(client)
            time.sleep(0.01)
        self._tell.send(Counter(sent=count * rounds, answered=answered,
                                unanswered=wanted - answered))

    def _send_rounds(self, clients):
        number, begin = 0, time.monotonic()
        while not self._is_over.is_set():
            for slot in range(_SLOTS):
                due = begin + (number * _SLOTS + slot) / 1000
                time.sleep(max(0, due - time.monotonic()))
                for flow in range(slot, len(clients), _SLOTS):
                    clients[flow].send(_FORM.pack(flow, number) + _PADDING)
            number += 1
        return number


def _drain(client):
    """How many answers wait in its socket."""
    answers = 0
    while True:
        try:
            client.recv(64)
            answers += 1
        except BlockingIOError:
            return answers
