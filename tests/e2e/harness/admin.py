"""A client of the admin socket that shares no code with lbstat."""

import http.client
import json
import socket


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Admin:
    """GET and POST on the UNIX socket `path`."""

    def __init__(self, path):
        self.path = path

    def ask(self, method, target, timeout=30):
        """Returns (status, headers, body as text)."""
        connection = UnixConnection(self.path, timeout)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def get(self, target):
        """The JSON of a GET that must succeed."""
        status, _, body = self.ask("GET", target)
        assert status == 200, f"GET {target}: {status} {body}"
        return json.loads(body)

    def rows(self, kind, **query):
        """The rows of /v1/KIND, each a dict whose keys are the column names."""
        arguments = "&".join(f"{key}={value}" for key, value in query.items())
        return self.get(f"/v1/{kind}" + (f"?{arguments}" if arguments else ""))

    def is_healthy(self):
        try:
            return self.ask("GET", "/healthz", timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            return False
