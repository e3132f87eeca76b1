"""`watch: true`: a saved file takes effect by itself, however it is saved."""

import os
import shutil

import pytest
import yaml

from harness.clients import ask_name
from harness.sluice import server
from harness.thread_server import name_of
from harness.waiting import holds_for, wait_for


@pytest.fixture
def watching(proxied, serve):
    """A proxy that watches, its address, and what makes a file that leads to another server."""
    one, two = serve(name_of("one")), serve(name_of("two"))
    proxy, address = proxied(one, watch=True)

    def text(name, **top):
        to = {"one": one, "two": two}[name]
        backends = [proxy.config["backends"][0] | {"servers": [server(name, to)]}]
        return yaml.safe_dump(proxy.config | {"backends": backends} | top, sort_keys=False)

    return proxy, address, text


def leads_to(address, name):
    wait_for(lambda: ask_name(address) == name, f"it leads to {name}")


@pytest.mark.smoke
def test_renamed_over(watching):
    proxy, address, text = watching
    assert ask_name(address) == "one"
    proxy.write(text("two"))
    leads_to(address, "two")
    assert "sluice.yaml has changed" in proxy.log()
    assert proxy.status()["reloads"] == 1


def test_written_in_place(watching):
    proxy, address, text = watching
    proxy.file.write_text(text("two"))
    leads_to(address, "two")


def test_half_written_is_a_refused_reload(watching):
    proxy, address, text = watching
    whole = text("two")
    proxy.file.write_text(whole[:len(whole) // 2])
    wait_for(lambda: proxy.status()["reloads_refused"] == 1, "it is refused")
    assert ask_name(address) == "one"
    proxy.file.write_text(whole)
    leads_to(address, "two")


def test_removed_and_made_again(watching):
    proxy, address, text = watching
    proxy.file.unlink()
    holds_for(lambda: proxy.status()["reloads_refused"] == 0, "it is waited for", 0.5)
    proxy.file.write_text(text("two"))
    leads_to(address, "two")


def test_links_swapped_above_it(watching):
    """As Kubernetes mounts a ConfigMap: sluice.yaml -> ..data/sluice.yaml, ..data -> ..1."""
    proxy, address, text = watching
    folder = proxy.directory
    (folder / "..1").mkdir()
    (folder / "..1" / "sluice.yaml").write_text(text("two"))
    (folder / "..data").symlink_to("..1")
    (folder / "link").symlink_to("..data/sluice.yaml")
    os.replace(folder / "link", proxy.file)
    leads_to(address, "two")
    (folder / "..2").mkdir()
    (folder / "..2" / "sluice.yaml").write_text(text("one"))
    (folder / "link").symlink_to("..2")
    os.replace(folder / "link", folder / "..data")
    leads_to(address, "one")
    shutil.rmtree(folder / "..1")


def test_other_files_are_nothing(watching):
    proxy, _, _ = watching
    for number in range(20):
        (proxy.directory / f"other{number}").write_text("x")
    holds_for(lambda: proxy.status()["reloads"] == 0, "nothing is reloaded", 0.6)


def test_switched_on_and_off_by_a_reload(proxied, serve):
    one, two = serve(name_of("one")), serve(name_of("two"))
    proxy, address = proxied(one)
    config = proxy.config
    proxy.reload(config | {"watch": True})
    config["backends"][0]["servers"] = [server("s2", two)]
    proxy.write(config | {"watch": False})
    leads_to(address, "two")
    reloads = proxy.status()["reloads"]
    config["backends"][0]["servers"] = [server("s1", one)]
    proxy.write(config)
    holds_for(lambda: proxy.status()["reloads"] == reloads, "nobody watches", 0.6)
    assert ask_name(address) == "two"
