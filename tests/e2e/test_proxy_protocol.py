"""PROXY headers that come in and go out, with HAProxy and nginx on either end."""

import re
import socket
import struct

import pytest

from harness import proxy_header, tls
from harness.addresses import text
from harness.authority import Authority
from harness.clients import connect, ending_of, round_trip
from harness.programs import HAProxy, NginxStream
from harness.proxy_header import SIGNATURE
from harness.sluice import server
from harness.thread_server import echo, read_exactly
from harness.waiting import wait_for

TRUSTED = {"accept_proxy_protocol": {"from": ["127.0.0.0/8"]}}
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
REFUSED = ("proxy_header_invalid", "client")


def header_then_echo(accepted, one):
    """Keeps the version 2 header it gets, then echoes."""
    fixed = read_exactly(accepted, proxy_header.FIXED)
    rest = read_exactly(accepted, proxy_header.length_of(fixed))
    one.records["header"], _ = proxy_header.split(fixed + rest)
    echo(accepted, one)


def line_then_echo(accepted, one):
    """Keeps the version 1 header it gets, then echoes."""
    line = b""
    while not line.endswith(b"\r\n"):
        line += read_exactly(accepted, 1)
    one.records["header"] = line
    echo(accepted, one)


def client_of(proxy):
    """The client of the only session."""
    (row,) = wait_for(proxy.sessions, "a session")
    return row["client"]


# --- In ---

@pytest.mark.smoke
def test_header_and_payload_in_one_segment(proxied, serve):
    proxy, address = proxied(serve(echo), frontend_keys=TRUSTED)
    with connect(address) as client:
        client.sendall(V1 + b"ping")
        assert read_exactly(client, 4) == b"ping"
        assert round_trip(client, b"x" * 300_000)
        assert client_of(proxy) == "192.0.2.1:40000"


def test_every_header_of_the_table(proxied, serve):
    """The verdict, whose address counts, and that nothing of the header reaches the server."""
    one = serve(echo)
    proxy, address = proxied(one, frontend_keys=TRUSTED)
    refused = taken = 0
    for name, verdict, addresses, data in proxy_header.vectors():
        with connect(address) as client:
            if verdict == "valid":
                client.sendall(data + b"ping")
                assert read_exactly(client, 4) == b"ping", name
                own = text(client.getsockname())
                assert client_of(proxy) == (own if addresses == "-" else addresses.split(">")[0])
                taken += 1
            elif verdict == "invalid":
                client.sendall(data)
                assert ending_of(client)[0] == b"", name
                refused += 1
        wait_for(lambda: not proxy.sessions(), f"the session of {name} is over")
    assert proxy.reasons()[REFUSED] == refused
    assert one.accepted == taken
    assert refused + taken >= 40


@pytest.mark.parametrize("header", [V1, LOCAL, SIGNATURE + b"\x21\x11\0\x0c" + bytes(12)],
                         ids=["v1", "local", "v2"])
def test_byte_by_byte(proxied, serve, header):
    _, address = proxied(serve(echo), frontend_keys=TRUSTED)
    with connect(address) as client:
        for place in range(len(header)):
            client.sendall(header[place:place + 1])
        assert round_trip(client)


def test_half_a_header_times_out(proxied, serve):
    proxy, address = proxied(serve(echo), frontend_keys=TRUSTED | {
        "timeouts": {"proxy_protocol": "200ms"}})
    with connect(address) as client:
        client.sendall(V1[:20])
        assert ending_of(client)[0] == b""
    wait_for(lambda: proxy.reasons().get(REFUSED) == 1, "the refusal is counted")


def test_others_are_not_believed(proxied, serve):
    """Outside the networks a header is payload like any other."""
    proxy, address = proxied(serve(echo), frontend_keys={
        "accept_proxy_protocol": {"from": ["10.0.0.0/8", "2001:db8::/32"]}})
    with connect(address) as client:
        assert round_trip(client, V1)
        assert client_of(proxy) == text(client.getsockname())


def test_in_front_of_tls(proxied, serve, tmp_path):
    """The header comes before the ClientHello, in the same segment or not."""
    authority = Authority(tmp_path)
    proxy, address = proxied(
        server("s1", serve(echo), ssl_offload=True),
        certificates=[tls.entry("shop", authority.issue("shop.test"))],
        frontend_keys=TRUSTED | {"tls": {"certificates": ["shop"]}})
    raw = connect(address)
    raw.sendall(V1)
    with tls.client_context(authority).wrap_socket(raw, server_hostname="shop.test") as client:
        assert round_trip(client, b"x" * 100_000)
        assert client_of(proxy) == "192.0.2.1:40000"


# --- Out ---

@pytest.mark.smoke
def test_version_1_goes_out(proxied, serve):
    one = serve(line_then_echo)
    _, address = proxied(server("s1", one, send_proxy_protocol="v1"))
    with connect(address) as client:
        assert round_trip(client, b"x" * 300_000)
        source, port = client.getsockname()
        expected = f"PROXY TCP4 {source} {address[0]} {port} {address[1]}\r\n"
        assert one.records["header"] == expected.encode()


def test_version_2_goes_out(proxied, serve):
    one = serve(header_then_echo)
    _, address = proxied(server("s1", one, send_proxy_protocol="v2"))
    with connect(address) as client:
        assert round_trip(client)
        family, addresses, extensions = one.records["header"]
        assert (family, addresses) == (0x11, proxy_header.v4(client.getsockname(), address))
        assert set(extensions) == {0x03, 0x05}  # checksum, unique id


def test_what_came_in_goes_out(proxied, serve):
    one = serve(line_then_echo)
    _, address = proxied(server("s1", one, send_proxy_protocol="v1"), frontend_keys=TRUSTED)
    with connect(address) as client:
        client.sendall(V1 + b"ping")
        assert read_exactly(client, 4) == b"ping"
    assert one.records["header"] == V1


def test_version_2_tells_of_tls(proxied, serve, tmp_path):
    authority = Authority(tmp_path)
    one = serve(header_then_echo)
    _, address = proxied(
        server("s1", one, ssl_offload=True, send_proxy_protocol="v2"),
        certificates=[tls.entry("shop", authority.issue("shop.test"))],
        frontend_keys={"tls": {"certificates": ["shop"], "alpn": ["h2", "http/1.1"]}})
    context = tls.client_context(authority)
    context.set_alpn_protocols(["http/1.1"])
    with context.wrap_socket(connect(address), server_hostname="shop.test") as client:
        assert round_trip(client)
        extensions = one.records["header"][2]
        assert extensions[0x01] == b"http/1.1"
        assert extensions[0x02] == b"shop.test"
        assert extensions[0x20][0] & 1
        assert client.version().encode() in extensions[0x20]
        assert client.cipher()[0].encode() in extensions[0x20]


def tls_of(extension):
    """PP2_TYPE_SSL taken apart: (client bits, verify, {sub-type: value})."""
    bits, verify = struct.unpack("!BI", extension[:5])
    place, parts = 5, {}
    while place < len(extension):
        kind, length = struct.unpack("!BH", extension[place:place + 3])
        parts[kind] = extension[place + 3:place + 3 + length]
        place += 3 + length
    return bits, verify, parts


@pytest.mark.parametrize("version", [tls.TLS12, tls.TLS13], ids=["1.2", "1.3"])
def test_version_2_tells_of_client_certificates(proxied, serve, tmp_path, version):
    """One in this connection, one in the session that is resumed, none at all."""
    authority = Authority(tmp_path)
    one = serve(header_then_echo)
    _, address = proxied(
        server("s1", one, ssl_offload=True, send_proxy_protocol="v2"),
        certificates=[tls.entry("shop", authority.issue("shop.test"))],
        ca_bundles=[tls.bundle("ours", authority)],
        frontend_keys={"tls": {"certificates": ["shop"], "client_ca": "ours",
                               "client_verify": "optional"}})
    context = tls.client_context(authority, version, certificate=authority.issue("bob"))
    with tls.connect(address, context) as client:
        assert round_trip(client)
        session = client.session
        name, cipher = client.version().encode(), client.cipher()[0].encode()
    bits, verify, parts = tls_of(one.records["header"][2][0x20])
    assert (bits, verify, parts[0x22], parts[0x21]) == (7, 0, b"bob", name)
    with tls.connect(address, context, session=session) as client:
        assert client.session_reused and round_trip(client)
    bits, verify, parts = tls_of(one.records["header"][2][0x20])
    assert (bits, verify, parts[0x22]) == (5, 0, b"bob")
    with tls.connect(address, tls.client_context(authority, version)) as client:
        assert round_trip(client)
    bits, verify, parts = tls_of(one.records["header"][2][0x20])
    assert (bits, verify) == (1, 1) and 0x22 not in parts and cipher


def test_what_a_header_told_goes_on(proxied, serve):
    """Server name, protocol and id of the connection in front, where there is no TLS of ours."""
    def extension(kind, value):
        return struct.pack("!BH", kind, len(value)) + value

    told = extension(1, b"h2") + extension(2, b"in.front.test") + extension(5, b"their-id")
    addresses = socket.inet_aton("192.0.2.1") + socket.inet_aton("198.51.100.2") + b"\x9c@\x01\xbb"
    block = addresses + told
    one = serve(header_then_echo)
    _, address = proxied(server("s1", one, send_proxy_protocol="v2"), frontend_keys=TRUSTED)
    with connect(address) as client:
        client.sendall(SIGNATURE + b"\x21\x11" + struct.pack("!H", len(block)) + block)
        assert round_trip(client)
    family, sent, extensions = one.records["header"]
    assert (family, sent) == (0x11, addresses)
    assert (extensions[1], extensions[2], extensions[5]) == (b"h2", b"in.front.test", b"their-id")


# --- Others' programs ---

def test_haproxy_reads_our_extensions(proxied, tmp_path):
    """The name of TLS that ends here, and the id that our log has as well."""
    authority = Authority(tmp_path)
    with HAProxy.receiver("authority %[fc_pp_authority] id %[fc_pp_unique_id]") as receiver:
        proxy, address = proxied(
            server("s1", receiver, ssl_offload=True, send_proxy_protocol="v2"),
            certificates=[tls.entry("shop", authority.issue("shop.test"))],
            frontend_keys={"tls": {"certificates": ["shop"]}})
        with tls.connect(address, tls.client_context(authority)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            said = ending_of(client)[0].decode()
        found = re.search("authority shop.test id ([0-9]+)\n", said)
        assert found, said
        wait_for(lambda: f" id={found[1]} " in proxy.log(), "the log has the same id")


def test_haproxy_hears_the_name_of_tls_that_passes_through(proxied, tmp_path):
    """TLS ends at HAProxy, behind our header; the name is the one we have routed by."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("shop.test")
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    with HAProxy.receiver("authority %[fc_pp_authority] sni %[ssl_fc_sni]",
                          f"ssl crt {both}") as receiver:
        _, address = proxied(server("s1", receiver, send_proxy_protocol="v2"),
                             frontend_keys={"routes": [{"sni": "shop.test", "backend": "back"}]})
        with tls.connect(address, tls.client_context(authority)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert b"authority shop.test sni shop.test\n" in ending_of(client)[0]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("program", [HAProxy.receiver, NginxStream.receiver],
                         ids=["haproxy", "nginx"])
def test_others_understand_ours(proxied, program, version):
    with program() as receiver:
        _, address = proxied(server("s1", receiver, send_proxy_protocol=version),
                             frontend_keys=TRUSTED)
        with connect(address) as client:
            client.sendall(V1 + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert b"from 192.0.2.1:40000\n" in ending_of(client)[0]


@pytest.mark.parametrize("program, version", [
    (HAProxy, "v1"), (HAProxy, "v2"), (NginxStream, "v1")],
    ids=["haproxy_v1", "haproxy_v2", "nginx_v1"])
def test_we_understand_others(proxied, serve, program, version):
    proxy, address = proxied(serve(echo), frontend_keys=TRUSTED)
    with program.sender(address, version) as sender, connect(sender.address) as client:
        assert round_trip(client, b"x" * 100_000)
        wait_for(lambda: text(client.getsockname()) in [row["client"] for row in proxy.sessions()],
                 "a session of the client behind the other proxy")
