"""What is measured: Sluice and its peers, each with a configuration that says the same.

Equal for all: one worker, one listener (TCP with a backlog of 4096), round robin over the same
servers, no log line per session, no health checks, an hour of idle time, TCP_NODELAY (default of
all), room for the same number of sessions. What is left is each program's own default.
"""

import dataclasses
import json
import os
import re
import resource
import subprocess
import typing

IDLE_SECONDS = 3600
MAX_PIPES = 1500  # for HAProxy's splicing; two descriptors each


def max_sessions():
    """Sessions that fit into the limit of descriptors (two each) beside pipes, at most 8,000."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(100, min(8000, (limit - 2 * MAX_PIPES - 500) // 2))


@dataclasses.dataclass(frozen=True)
class Subject:
    """A program under test. `configure(folder, port, backends, protocol)` gives the name and the
    text of its configuration file, `command(program, file)` its command line."""
    name: str
    program: str
    version_flag: str
    configure: typing.Callable
    command: typing.Callable
    is_peer: bool = True
    protocols: tuple = ("tcp", "udp")

    def version(self):
        """The first line of what the program says about itself that holds a number."""
        done = subprocess.run([self.program, self.version_flag], capture_output=True, text=True,
                              timeout=10, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        return next((line.strip() for line in lines if re.search(r"\d", line)), "unknown")

    def is_installed(self):
        return os.access(self.program, os.X_OK)


def nginx_stream_module(program):
    """The line that loads the stream module, where this nginx has it apart from its executable."""
    done = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
    if "--with-stream=dynamic" not in done.stderr:
        return ""
    folder = re.search(r"--modules-path=(\S+)", done.stderr)
    path = folder.group(1) if folder else "/usr/lib/nginx/modules"
    return f"load_module {path}/ngx_stream_module.so;"


def nginx_config(program):
    """nginx's configuration, for this program."""
    def configure(folder, port, backends, protocol):
        servers = " ".join(f"server 127.0.0.1:{backend};" for backend in backends)
        # As large as the system lets it be: net.core.rmem_max.
        kind = "udp rcvbuf=4m" if protocol == "udp" else "backlog=4096"
        return "nginx.conf", f"""daemon off;
{nginx_stream_module(program)}
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections {2 * max_sessions() + 100}; }}
stream {{
  access_log off;
  upstream bench {{ {servers} }}
  server {{
    listen 127.0.0.1:{port} {kind};
    proxy_pass bench;
    proxy_buffer_size 64k;
    proxy_connect_timeout 5s;
    proxy_timeout {IDLE_SECONDS}s;
  }}
}}
"""
    return configure


def haproxy_config(global_line="", option_line=""):
    """HAProxy's configuration, with one more line in `global` and in `defaults`, or none."""
    def configure(_folder, port, backends, _protocol):
        servers = "\n".join(f"  server s{n} 127.0.0.1:{backend}"
                            for n, backend in enumerate(backends))
        return "haproxy.cfg", f"""global
  nbthread 1
  maxconn {max_sessions()}
  {global_line}
defaults
  mode tcp
  balance roundrobin
  backlog 4096
  timeout connect 5s
  timeout client {IDLE_SECONDS}s
  timeout server {IDLE_SECONDS}s
  {option_line}
listen bench
  bind 127.0.0.1:{port}
{servers}
"""
    return configure


def sluice_config(folder, port, backends, protocol):
    servers = [{"name": f"s{n}", "address": "127.0.0.1", "port": backend}
               for n, backend in enumerate(backends)]
    document = {
        "workers": 1,
        "log": {"level": "error", "sessions": False},
        "admin": {"socket": os.path.join(folder, "admin.sock")},
        "frontends": [{"name": "bench", "protocol": protocol, "listen": f"127.0.0.1:{port}",
                       "backend": "bench"}],
        "backends": [{"name": "bench", "policy": "round_robin", "health_check": {"type": "none"},
                      "timeouts": {"connect": "5s", "idle": f"{IDLE_SECONDS}s"},
                      "udp": {"idle": f"{IDLE_SECONDS}s"},
                      "servers": servers}],
    }
    # JSON is YAML; the format that needs no library here.
    return "sluice.yaml", json.dumps(document, indent=2)


def sluice(program):
    return Subject("sluice", program, "--version", sluice_config,
                   lambda program, file: [program, "--config", file], is_peer=False)


def nginx(program="/usr/sbin/nginx"):
    return Subject("nginx", program, "-v", nginx_config(program),
                   lambda program, file: [program, "-p", os.path.dirname(file), "-c", file,
                                          "-e", os.path.join(os.path.dirname(file), "nginx.log")])


def haproxy(program="/usr/sbin/haproxy"):
    return Subject("haproxy", program, "-v", haproxy_config(),
                   lambda program, file: [program, "-db", "-f", file], protocols=("tcp",))


def haproxy_splice(program="/usr/sbin/haproxy"):
    return Subject("haproxy-splice", program, "-v",
                   haproxy_config(f"maxpipes {MAX_PIPES}", "option splice-auto"),
                   lambda program, file: [program, "-db", "-f", file], protocols=("tcp",))


PEERS = {"nginx": nginx, "haproxy": haproxy, "haproxy-splice": haproxy_splice}
# No proxy at all: what the load generator and the backend can do between themselves.
DIRECT = "direct"
