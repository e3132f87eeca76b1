"""TLS at both ends of the proxy: clients and servers made of Python's ssl module."""

import ctypes
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


def server_context(certificate, version=None, security=2):
    """Shows `certificate` (file, key); speaks only `version` if given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"DEFAULT@SECLEVEL={security}")
    if version is not None:
        context.minimum_version = context.maximum_version = version
    context.load_cert_chain(*map(str, certificate))
    return context


def allow_suite(context, name):
    """Only this one. Those of TLS 1.3 are not in reach of Python's ssl before 3.15, so the SSL_CTX
    is asked, which is the first thing in CPython's object."""
    if not name.startswith("TLS_"):
        context.set_ciphers(name)
        return
    inner = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    if ctypes.CDLL("libssl.so.3").SSL_CTX_set_ciphersuites(inner, name.encode()) != 1:
        raise ValueError(name)


def connect(address, context, name="shop.test", session=None, seconds=10):
    """A TLS connection whose calls fail after `seconds` (scaled) instead of hanging."""
    plain = socket.create_connection(address, timeout=seconds * TIME_SCALE)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return context.wrap_socket(plain, server_hostname=name, session=session)
    except BaseException:
        plain.close()
        raise


class RecordEnd:
    """An end of a TLS connection that makes records and leaves it to the test when, and in which
    pieces, they are sent. `end` says how the connection ended once `receive()` has found that it
    did."""

    def __init__(self, connected, context, **options):
        self.socket = connected
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.incoming, self.outgoing, **options)
        self.end = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def shake_hands(self):
        """The last flight stays in `records()`."""
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
        """Makes a close_notify; what the other end still says can be read."""
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

    def read(self):
        """What comes next."""
        while True:
            try:
                return self.ssl.read(1 << 16)
            except ssl.SSLWantReadError:
                self._fill()

    def receive(self):
        """All until the end."""
        parts = []
        while self.end is None:
            try:
                part = self.read()
                parts.append(part)
                if not part:
                    self.end = "close_notify"
            except ssl.SSLZeroReturnError:
                self.end = "close_notify"
            except ssl.SSLEOFError:
                self.end = "cut"
            except ssl.SSLError as error:
                self.end = error.reason
        return b"".join(parts)


class RecordClient(RecordEnd):
    def __init__(self, address, context, name="shop.test", seconds=10):
        client = socket.create_connection(address, timeout=seconds * TIME_SCALE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(client, context, server_hostname=name)


def shown_name(client):
    """The first name of the certificate that the other end has shown."""
    return client.getpeercert()["subjectAltName"][0][1]


class TlsServer(ThreadServer):
    """A ThreadServer that speaks TLS: its handler gets the decrypted socket.

    `names` are the server names that clients asked for, `failures` the handshakes that failed,
    `early` the bytes of application data that arrived in connections whose handshake had failed.
    """

    def __init__(self, handler, certificate, version=None, chain=None, security=2):
        file, key = certificate
        if chain is not None:
            joined = file.with_suffix(".chain")
            joined.write_text(file.read_text() + chain.read_text())
            file = joined
        self.context = server_context((file, key), version, security)
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
