"""The three modes in which we seal and open: TLS with the client, with the server, or with both."""

from dataclasses import dataclass

import pytest

from . import clients, tls
from .sluice import Sluice, server
from .thread_server import ThreadServer

NAMES = "offload", "reencrypt", "originate"
MODES = pytest.mark.parametrize("mode", NAMES)

NAME = "shop.test"  # of every certificate here


def is_client_secure(mode):
    return mode != "originate"


def is_server_secure(mode):
    return mode != "offload"


def entry(mode, app):
    """The server's of `servers:`."""
    keys = {"ca_bundle": "ours", "server_name": NAME} if is_server_secure(mode) else {}
    keys |= {"tls": True} if mode == "originate" else {"ssl_offload": mode == "offload"}
    return server("s1", app, **keys)


def settings_of(mode, authority, certificate):
    """What `proxied` is to be told beside it; both ends show the same certificate."""
    front = {"tls": {"certificates": ["shop"]}} if is_client_secure(mode) else {}
    return {"frontend_keys": front, "certificates": [tls.entry("shop", certificate)],
            "ca_bundles": [tls.bundle("ours", authority)]}


@dataclass
class Passage:
    """A server, with Sluice in a mode before it."""

    mode: str
    proxy: Sluice
    address: tuple
    app: ThreadServer
    context: object  # of clients that speak TLS

    def connect(self):
        """A client of the kind that the mode wants."""
        if is_client_secure(self.mode):
            return tls.connect(self.address, self.context, name=NAME)
        return clients.connect(self.address)
