"""The requests of the HTTP scenarios: with the cookie that the proxy has set, so that it has to
find the client's server."""

import re
import socket

from .programs import ProgramError

COOKIE = "LBSRV"
TIMEOUT = 5  # seconds


def request(cookie=""):
    """A browser's request, more or less."""
    line = f"Cookie: theme=dark; {cookie}\r\n" if cookie else ""
    return ("GET /index.html HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: sluice-bench/1\r\n"
            f"Accept: text/html,*/*;q=0.8\r\nAccept-Language: en\r\n{line}\r\n").encode()


def _exchange(client, data):
    """(head, bytes of head and body) of the response to one request."""
    client.sendall(data)
    answer = b""
    while True:
        head, mark, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
        if mark and length and len(body) >= int(length.group(1)):
            return head.decode(), len(answer)
        piece = client.recv(65536)
        if not piece:
            raise ProgramError(f"no whole response: {answer[:200]!r}")
        answer += piece


def prepare(port, has_cookie):
    """(request, bytes of its response) for the server at this port; with a cookie, the one that
    the first response has set."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
        head, _ = _exchange(client, request())
    text = request()
    if has_cookie:
        found = re.search(rf"(?im)^set-cookie: ({COOKIE}=[^;\r]+)", head)
        if not found:
            raise ProgramError(f"no cookie was set: {head}")
        text = request(found.group(1))
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
        sizes = [_exchange(client, text) for _ in range(2)]
    if sizes[0][1] != sizes[1][1] or not sizes[0][0].startswith("HTTP/1.1 200"):
        raise ProgramError(f"responses differ, or are no success: {sizes}")
    return text, sizes[0][1]
