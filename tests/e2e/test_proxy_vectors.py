"""What nginx and HAProxy make of the table of PROXY headers that we are judged by
(tests/unit/wire/proxy_headers.txt): a header that we take and they read otherwise, or that we
refuse and they take, stands here with its reason."""

import ipaddress

import pytest

from harness import proxy_header
from harness.addresses import text
from harness.clients import connect, ending_of
from harness.programs import HAProxy, NginxStream

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# They answer though the specification says that the header is wrong: an inexact reader of numbers,
# extensions and checksums that are not looked at, families that are skipped.
HAPROXY_TAKES = {"v1_port_too_high", "v1_leading_zero_in_port", "v1_leading_zero_in_address",
                 "v1_address_too_high", "v1_address_too_short"}
NGINX_TAKES = {"v1_leading_zero_in_port", "v1_leading_zero_in_address", "v1_address_too_high",
               "v1_address_too_short", "v1_ipv6_as_tcp4", "v1_ipv4_as_tcp6", "v1_two_gaps",
               "v1_too_long", "v2_unknown_command", "v2_unknown_family", "v2_unknown_transport",
               "v2_extension_runs_over", "v2_extension_without_length", "v2_wrong_checksum",
               "v2_short_checksum", "v2_unique_id_too_long"}
# They close though the specification wants the connection's own addresses to hold; and a header
# that is longer than nginx's buffer.
HAPROXY_REFUSES = {"v1_unknown_with_addresses", "v2_unspecified", "v2_unix", "v2_udp4"}
NGINX_REFUSES = {"v2_1k_of_extensions"}


def whole_vectors():
    return [row for row in proxy_header.vectors() if row[1] != "incomplete"]


def address_of(words):
    """`[::1]:2`, `::1:2` or `1.2.3.4:5` as (address, port); nginx has no word for port 0."""
    ip, _, port = words.rpartition(":")
    return ipaddress.ip_address(ip.strip("[]")), int(port or 0)


def told_by(receiver, header):
    """Whom a receiver takes the client for, in its words: None where it refuses, `own` where it
    knows no better than the connection."""
    with connect(receiver.address) as client:
        own = text(client.getsockname())
        client.sendall(header + REQUEST)
        said = ending_of(client)[0].decode()
    status, _, body = said.partition("\r\n\r\n")
    if not status.startswith("HTTP/1.1 200"):
        return None
    words = body.strip().removeprefix("from ")
    return "own" if words in (":", own) else words


@pytest.mark.parametrize("receiver, takes, refuses", [
    (HAProxy.receiver, HAPROXY_TAKES, HAPROXY_REFUSES),
    (NginxStream.receiver, NGINX_TAKES, NGINX_REFUSES)], ids=["haproxy", "nginx"])
def test_others_judge_the_table(receiver, takes, refuses):
    taken_by_them, refused_by_them, judged = set(), set(), 0
    with receiver() as running:
        for name, verdict, addresses, header in whole_vectors():
            told = told_by(running, header)
            judged += 1
            if verdict == "invalid":
                taken_by_them |= {name} if told is not None else set()
            elif told is None:
                refused_by_them.add(name)
            elif addresses == "-":
                assert told == "own", name
            else:
                assert address_of(told) == address_of(addresses.split(">")[0]), name
    assert judged >= 40
    assert (taken_by_them, refused_by_them) == (takes, refuses)
