"""Sluice, by its own defaults but for what is equal for all."""

import json
import os

from .certificate import NAME
from .http import COOKIE
from .setup import IDLE_SECONDS, NOWHERE


def _servers(setup):
    for number, (address, port) in enumerate(setup.servers):
        server = {"name": f"s{number}", "address": address, "port": port}
        if setup.reencrypts:
            server.update(ca_bundle="bench", server_name=NAME)
        elif setup.terminates:
            server["ssl_offload"] = True
        yield server


def document(setup):
    """The configuration as a value."""
    frontend = {"name": "bench", "protocol": setup.scenario.protocol,
                "listen": f"127.0.0.1:{setup.port}", "backend": "bench"}
    found = {
        "workers": setup.scenario.workers,
        "log": {"level": "error", "sessions": False},
        "admin": {"socket": os.path.join(setup.folder, "admin.sock")},
        "frontends": [frontend],
        "backends": [{"name": "bench", "policy": "round_robin", "health_check": {"type": "none"},
                      "timeouts": {"connect": "5s", "idle": f"{IDLE_SECONDS}s"},
                      "udp": {"idle": f"{IDLE_SECONDS}s"},
                      "servers": list(_servers(setup))}],
    }
    if setup.scenario.protocol == "http":
        found["backends"][0]["persistence"] = {"cookie": {"name": COOKIE}}
    if setup.routes:
        frontend.update(backend="nowhere", routes=[{"sni": NAME, "backend": "bench"}])
        found["backends"].append({
            "name": "nowhere", "health_check": {"type": "none"},
            "servers": [{"name": "s", "address": "127.0.0.1", "port": NOWHERE}]})
    if setup.terminates:
        frontend["tls"] = {"certificates": ["bench"]}
        found["certificates"] = [{"name": "bench", "certificate": setup.certificate,
                                  "key": setup.certificate}]
    if setup.reencrypts:
        found["ca_bundles"] = [{"name": "bench", "file": setup.certificate}]
    return found


def config(setup):
    # JSON is YAML; the format that needs no library here.
    return "sluice.yaml", json.dumps(document(setup), indent=2)
