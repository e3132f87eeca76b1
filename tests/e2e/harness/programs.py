"""The real servers behind Sluice, each in a directory of its own and with nobody's privileges."""

import os
import shutil
import tempfile
from pathlib import Path

from . import process
from .addresses import accepts, free_address
from .process import Background


class Program:
    """A started server program; a context manager that ends it and removes its directory."""

    def __init__(self):
        self.address = free_address()
        self.directory = Path(tempfile.mkdtemp(prefix="sluice-server-"))
        self.running = None

    def launch(self, *command, **options):
        self.running = Background(command, self.directory / "log", **options)
        self.running.wait_until(lambda: accepts(self.address), f"{command[0]} accepts", 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running is not None:
            self.running.stop(seconds=20)
        shutil.rmtree(self.directory, ignore_errors=True)


class Nginx(Program):
    """Serves the directory `files`; `/name` answers with `name`."""

    def __init__(self, name="nginx"):
        super().__init__()
        self.files = self.directory / "files"
        self.files.mkdir()
        self.directory.chmod(0o755)
        conf = self.directory / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""
        temporary = "".join(f"{kind}_temp_path {self.directory}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(f"""
            {user} daemon off; pid {self.directory}/pid; error_log {self.directory}/error.log;
            worker_processes 1; events {{ worker_connections 4096; }}
            http {{
              access_log off; {temporary}
              keepalive_requests 1000000;
              server {{
                listen {self.address[0]}:{self.address[1]} backlog=4096;
                root {self.files};
                location = /name {{ return 200 "{name}\\n"; }}
              }}
            }}""")
        self.launch("nginx", "-e", self.directory / "error.log", "-p", self.directory, "-c", conf)


class Redis(Program):
    def __init__(self):
        super().__init__()
        self.launch("redis-server", "--bind", self.address[0], "--port", self.address[1],
                    "--save", "", "--appendonly", "no", "--dir", self.directory)


class Iperf(Program):
    def __init__(self):
        super().__init__()
        self.launch("iperf3", "--server", "--bind", self.address[0], "--port", self.address[1])


class Postgres(Program):
    """A database cluster with trust for everybody on its loopback address."""

    def __init__(self):
        super().__init__()
        self.programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        as_user = []
        if os.getuid() == 0:  # postgres refuses to run as root
            shutil.chown(self.directory, "postgres", "postgres")
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data = self.directory / "data"
        process.run(*as_user, self.programs / "initdb", "--no-sync", "--auth=trust",
                    "--username=postgres", "--locale=C", "-D", data, cwd=self.directory)
        self.launch(*as_user, self.programs / "postgres", "-D", data, "-k", self.directory,
                    "-h", self.address[0], "-p", self.address[1], "-c", "fsync=off",
                    cwd=self.directory)
