#!/usr/bin/python3
"""The files behind `certificates` and `ca_bundles`, made with openssl for each run."""

import subprocess

import pytest

from golden_test import assert_refused, check, write

REST = """frontends:
  - {name: web, listen: 127.0.0.1:8080, backend: shop}
backends:
  - name: shop
    servers:
      - {name: app1, address: 10.0.0.11, port: 8080}
"""
LIST = "certificates:\n  - {name: shop, certificate: shop.pem, key: shop.key}\n"


def openssl(directory, *words):
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)


def make_pair(directory, name, *words):
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *words)


@pytest.fixture(name="files")
def files_fixture(tmp_path):
    """A directory with a good pair, shop.pem and shop.key, and another one."""
    make_pair(tmp_path, "shop", "-days", "30")
    make_pair(tmp_path, "other", "-days", "30")
    return tmp_path


def assert_accepted(directory, head, *lines):
    path = write(directory, head + REST, "sluice.yaml")
    outcome = check(path, directory)
    assert outcome.errors.splitlines()[:-1] == [f"{path}:{line}" for line in lines]
    assert outcome.status == 0


def assert_wrong(directory, head, *lines):
    assert_refused(write(directory, head + REST, "sluice.yaml"), *lines)


CERTIFICATE = "2:31: error: certificates[0].certificate: "
KEY = "2:46: error: certificates[0].key: "
BUNDLE = "2:28: error: ca_bundles[0].file: "


def test_good_pair(files):
    assert_accepted(files, LIST)


def test_pair_in_one_file(files):
    both = (files / "shop.pem").read_text() + (files / "shop.key").read_text()
    (files / "both.pem").write_text(both)
    assert_accepted(files, LIST.replace("shop.pem", "both.pem").replace("shop.key", "both.pem"))


def test_good_chain(files):
    with (files / "shop.pem").open("a") as chain:
        chain.write((files / "other.pem").read_text())
    assert_accepted(files, LIST)


def test_missing_files(tmp_path):
    assert_wrong(tmp_path, LIST, f"{CERTIFICATE}`{tmp_path}/shop.pem` does not exist",
                 f"{KEY}`{tmp_path}/shop.key` does not exist")


def test_mismatch(files):
    (files / "other.key").rename(files / "shop.key")
    assert_wrong(files, LIST, f"{KEY}`{files}/shop.key` does not belong to the certificate in "
                              f"`{files}/shop.pem`")


def test_chain_in_the_wrong_order(files):
    chain = (files / "other.pem").read_text() + (files / "shop.pem").read_text()
    (files / "shop.pem").write_text(chain)
    assert_wrong(files, LIST,
                 f"{KEY}`{files}/shop.key` belongs to certificate 2 of `{files}/shop.pem`: put the "
                 "server's certificate first, its chain behind it")


def test_swapped(files):
    assert_wrong(files, LIST.replace("shop.pem, key: shop.key", "shop.key, key: shop.pem"),
                 f"{CERTIFICATE}`{files}/shop.key` holds no PEM certificate "
                 "(-----BEGIN CERTIFICATE-----)",
                 f"{KEY}`{files}/shop.pem` holds no PEM private key (-----BEGIN PRIVATE KEY-----)")


def test_encrypted_key(files):
    openssl(files, "pkcs8", "-topk8", "-in", "shop.key", "-out", "locked.key", "-passout",
            "pass:secret")
    (files / "locked.key").rename(files / "shop.key")
    assert_wrong(files, LIST, f"{KEY}`{files}/shop.key` is encrypted; store it without a pass phrase, "
                              "readable only for the user that Sluice runs as")


WEAK = LIST.replace("shop.", "weak.")
USES = {
    "by a frontend": (", tls: {certificates: [shop]}", "", "frontend 'web'"),
    "toward a server": ("", ", tls: true, client_certificate: shop", "server 'shop/app1'"),
}


@pytest.mark.parametrize("use", USES)
def test_too_weak_to_be_shown(files, use):
    """A file can be read and say nothing wrong, and still be one that OpenSSL does not show."""
    openssl(files, "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-keyout",
            "weak.key", "-out", "weak.pem", "-days", "30")
    frontend, server, who = USES[use]
    rest = REST.replace(", backend: shop", f", backend: shop{frontend}")
    rest = rest.replace("port: 8080}", f"port: 8080{server}}}")
    outcome = check(write(files, WEAK + rest, "sluice.yaml"), files)
    assert outcome.status == 1
    assert f"{who}: certificate 'shop' cannot be used: ee key too small" in outcome.errors


def test_der(files):
    openssl(files, "x509", "-in", "shop.pem", "-outform", "der", "-out", "shop.der")
    (files / "shop.der").rename(files / "shop.pem")
    assert_wrong(files, LIST, f"{CERTIFICATE}`{files}/shop.pem` holds no PEM certificate "
                              "(-----BEGIN CERTIFICATE-----)")


@pytest.mark.parametrize("name, prefix, thing", [
    ("shop.pem", CERTIFICATE, "is damaged: certificate 1 does not parse"),
    ("shop.key", KEY, "does not parse as a private key"),
])
def test_damaged(files, name, prefix, thing):
    lines = (files / name).read_text().splitlines(keepends=True)
    (files / name).write_text("".join(lines[:1] + lines[2:]))
    outcome = check(write(files, LIST + REST, "sluice.yaml"), files)
    assert outcome.status == 1
    assert f"{prefix}`{files}/{name}` {thing}" in outcome.errors


def test_second_certificate_damaged(files):
    lines = (files / "other.pem").read_text().splitlines(keepends=True)
    with (files / "shop.pem").open("a") as chain:
        chain.write("".join(lines[:1] + lines[2:]))
    outcome = check(write(files, LIST + REST, "sluice.yaml"), files)
    assert outcome.status == 1
    assert f"{CERTIFICATE}`{files}/shop.pem` is damaged: certificate 2 does not" in outcome.errors


def test_directory_and_empty_file(files):
    (files / "shop.pem").unlink()
    (files / "shop.pem").mkdir()
    (files / "shop.key").write_text("")
    assert_wrong(files, LIST, f"{CERTIFICATE}`{files}/shop.pem` is a directory, not a file",
                 f"{KEY}`{files}/shop.key` holds no PEM private key (-----BEGIN PRIVATE KEY-----)")


def test_too_large(files):
    with (files / "shop.pem").open("wb") as file:
        file.truncate(100 << 20)
    assert_wrong(files, LIST, f"{CERTIFICATE}`{files}/shop.pem` is too large: 100 MiB, and at most "
                              "1 MiB are read")


def test_expired(files):
    openssl(files, "req", "-new", "-key", "shop.key", "-subj", "/CN=shop", "-out", "shop.csr")
    openssl(files, "x509", "-req", "-in", "shop.csr", "-signkey", "shop.key", "-days", "-1", "-out",
            "shop.pem")
    path = write(files, LIST + REST, "sluice.yaml")
    outcome = check(path, files)
    assert outcome.status == 0
    notice = CERTIFICATE.replace("error", "notice")
    assert outcome.errors.startswith(f"{path}:{notice}`{files}/shop.pem` expired on 20")


def test_bundles(files):
    head = "ca_bundles:\n  - {name: internal, file: shop.pem}\n"
    assert_accepted(files, head)
    assert_wrong(files, head.replace("shop.pem", "shop.key"),
                 f"{BUNDLE}`{files}/shop.key` holds no PEM certificate "
                 "(-----BEGIN CERTIFICATE-----)")
    assert_wrong(files, head.replace("shop.pem", "none.pem"),
                 f"{BUNDLE}`{files}/none.pem` does not exist")


def test_the_thousandth_certificate_costs_no_more_than_the_first(files):
    def seconds(count):
        lines = "".join(f"  - {{name: c{i}, certificate: shop.pem, key: shop.key}}\n"
                        for i in range(count))
        outcome = check(write(files, f"certificates:\n{lines}{REST}", "sluice.yaml"), files)
        assert outcome.status == 0
        return outcome.seconds

    assert seconds(1_000) < 30 * seconds(100)
