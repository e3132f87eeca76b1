"""A certificate authority of the test's own, made with openssl(1)."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from . import process

_YEAR = "365"

EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("rsa:2048",)
WEAK_RSA = ("rsa:1024",)


class Authority:
    """`certificate` is the authority's; `issue()` gives (certificate, key) paths for a server."""

    def __init__(self, directory, name="test authority"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / "ca.pem"
        self.key = self.directory / "ca.key"
        self.issued = 0
        process.run("openssl", "req", "-x509", "-newkey", *EC, "-nodes", "-keyout", self.key,
                    "-out", self.certificate, "-days", _YEAR, "-subj", f"/CN={name}")

    def issue(self, *names, days=_YEAR, begins=None, key_options=EC):
        """For DNS names and IP addresses. Negative `days`: expired that long ago; `begins`: not
        valid before so many days from now."""
        base, key, request = self._request(names[0], key_options)
        extensions, out = base.with_suffix(".ext"), base.with_suffix(".pem")
        kinds = [("IP" if name.replace(".", "").isdigit() else "DNS") + ":" + name
                 for name in names]
        extensions.write_text(f"subjectAltName={','.join(kinds)}\nbasicConstraints=CA:FALSE\n")
        if begins is None:
            self._sign(request, out, extensions, days)
        else:
            self._sign_for_later(request, out, extensions, begins)
        return out, key

    def delegate(self, name="below"):
        """An authority whose certificate this one has signed."""
        below = Authority.__new__(Authority)
        below.directory = self.directory / name
        below.directory.mkdir()
        below.issued = 0
        base, below.key, request = self._request(name, EC)
        extensions, below.certificate = base.with_suffix(".ext"), base.with_suffix(".pem")
        extensions.write_text("basicConstraints=critical,CA:TRUE\n")
        self._sign(request, below.certificate, extensions, _YEAR)
        return below

    def _request(self, name, key_options):
        self.issued += 1
        base = self.directory / f"leaf{self.issued}"
        key, request = base.with_suffix(".key"), base.with_suffix(".csr")
        process.run("openssl", "req", "-new", "-newkey", *key_options, "-nodes", "-keyout", key,
                    "-out", request, "-subj", f"/CN={name}")
        return base, key, request

    def _sign(self, request, out, extensions, days):
        process.run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
                    self.key, "-set_serial", str(self.issued), "-days", str(days),
                    "-extfile", extensions, "-out", out)

    def _sign_for_later(self, request, out, extensions, begins):
        """x509(1) always begins now; ca(1) takes dates, and wants a database."""
        (self.directory / "index").write_text("")
        settings = self.directory / "ca.conf"
        settings.write_text(f"[ca]\ndefault_ca=it\n[it]\ndatabase={self.directory}/index\n"
                            f"new_certs_dir={self.directory}\nrand_serial=yes\n"
                            "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n")
        first = datetime.now(timezone.utc) + timedelta(days=begins)
        last = first + timedelta(days=int(_YEAR))
        process.run("openssl", "ca", "-batch", "-notext", "-config", settings, "-cert",
                    self.certificate, "-keyfile", self.key, "-in", request, "-out", out,
                    "-startdate", f"{first:%Y%m%d%H%M%SZ}", "-enddate", f"{last:%Y%m%d%H%M%SZ}",
                    "-extfile", extensions)
