# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small programs that are loaded, run once and forgotten: for what bpf(2) has no command for.

A XSKMAP can't be looked up from user space, and a per-CPU counter can't be read and zeroed by another CPU without losing what
is counted in between. A program can do both. BPF_PROG_TEST_RUN runs it on the CPU of the caller, where no packet is
worked on meanwhile; its data is a frame that nobody sends.
"""

from __future__ import annotations

import contextlib
import os
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import (
    COUNTERS,
    MAPS,
    STATS_NUMBERS,
    TOP_SOURCE,
    TOP_SOURCES_MAX,
    MapShape,
)
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import load_xdp, map_by_id, map_info, run_once
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._instructions import (
    DATA,
    DATA_END,
    EXIT,
    copy,
    instruction,
    load32,
    look_up,
    put,
    store32,
    store64,
)
from ansible_collections.vos.fastpath.plugins.module_utils._maps import possible_cpus

__all__ = ("sockets", "taking", "unreachable_cpus")

_XCHG = 0xE1  # BPF_XCHG, kernel 5.12: one instruction, so that no interrupt comes in between
_KEY = -4  # on the stack
_NUMBERS = len(COUNTERS) + STATS_NUMBERS
_FRAME = 64  # bytes; the kernel takes no frame shorter than an Ethernet header


def _found(map_fd: int) -> bytes:
    """Look up the key on the stack: r0 is the value, or the program ends."""
    return look_up(map_fd, copy(2, 10, _KEY)) + instruction(0x55, 0, offset=1) + EXIT


def _in_frame(size: int) -> bytes:
    """r6 is the data of the frame, so many bytes of it; or the program ends with 0, but it never is that short."""
    checked = load32(6, 1, DATA) + load32(7, 1, DATA_END) + copy(1, 6, size)
    return checked + instruction(0xBD, 1, 7, 2) + put(0, 0) + EXIT


def sockets(map_id: int, queues: int) -> t.Dict[int, int]:
    """Return which queue the socket is bound to that a XSKMAP has under a number (of these many), where it has one."""
    fd = map_by_id(map_id)
    try:
        look = _in_frame(4) + load32(1, 6, 0) + store32(10, _KEY, 1) + _found(fd)
        program = load_xdp(look + load32(0, 0, 0) + instruction(0x07, 0, number=1) + EXIT)  # struct bpf_xdp_sock: queue_id
    finally:
        os.close(fd)
    try:
        answers = {queue: run_once(program, struct.pack("=I", queue).ljust(_FRAME, b"\0"))[0] for queue in range(queues)}
    finally:
        os.close(program)
    return {queue: answer - 1 for queue, answer in answers.items() if answer}


@contextlib.contextmanager
def taking(counters: int, stats: int, top: int) -> t.Iterator[t.Callable[[], t.List[int]]]:
    """Give a function that zeroes these maps (by id) and returns what was in the first two, summed over CPUs. Raises FastpathError.

    Each number is swapped for 0 in one instruction on the CPU that counts it, so that no packet is lost or counted twice.
    The sources in the third are only forgotten.
    """
    with contextlib.ExitStack() as stack:
        fds = []
        for map_id in (counters, stats, top):
            fds.append(map_by_id(map_id))
            stack.callback(os.close, fds[-1])
            _check_shape(map_info(fds[-1]).shape)
        program = _loaded(_taking(*fds))
        stack.callback(os.close, program)
        yield lambda: _taken(program)


def _loaded(code: bytes) -> int:
    try:
        return load_xdp(code)
    except OSError as error:
        remedy = "Zeroing needs kernel 5.12 or later, and nothing else does. Nothing was changed"
        raise FastpathError("reset", "the kernel refuses the program that zeroes: " + reason_of(error), remedy) from error


def _check_shape(shape: MapShape) -> None:
    """Refuse a map that the program would find only a part of its slots in."""
    if shape != MAPS[shape.name]:
        raise FastpathError(shape.name, "it was made by another version", "Upgrade the filter with vos.fastpath.xdp_attach. Nothing was changed")


def _taking(counters: int, stats: int, top: int) -> bytes:
    code = _in_frame(8 * _NUMBERS)
    for slot in range(len(COUNTERS)):
        code += put(1, slot) + store32(10, _KEY, 1) + _found(counters) + _swapped(0, slot)
    code += put(1, 0) + store32(10, _KEY, 1) + _found(stats)
    for number in range(STATS_NUMBERS):
        code += _swapped(8 * number, len(COUNTERS) + number)
    forget = store32(10, _KEY, 8) + _found(top) + put(1, 0)
    forget += b"".join(store64(0, offset, 1) for offset in range(0, TOP_SOURCE.size, 8)) + instruction(0x07, 8, number=1)
    return code + put(8, 0) + forget + instruction(0xA5, 8, offset=-len(forget) // 8 - 1, number=TOP_SOURCES_MAX) + put(0, 0) + EXIT


def _swapped(offset: int, place: int) -> bytes:
    """Put 0 into the value that r0 points to, and what was there into the frame."""
    return put(1, 0) + instruction(0xDB, 0, 1, offset, _XCHG) + store64(6, 8 * place, 1)


def _taken(program: int) -> t.List[int]:
    numbers = [0] * _NUMBERS
    for _cpu in _on_each_cpu():
        _answer, frame = run_once(program, bytes(8 * _NUMBERS))
        numbers = [sum(pair) for pair in zip(numbers, struct.unpack("=%dQ" % _NUMBERS, frame))]
    return numbers


def unreachable_cpus() -> t.List[int]:
    """Return the CPUs that this process can't run on now: they are offline, or outside its cpuset."""
    return sorted(set(possible_cpus()).difference(_on_each_cpu()))


def _on_each_cpu() -> t.Iterator[int]:
    """Run on one CPU after the other, where this process can, and in the end where it ran before."""
    before = os.sched_getaffinity(0)
    try:
        for cpu in possible_cpus():
            try:
                os.sched_setaffinity(0, {cpu})
            except OSError:
                continue
            yield cpu
    finally:
        os.sched_setaffinity(0, before)
