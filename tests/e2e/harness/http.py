"""HTTP/1.1 by hand: what test servers and test clients say and hear."""

from .thread_server import read_exactly


def read_head(source):
    """Up to the empty line; shorter only where the other end finished."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and (byte := source.recv(1)):
        head += byte
    return head.decode()


def length_in(head):
    lengths = (line.split(":")[1] for line in head.split("\r\n") if "Content-Length:" in line)
    return int(next(lengths, 0))


def read_message(source):
    """(head, body) of a message whose body has a Content-Length or is empty."""
    head = read_head(source)
    return head, read_exactly(source, length_in(head))


def answer(body):
    body = body if isinstance(body, bytes) else body.encode()
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def pages_of(name):
    """A handler that answers every request with the server's name, and keeps the heads it saw."""
    def handler(accepted, server):
        while head := read_head(accepted):
            server.records.setdefault("heads", []).append(head)
            accepted.sendall(answer(name))
    return handler


def mirror(accepted, server):
    """A handler that answers every request with its body, and keeps the heads it saw."""
    while head := read_head(accepted):
        server.records.setdefault("heads", []).append(head)
        accepted.sendall(answer(read_exactly(accepted, length_in(head))))


def cookie_in(head):
    """`NAME=VALUE` of the Set-Cookie line, and what stands behind it; None without one."""
    lines = (line for line in head.split("\r\n") if line.startswith("Set-Cookie: "))
    line = next(lines, None)
    if line is None:
        return None
    value, _, attributes = line.removeprefix("Set-Cookie: ").partition("; ")
    return value, attributes
