"""Clients that keep coming while a test does something to the proxy."""

import threading
import time

from .clients import connect, round_trip


class Load:
    """`clients` threads that connect, make round trips and close, over and over; and `long` ones
    that stay connected and make a round trip now and then. A context manager."""

    def __init__(self, address, clients=4, long=8):
        self.address = address
        self.done = 0
        self.failures = []
        self._stop = threading.Event()
        self._long = [connect(address, 30) for _ in range(long)]
        work = [self._short] * clients + ([self._hold] if long else [])
        self._threads = [threading.Thread(target=one) for one in work]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for client in self._long:
            client.close()

    def _short(self):
        while not self._stop.is_set():
            try:
                with connect(self.address, 30) as client:
                    for _ in range(2):
                        if not round_trip(client, b"short connection"):
                            self.failures.append("short: an end instead of an echo")
                self.done += 1
            except OSError as error:
                self.failures.append(f"short: {error!r}")

    def _hold(self):
        while not self._stop.is_set():
            for client in self._long:
                try:
                    if not round_trip(client, b"long connection"):
                        self.failures.append("long: cut")
                except OSError as error:
                    self.failures.append(f"long: {error!r}")
            time.sleep(0.02)
