"""nginx's stream module; for HTTP its http module, which binds no clients to servers."""

import re
import subprocess

from .certificate import NAME
from .setup import GROUPS, IDLE_SECONDS, NOWHERE, max_sessions


def stream_module(program):
    """The line that loads the stream module, where this nginx has it apart from its executable."""
    done = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
    if "--with-stream=dynamic" not in done.stderr:
        return ""
    folder = re.search(r"--modules-path=(\S+)", done.stderr)
    path = folder.group(1) if folder else "/usr/lib/nginx/modules"
    return f"load_module {path}/ngx_stream_module.so;"


def _tls(setup):
    lines = ""
    if setup.terminates:
        lines = f"""
    ssl_certificate {setup.certificate};
    ssl_certificate_key {setup.certificate};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve {GROUPS};
    ssl_session_cache off;
    ssl_session_tickets on;"""
    if setup.routes:
        lines = """
    ssl_preread on;"""
    if setup.reencrypts:
        lines += f"""
    proxy_ssl on;
    proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_ssl_trusted_certificate {setup.certificate};
    proxy_ssl_verify on;
    proxy_ssl_name {NAME};
    proxy_ssl_server_name on;"""
    return lines


def _map(setup):
    if not setup.routes:
        return ""
    return f"""
  upstream nowhere {{ server 127.0.0.1:{NOWHERE}; }}
  map $ssl_preread_server_name $by_name {{ {NAME} bench; default nowhere; }}"""


def _http(setup, servers):
    """Connections to servers are kept, which nginx 1.22 does only if told."""
    return f"""http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout {IDLE_SECONDS}s;
  upstream bench {{
    {servers}
    keepalive {setup.scenario.connections};
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{setup.port} backlog=4096;
    location / {{
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


def _stream(setup, servers):
    # As large as the system lets it be: net.core.rmem_max.
    kind = "udp rcvbuf=4m" if setup.scenario.protocol == "udp" else "backlog=4096"
    tls = " ssl" if setup.terminates else ""
    return f"""stream {{
  access_log off;
  upstream bench {{ {servers} }}{_map(setup)}
  server {{
    listen 127.0.0.1:{setup.port}{tls} {kind};
    proxy_pass {"$by_name" if setup.routes else "bench"};
    proxy_buffer_size 64k;
    proxy_connect_timeout 5s;
    proxy_timeout {IDLE_SECONDS}s;{_tls(setup)}
  }}
}}
"""


def config(program):
    """nginx's configuration, for this program."""
    def configure(setup):
        servers = "\n    ".join(f"server {address}:{port};" for address, port in setup.servers)
        body = _http if setup.scenario.protocol == "http" else _stream
        return "nginx.conf", f"""daemon off;
{stream_module(program)}
user root;
worker_processes {setup.scenario.workers};
pid {setup.folder}/nginx.pid;
error_log {setup.folder}/nginx.log crit;
events {{ worker_connections {2 * max_sessions() + 100}; }}
""" + body(setup, servers)
    return configure
