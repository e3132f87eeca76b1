"""A server whose packets vanish: the session is on another one within the connect timeout.

In a network namespace of the test's own, where nftables drops what is sent to the server.
"""

import json
import shutil
import sys

import pytest

from harness import process
from harness.settings import TIME_SCALE

TIMEOUT = 0.4

SET_UP = """
ip link set lo up
ip address add 10.9.0.1/32 dev lo
nft add table inet filter
nft add chain inet filter input '{ type filter hook input priority 0; }'
nft add rule inet filter input ip daddr 10.9.0.1 drop
exec "$@"
"""

# Runs in the namespace: the server that answers, and clients one after the other.
CLIENTS = """
import json, socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", 7000))

def serve():
    while True:
        accepted, _ = listener.accept()
        accepted.sendall(b"alive")
        accepted.close()

threading.Thread(target=serve, daemon=True).start()
outcomes = []
for _ in range(int(sys.argv[1])):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", 8000), timeout=30) as client:
        said = client.recv(100).decode()
    outcomes.append((said, time.monotonic() - began))
print(json.dumps(outcomes))
"""


@pytest.fixture
def namespace():
    """The words that start a program in a network namespace of its own."""
    for program in ("unshare", "nsenter", "ip", "nft"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    words = ["unshare", "--net", "sh", "-ec", SET_UP, "sh"]
    if process.run(*words, "true", check=False).returncode != 0:
        pytest.skip("may not make a network namespace with nftables here")
    return words


def test_a_blackholed_server_costs_one_connect_timeout(namespace, start_sluice):
    """All are answered; whoever was sent into the hole first, once and not later than that."""
    proxy = start_sluice({
        "workers": 1,
        "frontends": [{"name": "front", "listen": "127.0.0.1:8000", "backend": "back"}],
        "backends": [{
            "name": "back",
            "health_check": {"type": "none"},
            "timeouts": {"connect": f"{int(TIMEOUT * 1000)}ms"},
            "servers": [{"name": "hole", "address": "10.9.0.1", "port": 7000},
                        {"name": "alive", "address": "127.0.0.1", "port": 7000}],
        }],
    }, launcher=namespace)
    done = process.run("nsenter", "--net", "--target", proxy.pid,
                       sys.executable, "-c", CLIENTS, 10)
    outcomes = json.loads(done.stdout)
    assert [said for said, _ in outcomes] == ["alive"] * 10
    late = [seconds for _, seconds in outcomes if seconds >= TIMEOUT]
    assert late and max(late) < TIMEOUT + 0.3 * TIME_SCALE
    hole = proxy.server("hole")
    assert (hole["errors"], hole["retries"], hole["current"]) == (len(late), len(late), 0)
    assert ("connect_timeout", "server") not in proxy.reasons()
