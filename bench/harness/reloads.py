"""Reloads of a proxy while it is measured."""

import threading


class Reloads:
    """From entering to leaving, every `seconds` one reload; none where that is 0 or there is no
    proxy. The first comes after `seconds`."""

    def __init__(self, proxy, seconds):
        self.proxy = proxy
        self.seconds = seconds
        self.count = 0
        self.has_ended = threading.Event()
        self.thread = threading.Thread(target=self._run) if proxy and seconds else None

    def _run(self):
        while not self.has_ended.wait(self.seconds):
            self.proxy.reload()
            self.count += 1

    def __enter__(self):
        if self.thread:
            self.thread.start()
        return self

    def __exit__(self, *_):
        self.has_ended.set()
        if self.thread:
            self.thread.join()
