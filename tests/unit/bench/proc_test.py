"""CPU time, switches and memory of processes, as the harness reads them."""

import os
import subprocess
import sys
import unittest

import support  # the path to the harness
from harness import proc

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


if __name__ == "__main__":
    unittest.main()
