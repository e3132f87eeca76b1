"""redis-cli and redis-benchmark through Sluice: small pipelined messages and large values."""

import pytest

from harness import process
from harness.programs import Redis
from harness.settings import volume
from harness.sluice import server


@pytest.fixture(scope="module")
def redis():
    with Redis() as program:
        yield program


def cli(address, *words, **options):
    return process.run("redis-cli", "-h", address[0], "-p", address[1], *words, **options).stdout


def test_redis_cli(proxied, redis):
    _, address = proxied(server("redis", redis))
    assert cli(address, "PING") == "PONG\n"
    assert cli(address, "SET", "key", "value") == "OK\n"
    assert cli(address, "GET", "key") == "value\n"


def test_a_large_value(proxied, redis):
    _, address = proxied(server("redis", redis))
    value = "v" * (5 << 20)
    assert cli(address, "-x", "SET", "large", input=value) == "OK\n"
    assert cli(address, "GET", "large") == value + "\n"


@pytest.mark.parametrize("pipeline", [1, 32])
def test_redis_benchmark(pipeline, proxied, redis):
    proxy, address = proxied(server("redis", redis))
    count = volume(50000)
    done = process.run("redis-benchmark", "-h", address[0], "-p", address[1], "-n", count,
                       "-c", "50", "-P", pipeline, "-t", "set,get", "--csv")
    assert '"SET"' in done.stdout and '"GET"' in done.stdout
    assert "rror" not in done.stdout + done.stderr
    assert proxy.frontend("front")["errors"] == 0
