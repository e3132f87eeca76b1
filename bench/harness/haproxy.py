"""HAProxy in TCP mode, or in HTTP mode where the scenario is."""

from .certificate import NAME
from .http import COOKIE
from .setup import GROUPS, IDLE_SECONDS, NOWHERE, max_sessions


def _rules(setup):
    if not setup.routes:
        return "default_backend servers"
    return f"""tcp-request inspect-delay 5s
  tcp-request content accept if {{ req_ssl_hello_type 1 }}
  use_backend servers if {{ req_ssl_sni -i {NAME} }}
  default_backend nowhere"""


def config(global_line="", option_line=""):
    """HAProxy's configuration, with one more line in `global` and in `defaults`, or none."""
    def configure(setup):
        listening = to_server = ""
        if setup.terminates:
            listening = f" ssl crt {setup.certificate} ssl-min-ver TLSv1.2 curves {GROUPS}"
        if setup.reencrypts:
            to_server = (f" ssl verify required ca-file {setup.certificate} sni str({NAME})"
                         f" verifyhost {NAME}")
        is_http = setup.scenario.protocol == "http"
        cookie = f"cookie {COOKIE} insert indirect nocache" if is_http else ""
        servers = "\n".join(f"  server s{n} {address}:{port}{to_server}"
                            + (f" cookie s{n}" if is_http else "")
                            for n, (address, port) in enumerate(setup.servers))
        return "haproxy.cfg", f"""global
  nbthread {setup.scenario.workers}
  maxconn {max_sessions()}
  tune.ssl.cachesize 0
  {global_line}
defaults
  mode {"http" if is_http else "tcp"}
  balance roundrobin
  backlog 4096
  timeout connect 5s
  timeout client {IDLE_SECONDS}s
  timeout server {IDLE_SECONDS}s
  {option_line}
frontend bench
  bind 127.0.0.1:{setup.port}{listening}
  {_rules(setup)}
backend servers
  {cookie}
{servers}
backend nowhere
  server s 127.0.0.1:{NOWHERE}
"""
    return configure
