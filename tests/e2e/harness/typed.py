"""Programs that are typed to: what they make of the connection is told from what they do."""

import random
import re
import subprocess
import threading

from .addresses import free_address, text


def words(size, seed):
    """So many bytes that no program takes for a command or a line of its own."""
    return random.Random(seed).randbytes(size // 2).hex().encode()


class OpenSsl:
    """A command of openssl that is typed to: what it prints of the connection is `out`, of its own
    doings `told`."""

    def __init__(self, *command):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(["openssl", *map(str, command)], stdin=pipe, stdout=pipe,
                                        stderr=pipe)
        self.out, self.told = bytearray(), bytearray()
        self.listeners = [
            threading.Thread(target=self._listen, args=each, daemon=True)
            for each in ((self.process.stdout, self.out), (self.process.stderr, self.told))]
        for listener in self.listeners:
            listener.start()

    @staticmethod
    def _listen(stream, to):
        while data := stream.read1(1 << 16):
            to.extend(data)

    def say(self, what):
        self.process.stdin.write(what)
        self.process.stdin.flush()

    def has_ended(self):
        """And all that it has said is here."""
        return self.process.poll() is not None and not any(
            listener.is_alive() for listener in self.listeners)

    def end(self):
        self.process.kill()
        self.process.wait()


class SClient(OpenSsl):
    """Is connected when `is_connected()`."""

    def __init__(self, address, authority):
        super().__init__("s_client", "-connect", text(address), "-servername", "shop.test",
                         "-CAfile", authority.certificate, "-verify_return_error", "-tls1_3")

    def is_connected(self):
        return b"Verify return code: 0 (ok)" in self.out

    def key_updates(self):
        """That it has asked for."""
        return self.told.count(b"KEYUPDATE")


class SServer(OpenSsl):
    """Begins to accept after it is made: `is_listening()`."""

    def __init__(self, certificate, folder):
        self.address, self.messages = free_address(), folder / "messages"
        super().__init__("s_server", "-accept", text(self.address), "-cert", certificate[0],
                         "-key", certificate[1], "-tls1_3", "-msg", "-msgfile", self.messages)

    def is_listening(self):
        return b"ACCEPT" in self.out

    def heard(self):
        """What has come through the connection, without what it says of its own in between: when
        it is typed to, and when a read brought a KeyUpdate and no data."""
        return re.sub(rb"(SSL_do_handshake -> 1|Read BLOCK)\n", b"", bytes(self.out))

    def key_updates(self, way):
        """That it has sent (`>>>`) or received (`<<<`)."""
        return len(re.findall(f"^{way} .*KeyUpdate", self.messages.read_text(), re.MULTILINE))
