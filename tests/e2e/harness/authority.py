"""A certificate authority of the test's own, made with openssl(1)."""

from pathlib import Path

from . import process

_YEAR = "365"


class Authority:
    """`certificate` is the authority's; `issue()` gives (certificate, key) paths for a server."""

    def __init__(self, directory, name="test authority"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / "ca.pem"
        self.key = self.directory / "ca.key"
        self.issued = 0
        process.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
                    self.certificate, "-days", _YEAR, "-subj", f"/CN={name}")

    def issue(self, *names, days=_YEAR):
        """For DNS names and IP addresses; negative `days`: expired that long ago."""
        self.issued += 1
        base = self.directory / f"leaf{self.issued}"
        key, request, out = (base.with_suffix(end) for end in (".key", ".csr", ".pem"))
        extensions = base.with_suffix(".ext")
        kinds = [("IP" if name.replace(".", "").isdigit() else "DNS") + ":" + name
                 for name in names]
        extensions.write_text(f"subjectAltName={','.join(kinds)}\nbasicConstraints=CA:FALSE\n")
        process.run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                    "-subj", f"/CN={names[0]}")
        process.run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
                    self.key, "-set_serial", str(self.issued), "-days", str(days),
                    "-extfile", extensions, "-out", out)
        return out, key
