#!/usr/bin/python3
"""Runs a program under a seccomp filter, as container runtimes do.

    seccomp.py deny CALL... -- PROGRAM ARGUMENT...      these system calls answer EPERM
    seccomp.py profile FILE -- PROGRAM ARGUMENT...      a runtime's JSON profile: the rest does
"""

import ctypes
import errno
import json
import os
import re
import struct
import subprocess
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def numbers():
    """{name: number} of this machine's system calls, from the kernel's header."""
    text = subprocess.run(["cpp", "-dM", "-include", "sys/syscall.h", "/dev/null"],
                          capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in
            re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.M)}


def install(listed, verdict, otherwise):
    """`verdict` for the listed system call numbers, `otherwise` for the rest."""
    code = [(LOAD, 0, 0, 0)]                               # the number of the system call
    for number in sorted(listed):
        code += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, verdict)]
    code.append((RETURN, 0, 0, otherwise))
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = Program(len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def main(arguments):
    split = arguments.index("--")
    (kind, *names), command = arguments[1:split], arguments[split + 1:]
    known, refused = numbers(), ERRNO | errno.EPERM
    if kind == "deny":
        install([known[name] for name in names], refused, ALLOW)
    else:
        with open(names[0]) as file:
            rules = json.load(file)["syscalls"]
        allowed = {name for rule in rules for name in rule["names"]}
        install([known[name] for name in allowed if name in known], ALLOW, refused)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv)
