"""CPU time, switches, memory, system calls and network namespaces, as the harness sees them."""

import os
import subprocess
import sys
import unittest
from unittest import mock

import support
from harness import proc, syscalls

# A worker thread burns CPU and ends; then a child sleeps. Prints a line when that is done.
BUSY = """
import subprocess, sys, threading, time
def burn():
    end = time.thread_time() + 0.2
    while time.thread_time() < end: pass
worker = threading.Thread(target=burn); worker.start(); worker.join()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
ballast = bytearray(b"x") * (16 << 20)
print(child.pid, flush=True)
input()
child.communicate(b"\\n")
"""


class ProcTest(unittest.TestCase):
    def setUp(self):
        self.process = subprocess.Popen([sys.executable, "-c", BUSY], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.child = int(self.process.stdout.readline())

    def tearDown(self):
        self.process.communicate("\n")

    def test_cpu_of_a_thread_that_has_ended_counts(self):
        used = proc.cpu_seconds(self.process.pid)
        self.assertGreaterEqual(used, 0.2)
        user, system = proc.cpu_split(self.process.pid)
        self.assertAlmostEqual(user + system, used, delta=0.05)

    def test_tree_holds_the_child(self):
        self.assertEqual(set(proc.tree(self.process.pid)), {self.process.pid, self.child})

    def test_a_process_that_pins_itself_elsewhere_is_moved(self):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            self.skipTest("one processor has no elsewhere")
        os.sched_setaffinity(self.child, cpus[:1])
        self.assertEqual(proc.keep_on([self.process.pid, self.child], cpus), 0)
        self.assertGreaterEqual(proc.keep_on([self.process.pid, self.child], cpus[1:]), 2)
        self.assertEqual(os.sched_getaffinity(self.child), set(cpus[1:]))

    def test_what_is_put_first_is_in_the_real_time_class(self):
        policy = os.sched_getscheduler(0)
        if not proc.may_put_first():
            with self.assertRaises(PermissionError):
                proc.put_first([self.child])
            return
        self.assertEqual(os.sched_getscheduler(0), policy)
        proc.put_first([self.process.pid, self.child])
        for thread in proc.threads([self.process.pid, self.child]):
            self.assertEqual(os.sched_getscheduler(thread), os.SCHED_FIFO)
            self.assertEqual(os.sched_getparam(thread).sched_priority, proc.FIRST)

    def test_memory_adds_up_and_sees_an_allocation(self):
        both = proc.memory([self.process.pid, self.child])
        small = proc.memory([self.child])
        self.assertGreater(both.pss - small.pss, 16 << 20)
        self.assertGreaterEqual(both.rss, both.pss)
        self.assertGreaterEqual(both.descriptors, small.descriptors + 3)

    def test_switches_grow_while_somebody_waits(self):
        voluntary, _ = proc.switches(os.getpid())
        subprocess.run(["true"], check=True)
        self.assertGreater(proc.switches(os.getpid())[0], voluntary)


# Prints whether a fresh namespace is another one, and what went through its loopback.
FRESH = """
import os, socket
from harness import network
before = os.readlink("/proc/self/ns/net")
try:
    network.enter_fresh()
except PermissionError:
    print("not permitted")
    raise SystemExit
listener = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(listener.getsockname()) as client:
    listener.accept()[0].sendall(b"hello")
    print(os.readlink("/proc/self/ns/net") != before, client.recv(5))
"""
CAP_SYS_ADMIN = 21


def may_unshare():
    with open("/proc/self/status", encoding="utf-8") as status:
        effective = next(line.split()[1] for line in status if line.startswith("CapEff"))
    return bool(int(effective, 16) >> CAP_SYS_ADMIN & 1)


class NetworkTest(unittest.TestCase):
    def test_fresh_namespace_has_a_loopback(self):
        done = subprocess.run([sys.executable, "-B", "-c", FRESH], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": os.path.join(support.ROOT, "bench")},
                              check=True)
        expected = "True b'hello'" if may_unshare() else "not permitted"
        self.assertEqual(done.stdout.strip(), expected)


# A perf that obeys, and says at the end that there were 42.
OBEDIENT = f"""#!/usr/bin/python3
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
orders, answers = map(int, sys.argv[-1].removeprefix("--control=fd:").split(","))
for expected in (b"enable\\n", b"disable\\n"):
    assert os.read(orders, 64) == expected
    os.write(answers, b"ack\\n")
signal.sigwait([signal.SIGINT])
print("42;;{syscalls.EVENT};1000;100.00;;", file=sys.stderr)
"""
REFUSING = "#!/bin/sh\necho no permission >&2\n"


class SyscallTest(unittest.TestCase):
    def with_perf(self, text):
        """Puts a program of our own in perf's place, or nothing."""
        folder = support.folder()
        self.addCleanup(folder.cleanup)
        if text:
            path = os.path.join(folder.name, "perf")
            with open(path, "w", encoding="utf-8") as script:
                script.write(text)
            os.chmod(path, 0o755)
        self.enterContext(mock.patch.dict(os.environ, PATH=folder.name))

    def test_missing_perf_is_one_clear_error(self):
        self.with_perf(None)
        with self.assertRaisesRegex(syscalls.CountError, "perf: .*No such file"):
            syscalls.SyscallCounter([os.getpid()])

    def test_perf_that_refuses_is_an_error_with_its_message(self):
        self.with_perf(REFUSING)
        with syscalls.SyscallCounter([os.getpid()]) as counter:
            with self.assertRaisesRegex(syscalls.CountError, "no permission"):
                counter.count(lambda: None)

    def test_count_is_what_perf_says(self):
        self.with_perf(OBEDIENT)
        with syscalls.SyscallCounter([os.getpid()]) as counter:
            self.assertEqual(counter.count(lambda: "done"), ("done", 42))


if __name__ == "__main__":
    unittest.main()
