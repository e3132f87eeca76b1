"""Active health checks: what takes a server down, what brings it back, what clients notice."""

from harness.clients import ask_name, connect, ending_of, round_trip
from harness.sluice import server
from harness.thread_server import echo, name_of
from harness.waiting import holds_for, wait_for


def check(**keys):
    return {"health_check": {"type": "tcp", "interval": "100ms", "timeout": "500ms",
                             "fall": 3, "rise": 2} | keys}


def state(proxy, name):
    return proxy.server(name)["state"]


def test_down_and_up_again(proxied, serve):
    one, two = serve(name_of("one")), serve(name_of("two"))
    proxy, address = proxied(server("one", one), server("two", two), backend_keys=check())
    wait_for(lambda: state(proxy, "one") == state(proxy, "two") == "UP", "both up")
    two.stop()
    wait_for(lambda: state(proxy, "two") == "DOWN", "two is down")
    retries = proxy.server("two")["retries"]
    assert {ask_name(address) for _ in range(10)} == {"one"}
    assert proxy.server("two")["retries"] == retries, "nobody tried the one that is down"
    assert proxy.server("two")["check"] != "-", "the reason is shown"
    assert proxy.server("two")["last_change"] < 30
    two.start()
    wait_for(lambda: state(proxy, "two") == "UP", "two is up")
    assert {ask_name(address) for _ in range(10)} == {"one", "two"}


def test_the_way_is_shown(proxied, serve):
    """fall 5, rise 5 at 300 ms: on the way down `UP n/5`, on the way up `DOWN n/5`."""
    one = serve(name_of("one"))
    proxy, _ = proxied(server("one", one), backend_keys=check(interval="300ms", fall=5, rise=5))
    wait_for(lambda: state(proxy, "one") == "UP", "up")
    one.stop()
    wait_for(lambda: state(proxy, "one").startswith("UP ") and state(proxy, "one").endswith("/5"),
             "on the way down")
    wait_for(lambda: state(proxy, "one") == "DOWN", "down")
    one.start()
    wait_for(lambda: state(proxy, "one").startswith("DOWN ")
             and state(proxy, "one").endswith("/5"), "on the way up")
    wait_for(lambda: state(proxy, "one") == "UP", "up again")


def test_no_check(proxied, serve):
    proxy, address = proxied(server("one", serve(name_of("one"))),
                             backend_keys={"health_check": {"type": "none"}})
    assert state(proxy, "one") == "NOCHECK"
    assert ask_name(address) == "one"


def test_all_down_is_refused_and_counted(proxied, serve):
    one = serve(name_of("one"))
    proxy, address = proxied(server("one", one), backend_keys=check(fall=1))
    wait_for(lambda: state(proxy, "one") == "UP", "up")
    one.stop()
    wait_for(lambda: state(proxy, "one") == "DOWN", "down")
    with connect(address) as client:
        assert ending_of(client)[0] == b""
    wait_for(lambda: ("no_server", "us") in proxy.reasons(), "counted as no_server")
    assert proxy.admin.rows("backends")[0]["state"] == "DOWN"


def test_all_down_try_anyway(proxied, serve):
    """The check looks at a port that nobody serves; the server itself is well."""
    one, other = serve(name_of("one")), serve(echo)
    other.stop()
    proxy, address = proxied(
        server("one", one), backend_keys=check(fall=1, port=other.address[1])
        | {"all_down": "try_anyway"})
    wait_for(lambda: state(proxy, "one") == "DOWN", "down by its check")
    assert ask_name(address) == "one"


def test_established_sessions_are_kept(proxied, serve):
    one = serve(echo)
    proxy, address = proxied(server("one", one), backend_keys=check(fall=1))
    wait_for(lambda: state(proxy, "one") == "UP", "up")
    with connect(address) as client:
        assert round_trip(client)
        one.stop_listening()
        wait_for(lambda: state(proxy, "one") == "DOWN", "down")
        assert round_trip(client), "on_server_down: keep"


def test_checks_are_no_traffic(proxied, serve):
    """They succeed, and no counter of sessions moves."""
    proxy, _ = proxied(server("one", serve(echo)), backend_keys=check())
    wait_for(lambda: proxy.server("one")["check"].startswith("ok "), "a check")
    row = proxy.server("one")
    assert (row["total"], row["current"], row["errors"], row["bytes_in"]) == (0, 0, 0, 0)
    assert proxy.reasons() == {}


def test_a_flapping_server_stays_up_below_fall(proxied, serve):
    """fall 1000: failures that never reach it take nothing down."""
    one = serve(name_of("one"))
    proxy, _ = proxied(server("one", one), backend_keys=check(fall=1000))
    wait_for(lambda: state(proxy, "one") == "UP", "up")
    one.stop()
    wait_for(lambda: state(proxy, "one").startswith("UP "), "the failures are seen")
    holds_for(lambda: state(proxy, "one").startswith("UP"), "still up", 0.5)
