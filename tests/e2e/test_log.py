"""One line for each finished session, for people and for programs."""

import json

import pytest

from harness.addresses import text
from harness.clients import ask_name, connect, ending_of, round_trip
from harness.thread_server import echo, name_of, reset
from harness.waiting import wait_for


def lines_with(proxy, word):
    return [line for line in proxy.log().splitlines() if word in line]


def test_a_line_for_people(proxied, serve):
    """Who, where, how long, how much, how, why."""
    one = serve(echo)
    proxy, address = proxied(one)
    with connect(address) as client:
        me = text(client.getsockname())
        assert round_trip(client, b"x" * 1234)
    line, = wait_for(lambda: lines_with(proxy, me), "the session's line")
    for word in (me, "front", "back", "s1", text(one.address), "1234", "copy", "client_closed",
                 "client", "ms"):
        assert word in line, f"{word} is not in: {line}"


def test_json(proxied, serve):
    proxy, address = proxied(serve(name_of("hello")), log={"format": "json"})
    ask_name(address)

    def sessions():
        rows = [json.loads(line) for line in proxy.log().splitlines() if line.startswith("{")]
        return [row for row in rows if "reason" in row]

    row, = wait_for(sessions, "the session's line")
    assert row["reason"] == "server_closed" and row["side"] == "server"
    assert (row["frontend"], row["backend"], row["server"]) == ("front", "back", "s1")
    assert (row["bytes_in"], row["bytes_out"]) == (0, 5)
    for line in proxy.log().splitlines():
        json.loads(line)  # every line is JSON, not only the sessions'


def test_reset_is_told_with_its_side(proxied, serve):
    proxy, address = proxied(serve(echo))
    client = connect(address)
    assert round_trip(client)
    reset(client)
    wait_for(lambda: lines_with(proxy, "client_reset"), "the line")


def test_sessions_off(proxied, serve):
    proxy, address = proxied(serve(name_of("x")), log={"sessions": False})
    for _ in range(3):
        ask_name(address)
    wait_for(lambda: sum(proxy.reasons().values()) == 3, "three endings")
    assert lines_with(proxy, "server_closed") == []


@pytest.mark.parametrize("level", ["error", "warn"])
def test_a_failing_connection_is_no_warning(level, proxied, serve):
    """What the network does is counted, not complained about."""
    gone = serve(echo)
    gone.stop()
    proxy, address = proxied(gone, log={"level": level, "sessions": False},
                             backend_keys={"retries": 0})
    for _ in range(3):
        with connect(address) as client:
            ending_of(client)
    wait_for(lambda: sum(proxy.reasons().values()) == 3, "three endings")
    assert len(proxy.log().splitlines()) <= 1, proxy.log()


def test_every_session_has_its_line(proxied, serve):
    proxy, address = proxied(serve(name_of("x")))
    for _ in range(200):
        ask_name(address)
    wait_for(lambda: len(lines_with(proxy, "server_closed")) == 200, "200 lines")
    assert sum(row["log_drops"] for row in proxy.status()["workers"]) == 0
