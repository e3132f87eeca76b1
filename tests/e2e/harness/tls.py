"""TLS at both ends of the proxy: clients and servers made of Python's ssl module."""

import socket
import ssl

from .settings import TIME_SCALE
from .thread_server import ThreadServer

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def client_context(authority, version=None, certificate=None):
    """Trusts `authority`; speaks only `version` if given; shows `certificate` (file, key)."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if certificate is not None:
        context.load_cert_chain(*map(str, certificate))
    return context


def connect(address, context, name="shop.test", session=None, seconds=10):
    """A TLS connection whose calls fail after `seconds` (scaled) instead of hanging."""
    plain = socket.create_connection(address, timeout=seconds * TIME_SCALE)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return context.wrap_socket(plain, server_hostname=name, session=session)
    except BaseException:
        plain.close()
        raise


class RecordClient:
    """A TLS client that makes records and leaves it to the test when, and in which pieces, they are
    sent. `end` says how the connection ended once `receive()` has found that it did."""

    def __init__(self, address, context, name="shop.test", seconds=10):
        self.socket = socket.create_connection(address, timeout=seconds * TIME_SCALE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.end = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def shake_hands(self):
        """The client's last flight stays in `records()`."""
        while True:
            try:
                return self.ssl.do_handshake()
            except ssl.SSLWantReadError:
                self.send()
                self._fill()

    def write(self, data):
        """Makes one record of it."""
        self.ssl.write(data)
        return self

    def say_end(self):
        """Makes a close_notify."""
        try:
            self.ssl.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self

    def records(self):
        """What has been made and not been sent; the caller sends it."""
        return self.outgoing.read()

    def send(self):
        self.socket.sendall(self.records())

    def _fill(self):
        """False at the end of the connection."""
        data = self.socket.recv(1 << 16)
        self.incoming.write(data) if data else self.incoming.write_eof()
        return bool(data)

    def receive(self):
        """All until the end."""
        parts = []
        while self.end is None:
            try:
                part = self.ssl.read(1 << 16)
                parts.append(part)
                if not part:
                    self.end = "close_notify"
            except ssl.SSLWantReadError:
                self._fill()
            except ssl.SSLZeroReturnError:
                self.end = "close_notify"
            except ssl.SSLEOFError:
                self.end = "cut"
            except ssl.SSLError as error:
                self.end = error.reason
        return b"".join(parts)


def shown_name(client):
    """The first name of the certificate that the other end has shown."""
    return client.getpeercert()["subjectAltName"][0][1]


class TlsServer(ThreadServer):
    """A ThreadServer that speaks TLS: its handler gets the decrypted socket.

    `names` are the server names that clients asked for, `failures` the handshakes that failed,
    `early` the bytes of application data that arrived in connections whose handshake had failed.
    """

    def __init__(self, handler, certificate, version=None, chain=None, security=2):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_ciphers(f"DEFAULT@SECLEVEL={security}")
        if version is not None:
            self.context.minimum_version = self.context.maximum_version = version
        file, key = certificate
        if chain is not None:
            joined = file.with_suffix(".chain")
            joined.write_text(file.read_text() + chain.read_text())
            file = joined
        self.context.load_cert_chain(str(file), str(key))
        self.names, self.failures, self.resumed = [], [], 0
        self.context.sni_callback = lambda _one, name, _context: self.names.append(name)
        self.inner = handler
        super().__init__(self.shake_hands)

    def shake_hands(self, accepted, _server):
        try:
            secure = self.context.wrap_socket(accepted, server_side=True)
        except (ssl.SSLError, OSError) as error:
            self.failures.append(error)
            return
        self.resumed += secure.session_reused
        with secure:
            try:
                self.inner(secure, self)
            except ssl.SSLError as error:  # a client that cannot trust us says so after 1.3's end
                self.failures.append(error)


def entry(name, certificate):
    """One of `certificates:`, from (certificate, key)."""
    return {"name": name, "certificate": str(certificate[0]), "key": str(certificate[1])}


def bundle(name, authority):
    """One of `ca_bundles:`."""
    return {"name": name, "file": str(authority.certificate)}
