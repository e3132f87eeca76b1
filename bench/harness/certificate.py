"""The certificate of the TLS scenarios: ECDSA over P-256, signed by itself."""

import os
import subprocess

NAME = "bench.test"


class CertificateError(RuntimeError):
    """It cannot be made; the message holds what openssl(1) said."""


def make(folder):
    """Path of a new PEM file with the certificate and its key."""
    key, path = os.path.join(folder, "key.pem"), os.path.join(folder, "bench.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "30", "-subj", f"/CN={NAME}",
               "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CertificateError(f"openssl: {error}") from None
    if done.returncode != 0:
        raise CertificateError(f"{' '.join(command)}: {done.stderr[-1000:]}")
    with open(key, encoding="ascii") as source, open(path, "a", encoding="ascii") as target:
        target.write(source.read())
    os.chmod(path, 0o600)
    return path
