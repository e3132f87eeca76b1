"""Other people's TLS servers behind the proxy: the second session with one is a resumed one."""

import pytest

from harness import tls
from harness.addresses import text
from harness.clients import connect
from harness.programs import HAProxy, NginxStream, Program
from harness.sluice import server
from harness.thread_server import read_to_end
from harness.waiting import wait_for

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture(scope="module")
def own(authority):
    return authority.issue("app.internal")


class SServer(Program):
    """openssl s_server: its page says whether the session was resumed."""

    def __init__(self, certificate, version):
        super().__init__()
        self.launch("openssl", "s_server", "-accept", text(self.address), "-cert", certificate[0],
                    "-key", certificate[1], "-www", f"-tls{version.replace('.', '_')}", "-quiet")


def nginx_of(certificate, version):
    return NginxStream(lambda address: f"""http {{ access_log off; server {{
        listen {address} ssl; ssl_protocols TLSv{version}; ssl_session_cache shared:one:1m;
        ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};
        location / {{ return 200 "session $ssl_session_reused"; }} }} }}""")


def haproxy_of(certificate, version, folder):
    both = folder / "both.pem"
    both.write_text(certificate[0].read_text() + certificate[1].read_text())
    return HAProxy(lambda address: [
        f"bind {address} ssl crt {both} ssl-min-ver TLSv{version} ssl-max-ver TLSv{version}",
        "mode http", 'http-request return status 200 content-type text/plain lf-string '
                     '"session %[ssl_fc_is_resumed]"'])


KINDS = {"s_server": ("New, TLS", "Reused, TLS"), "nginx": ("session .", "session r"),
         "haproxy": ("session 0", "session 1")}


@VERSIONS
@pytest.mark.parametrize("kind", KINDS)
def test_the_next_session_is_resumed(proxied, authority, own, tmp_path, kind, version):
    start = {"s_server": lambda: SServer(own, version), "nginx": lambda: nginx_of(own, version),
             "haproxy": lambda: haproxy_of(own, version, tmp_path)}[kind]
    full, resumed = KINDS[kind]
    with start() as app:
        proxy, address = proxied(
            server("app", app, tls=True, server_name="app.internal", ca_bundle="internal"),
            ca_bundles=[tls.bundle("internal", authority)], workers=1)

        def visit():
            with connect(address) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return read_to_end(client).decode(errors="replace")

        assert full in visit()
        for _ in range(5):
            assert resumed in visit()
        wait_for(lambda: sum(proxy.reasons().values()) == 6, "all have ended")
