"""hitch: it takes TLS off in front of one server, and does nothing else."""

from .setup import GROUPS


def config(setup):
    return "hitch.conf", f"""frontend = "[127.0.0.1]:{setup.port}"
backend = "[127.0.0.1]:{setup.ports[0]}"
pem-file = "{setup.certificate}"
workers = 1
backlog = 4096
tls-protos = TLSv1.2 TLSv1.3
prefer-server-ciphers = off
ecdh-curve = "{GROUPS}"
user = "root"
daemon = off
syslog = off
log-level = 0
"""


def refuses(scenario):
    """Why it cannot serve a scenario; empty where it can."""
    if scenario.tls != "terminate" or scenario.protocol == "http":
        return "hitch takes TLS off and nothing else"
    return "hitch knows one server" if scenario.servers > 1 else ""
