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
