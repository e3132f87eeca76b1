"""Host names of a test's own: a program sees another /etc/hosts, in a mount namespace, and no name
server."""

from .process import run


class Hosts:
    """`launcher` goes before the program's command; names may change while it runs."""

    def __init__(self, directory):
        self.file = directory / "hosts"
        self.file.touch()
        resolver = directory / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.253\noptions timeout:1 attempts:1\n")
        services = directory / "nsswitch.conf"
        services.write_text("hosts: files dns\n")
        mounts = [f"mount --bind {ours} /etc/{ours.name}"
                  for ours in (self.file, resolver, services)]
        self.launcher = ["unshare", "--mount", "--map-root-user", "sh", "-c",
                         " && ".join([*mounts, 'exec "$0" "$@"'])]

    def is_possible(self):
        return run(*self.launcher, "true", check=False).returncode == 0

    def set(self, **names):
        """set(app="127.0.0.9") -> app.test is there, and nothing else is anywhere; a list of
        addresses is in the order of the answer."""
        lines = [f"{address} {name}.test\n" for name, addresses in names.items()
                 for address in ([addresses] if isinstance(addresses, str) else addresses)]
        self.file.write_text("".join(lines))  # in place: the namespace holds the file itself
