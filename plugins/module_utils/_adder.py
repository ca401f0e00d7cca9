# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Adding to numbers in a map while a program counts there.

Reading and writing back would lose what is counted between the two, so the kernel does it: a small program of our own, which is
never attached, adds with the same atomic instruction wherever BPF_PROG_TEST_RUN runs it. In a per-CPU map that is the value of
one CPU, and the sum over all of them is right.

The program takes a frame, the key (filled up to eight bytes) and the numbers to add. Instructions are those of linux/bpf.h.
"""

from __future__ import annotations

import ctypes
import os
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._bpf import attributes, bpf

__all__ = ("add",)

_LOAD, _TEST_RUN, _XDP = 5, 10, 6
_MIN_FRAME = 14
_LOOKUP = 1  # BPF_FUNC_map_lookup_elem
_PASS = 2
_LOAD_WORD, _LOAD_DOUBLE, _LOAD_MAP, _ATOMIC_ADD = 0x61, 0x79, 0x18, 0xDB
_COPY, _PLUS, _IF_GREATER, _IF_ZERO, _CALL, _SET, _EXIT = 0xBF, 0x07, 0x2D, 0x15, 0x85, 0xB7, 0x95


def add(map_fd: int, key_size: int, words: t.Sequence[int], rows: t.Iterable[t.Tuple[bytes, t.Sequence[int]]]) -> None:
    """Add to the 64-bit words (by their position in the value) of each entry; a key that is not there is passed over."""
    program = _load(_instructions(map_fd, _padded(key_size), words))
    try:
        for key, numbers in rows:
            frame = key.ljust(_padded(key_size), b"\0") + struct.pack("=%dQ" % len(words), *numbers)
            _run(program, frame.ljust(_MIN_FRAME, b"\0"))
    finally:
        os.close(program)


def _padded(size: int) -> int:
    return size + 7 & ~7


def _instructions(map_fd: int, numbers_at: int, words: t.Sequence[int]) -> bytes:
    sums = b"".join(
        _instruction(_LOAD_DOUBLE, 1, 6, numbers_at + 8 * position) + _instruction(_ATOMIC_ADD, 0, 1, 8 * word)
        for position, word in enumerate(words)
    )
    found = len(sums) // 8
    return b"".join(
        (
            _instruction(_LOAD_WORD, 6, 1, 0),  # r6 = the frame
            _instruction(_LOAD_WORD, 3, 1, 4),  # r3 = its end
            _instruction(_COPY, 2, 6),
            _instruction(_PLUS, 2, 0, 0, numbers_at + 8 * len(words)),
            _instruction(_IF_GREATER, 2, 3, 5 + found),
            _instruction(_LOAD_MAP, 1, 1, 0, map_fd) + _instruction(0, 0, 0),
            _instruction(_COPY, 2, 6),
            _instruction(_CALL, 0, 0, 0, _LOOKUP),
            _instruction(_IF_ZERO, 0, 0, found),
            sums,
            _instruction(_SET, 0, 0, 0, _PASS),
            _instruction(_EXIT, 0, 0),
        )
    )


def _instruction(code: int, destination: int, source: int, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("=BBhi", code, destination | source << 4, offset, immediate)


def _load(instructions: bytes) -> int:
    code, licence = ctypes.create_string_buffer(instructions), ctypes.create_string_buffer(b"GPL")
    addresses = ctypes.addressof(code), ctypes.addressof(licence)
    return bpf(_LOAD, attributes("IIQQIIQII16s", _XDP, len(instructions) // 8, *addresses, 0, 0, 0, 0, 0, b"sip_adder"))


def _run(program: int, frame: bytes) -> None:
    data = ctypes.create_string_buffer(frame, len(frame))
    bpf(_TEST_RUN, attributes("IIIIQQII", program, 0, len(frame), 0, ctypes.addressof(data), 0, 1, 0))
