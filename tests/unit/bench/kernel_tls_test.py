"""What bench/kernel-tls reads out of a trace."""

import unittest

import support  # noqa: F401  (makes the harness reachable)
from harness import kernel_tls

TRACE = """\
17 io_uring_enter(5, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1
17 splice(9, NULL, 12, NULL, 65536, SPLICE_F_MOVE|SPLICE_F_NONBLOCK) = 16384
17 splice(11, NULL, 10, NULL, 16384, SPLICE_F_MOVE|SPLICE_F_NONBLOCK <unfinished ...>
18 recvmsg(3, {msg_namelen=0}, MSG_DONTWAIT) = 700
17 <... splice resumed>) = 16384
17 splice(9, NULL, 12, NULL, 65536, SPLICE_F_NONBLOCK) = -1 EAGAIN (Not now)
17 --- SIGURG {si_signo=SIGURG} ---
"""


class Count(unittest.TestCase):
    def test_calls_and_spliced_bytes(self):
        self.assertEqual(kernel_tls.count(TRACE.splitlines()), (5, 16384))

    def test_nothing(self):
        self.assertEqual(kernel_tls.count([]), (0, 0))


if __name__ == "__main__":
    unittest.main()
