"""Passive servers: they step in when fewer active ones than standby_min_active are up."""

from harness.clients import ask_name, connect, ending_of
from harness.sluice import server
from harness.thread_server import name_of
from harness.waiting import wait_for

CHECK = {"health_check": {"type": "tcp", "interval": "100ms", "timeout": "500ms",
                          "fall": 1, "rise": 1}}


def answers(address, count=12):
    return {ask_name(address) for _ in range(count)}


def test_standby_waits_steps_in_and_leaves(proxied, serve):
    active = serve(name_of("active"))
    spare = serve(name_of("spare"))
    proxy, address = proxied(server("active", active), server("spare", spare, passive=True),
                             backend_keys=CHECK)
    wait_for(lambda: proxy.server("spare")["state"] == "STANDBY", "the spare one stands by")
    assert answers(address) == {"active"}
    active.stop()
    wait_for(lambda: proxy.server("active")["state"].startswith("DOWN"), "active is down")
    assert answers(address) == {"spare"}
    backend = proxy.admin.rows("backends")[0]
    assert backend["standby_active"] and backend["state"] == "UP"
    active.start()
    wait_for(lambda: proxy.server("active")["state"] == "UP", "active is up again")
    assert answers(address) == {"active"}
    assert not proxy.admin.rows("backends")[0]["standby_active"]


def test_standby_min_active(proxied, serve):
    """With two wanted, one of two active ones down is enough for the spare to help."""
    one, two, spare = (serve(name_of(name)) for name in ("one", "two", "spare"))
    proxy, address = proxied(server("one", one), server("two", two),
                             server("spare", spare, backup=True),  # an alias of `passive`
                             backend_keys=CHECK | {"standby_min_active": 2}, workers=1)
    wait_for(lambda: proxy.server("two")["state"] == "UP", "all are known to be up")
    assert answers(address) == {"one", "two"}
    two.stop()
    wait_for(lambda: proxy.server("two")["state"].startswith("DOWN"), "two is down")
    assert answers(address) == {"one", "spare"}


def test_a_refused_connection_is_no_reason(proxied, serve):
    """Without a check nothing says that the active one is down, so the passive one gets nothing:
    a standby database must not be written to because the active one was busy for a moment."""
    active, spare = serve(name_of("active")), serve(name_of("spare"))
    active.stop()
    proxy, address = proxied(server("active", active), server("spare", spare, passive=True),
                             backend_keys={"retries": 0})
    with connect(address) as client:
        assert ending_of(client)[0] == b""
    wait_for(lambda: sum(proxy.reasons().values()) == 1, "it ended")
    assert {reason for reason, _ in proxy.reasons()} == {"connect_failed"}
    assert spare.accepted == 0
    active.start()
    assert answers(address, 3) == {"active"}
