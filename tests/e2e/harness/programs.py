"""The real servers behind Sluice, each in a directory of its own and with nobody's privileges."""

import os
import shutil
import tempfile
from pathlib import Path

from . import process
from .addresses import accepts, free_address, text
from .process import Background
from .udp import is_bound


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


class HAProxy(Program):
    """One proxy of its kind; `section` is what stands below `frontend` there."""

    def __init__(self, section):
        super().__init__()
        conf = self.directory / "haproxy.cfg"
        lines = "\n".join(f"  {line}" for line in section(text(self.address)))
        conf.write_text("defaults\n  timeout client 30s\n  timeout server 30s\n"
                        f"  timeout connect 5s\nlisten all\n{lines}\n")
        self.launch("haproxy", "-db", "-f", conf)

    @classmethod
    def receiver(cls, more="", bind=""):
        """Takes a PROXY header, answers HTTP with `from ADDRESS:PORT` and `more`, a log format."""
        said = f"from %ci:%cp {more}".strip()
        return cls(lambda address: [
            f"bind {address} accept-proxy {bind}", "mode http",
            f'http-request return status 200 content-type text/plain lf-string "{said}\\n"'])

    @classmethod
    def sender(cls, to, version):
        """Passes connections on with a PROXY header of `v1` or `v2` before them."""
        word = {"v1": "send-proxy", "v2": "send-proxy-v2"}[version]
        return cls(lambda address: [f"bind {address}", "mode tcp", f"server s {text(to)} {word}"])


class NginxStream(Program):
    """nginx with its layer 4 module; `block` is its `stream` or `http` block."""

    def __init__(self, block):
        super().__init__()
        self.directory.chmod(0o755)
        conf = self.directory / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""
        conf.write_text(f"""
            load_module /usr/lib/nginx/modules/ngx_stream_module.so;
            {user} daemon off; pid {self.directory}/pid; error_log {self.directory}/error.log;
            worker_processes 1; events {{ worker_connections 256; }}
            {block(text(self.address))}""")
        self.launch("nginx", "-e", self.directory / "error.log", "-p", self.directory, "-c", conf)

    @classmethod
    def receiver(cls):
        """Takes a PROXY header, answers HTTP with `from ADDRESS:PORT`."""
        answer = '"from $proxy_protocol_addr:$proxy_protocol_port\\n"'
        return cls(lambda address: f"""http {{ access_log off; server {{
            listen {address} proxy_protocol; location / {{ return 200 {answer}; }} }} }}""")

    @classmethod
    def sender(cls, to, _version):
        """Passes connections on with a PROXY header of version 1, the one that it can write."""
        return cls(lambda address: f"""stream {{ server {{
            listen {address}; proxy_pass {text(to)}; proxy_protocol on; }} }}""")


class Redis(Program):
    def __init__(self):
        super().__init__()
        self.launch("redis-server", "--bind", self.address[0], "--port", self.address[1],
                    "--save", "", "--appendonly", "no", "--dir", self.directory)


class Iperf(Program):
    def __init__(self):
        super().__init__()
        self.launch("iperf3", "--server", "--bind", self.address[0], "--port", self.address[1])


class Dnsmasq(Program):
    """A DNS server that answers every question for an address with this one; it listens for TCP as
    well, which tells that it is there."""

    def __init__(self, answer):
        super().__init__()
        self.launch("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                    "--no-hosts", "--no-daemon", f"--pid-file={self.directory}/pid",
                    f"--listen-address={self.address[0]}", f"--port={self.address[1]}",
                    "--bind-interfaces", "--cache-size=0", f"--address=/#/{answer}")


class Dnsdist(Program):
    """A DNS proxy that takes a PROXY header before each question and refuses the question where the
    header names a client of `refused`, a network; all others are answered."""

    def __init__(self, refused):
        super().__init__()
        conf = self.directory / "dnsdist.lua"
        conf.write_text(f"""
            setLocal("{text(self.address)}")
            setACL({{"0.0.0.0/0"}})
            setProxyProtocolACL({{"127.0.0.0/8"}})
            setSecurityPollSuffix("")
            local refused = newNMG()
            refused:addMask("{refused}")
            addAction(NetmaskGroupRule(refused), RCodeAction(DNSRCode.REFUSED))
            addAction(AllRule(), SpoofAction({{"192.0.2.3"}}))
            """)
        self.launch("dnsdist", "--supervised", "--disable-syslog", "-C", conf)


class Sipp(Program):
    """The called side of SIPp's own scenario."""

    def __init__(self):
        super().__init__()
        self.running = Background(
            ["sipp", "-sn", "uas", "-i", self.address[0], "-p", self.address[1], "-nostdin"],
            self.directory / "log", cwd=self.directory)
        self.running.wait_until(lambda: is_bound(self.address), "sipp has its port")


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
