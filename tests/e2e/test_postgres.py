"""psql and pgbench through Sluice to PostgreSQL."""

import pytest

from harness import process
from harness.programs import Postgres
from harness.sluice import server


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as program:
        yield program


def at(address):
    return ["-h", address[0], "-p", str(address[1]), "-U", "postgres"]


def query(address, text):
    return process.run("psql", *at(address), "--no-psqlrc", "-At", "-c", text).stdout


def test_psql(proxied, postgres):
    _, address = proxied(server("db", postgres))
    assert query(address, "SELECT 6 * 7") == "42\n"


def test_a_large_answer(proxied, postgres):
    _, address = proxied(server("db", postgres))
    rows = query(address, "SELECT n, md5(n::text) FROM generate_series(1, 50000) n").splitlines()
    assert len(rows) == 50000
    assert rows[-1] == "50000|" + "1017bfd4673955ffee4641ad3d481b1c"


def test_pgbench(proxied, postgres):
    proxy, address = proxied(server("db", postgres))
    process.run("pgbench", *at(address), "--initialize", "--quiet", "postgres")
    done = process.run("pgbench", *at(address), "-c", "8", "-j", "2", "-T", "2", "-S", "postgres")
    assert "number of failed transactions: 0 (0.000%)" in done.stdout, done.stdout
    assert proxy.frontend("front")["errors"] == 0
    connects = process.run("pgbench", *at(address), "-c", "4", "-T", "1", "-S", "-C", "postgres")
    assert "number of failed transactions: 0 (0.000%)" in connects.stdout
