"""Headless Chromium, driven through chromedriver's own protocol (W3C WebDriver: JSON over HTTP)."""

import json
import re
import shutil
import tempfile
import urllib.request
from pathlib import Path

from .process import Background
from .settings import TIME_SCALE

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage"]


class Browser:
    """A browser with a profile of its own; a context manager that ends it."""

    def __init__(self, *flags):
        self.directory = Path(tempfile.mkdtemp(prefix="sluice-browser-"))
        self.driver = Background(["chromedriver", "--port=0"], self.directory / "log")
        self.port = self.driver.wait_until(self._port, "chromedriver listens", 30)
        options = {"args": [*FLAGS, *flags, f"--user-data-dir={self.directory / 'profile'}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "pageLoadStrategy": "normal"}
        self.session = None
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{made['sessionId']}"

    def _port(self):
        found = re.search(r"started successfully on port (\d+)", self.driver.output())
        return found and int(found.group(1))

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data,
                                         method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60 * TIME_SCALE) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self._call("POST", f"{self.session}/url", {"url": url})

    def reload(self):
        self._call("POST", f"{self.session}/refresh", {})

    def run(self, script):
        """What a script in the page returns."""
        return self._call("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def cookies(self):
        return {one["name"]: one for one in self._call("GET", f"{self.session}/cookie")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.session is not None:
            self._call("DELETE", self.session)
        self.driver.stop(seconds=20)
        shutil.rmtree(self.directory, ignore_errors=True)
