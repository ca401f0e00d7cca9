# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Adding to numbers in a map while a program counts there.

Reading and writing back would lose what is counted between the two, so the kernel does it: a small program of our own, which is
never attached, adds with the same atomic instruction wherever BPF_PROG_TEST_RUN runs it. In a per-CPU map that is the value of
one CPU, and the sum over all of them is right.

The program takes a frame: the key (filled up to eight bytes) and the numbers to add.
"""

from __future__ import annotations

import os
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._bpf import load_xdp, run_once
from ansible_collections.vos.fastpath.plugins.module_utils._instructions import (
    DATA,
    DATA_END,
    EXIT,
    copy,
    instruction,
    load32,
    load64,
    look_up,
    put,
)

__all__ = ("add",)

_MIN_FRAME = 14
_PASS = 2
_ATOMIC_ADD, _IF_GREATER, _IF_ZERO = 0xDB, 0x2D, 0x15


def add(map_fd: int, key_size: int, words: t.Sequence[int], rows: t.Iterable[t.Tuple[bytes, t.Sequence[int]]]) -> None:
    """Add to the 64-bit words (by their position in the value) of each entry; a key that is not there is passed over."""
    program = load_xdp(_instructions(map_fd, _padded(key_size), words))
    try:
        for key, numbers in rows:
            frame = key.ljust(_padded(key_size), b"\0") + struct.pack("=%dQ" % len(words), *numbers)
            run_once(program, frame.ljust(_MIN_FRAME, b"\0"))
    finally:
        os.close(program)


def _padded(size: int) -> int:
    return size + 7 & ~7


def _instructions(map_fd: int, numbers_at: int, words: t.Sequence[int]) -> bytes:
    sums = b"".join(
        load64(1, 6, numbers_at + 8 * position) + instruction(_ATOMIC_ADD, 0, 1, 8 * word) for position, word in enumerate(words)
    )
    look = look_up(map_fd, copy(2, 6)) + instruction(_IF_ZERO, 0, offset=len(sums) // 8)
    there = load32(6, 1, DATA) + load32(3, 1, DATA_END) + copy(2, 6, numbers_at + 8 * len(words))
    return there + instruction(_IF_GREATER, 2, 3, len(look + sums) // 8) + look + sums + put(0, _PASS) + EXIT
