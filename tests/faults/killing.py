# SPDX-License-Identifier: GPL-3.0-or-later

"""Killing a module's process: after a while, or before the n-th system call by which it could change something."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import time

from ansible_collections.vos.fastpath.tests.faults.runs import Wish, forked

_PTRACE_TRACEME, _PTRACE_CONT, _PTRACE_SETOPTIONS = 0, 7, 0x4200
_TRACE_SECCOMP, _EXIT_KILL = 1 << 7, 1 << 20
_SECCOMP_STOP = signal.SIGTRAP | 7 << 8  # PTRACE_EVENT_SECCOMP
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_RET_TRACE, _RET_ALLOW = 0x7FF00000, 0x7FFF0000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06

CALLS = {
    # sendto, sendmsg, flock, rename, mkdir, rmdir, unlink, mkdirat, unlinkat, renameat, renameat2
    "x86_64": (44, 46, 73, 82, 83, 84, 87, 258, 263, 264, 316),
    "aarch64": (206, 211, 32, 34, 35, 38, 276),
}
"""The numbers of the system calls by which a module could change what outlives it: send is attaching and detaching."""
BPF = {"x86_64": 321, "aarch64": 280}
COMMANDS = (2, 3, 6, 26, 27)
"""Of bpf(2): set and delete an element, pin, set and delete many. What else it makes ends with the process."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def kill_after(wish: Wish, seconds: float) -> bool:
    """Run a module and kill it after a while. Returns whether it was still running then."""
    with forked(wish) as (pid, _output):
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        _pid, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def kill_before_call(wish: Wish, number: int) -> bool:
    """Run a module and kill it right before its n-th call of CALLS, from 1. Returns whether it came that far."""
    with forked(wish, _be_traced) as (pid, _output):
        os.waitpid(pid, 0)
        _ptrace(_PTRACE_SETOPTIONS, pid, _TRACE_SECCOMP | _EXIT_KILL)
        passed, pending = 0, 0
        while True:
            _ptrace(_PTRACE_CONT, pid, pending)
            _pid, status = os.waitpid(pid, 0)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                return False
            at_a_call = status >> 8 == _SECCOMP_STOP
            pending = 0 if at_a_call else os.WSTOPSIG(status)
            passed += at_a_call
            if passed == number:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return True


def _be_traced() -> None:
    _ptrace(_PTRACE_TRACEME, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    lines = _filter(BPF[platform.machine()], CALLS[platform.machine()])
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(code)))
    if _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP) failed")


def _filter(bpf: int, calls: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Instructions of a classic BPF program on struct seccomp_data: stop at these calls, and at these commands of bpf(2)."""
    command = 16 if sys.byteorder == "little" else 20  # the low half of args[0]
    lines = [(_LOAD, 0, 0, 0), (_JUMP_IF_EQUAL, 0, len(COMMANDS) + 2, bpf), (_LOAD, 0, 0, command)]
    for numbers, more in ((COMMANDS, len(calls) + 2), (calls, 1)):
        lines += [(_JUMP_IF_EQUAL, len(numbers) - place + more - 1, 0, number) for place, number in enumerate(numbers)]
        lines += [(_RETURN, 0, 0, _RET_ALLOW)]
    return [*lines, (_RETURN, 0, 0, _RET_TRACE)]


def _ptrace(request: int, pid: int, data: int) -> None:
    if _libc.ptrace(request, pid, None, data):
        raise OSError(ctypes.get_errno(), f"ptrace({request}) failed")
