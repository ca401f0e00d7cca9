# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instructions of BPF (C(struct bpf_insn) in linux/bpf.h), in the byte order of this machine, for programs of a few lines."""

from __future__ import annotations

import struct
import sys

__all__ = ("EXIT", "DATA", "DATA_END", "copy", "instruction", "load32", "load64", "look_up", "put", "store32", "store64")

DATA, DATA_END = 0, 4
"""Where C(struct xdp_md) has the start and the end of a frame."""

_LOOK_UP = 1  # BPF_FUNC_map_lookup_elem
_MAP_FD = 1  # BPF_PSEUDO_MAP_FD


def instruction(code: int, to: int = 0, source: int = 0, offset: int = 0, number: int = 0) -> bytes:
    """Return one of them; registers are halves of a byte, which half is which is a matter of byte order."""
    registers = to | source << 4 if sys.byteorder == "little" else source | to << 4
    return struct.pack("=BBhi", code, registers, offset, number)


EXIT = instruction(0x95)


def put(to: int, number: int) -> bytes:
    """Put a number into a register."""
    return instruction(0xB7, to, number=number)


def copy(to: int, source: int, plus: int = 0) -> bytes:
    """Copy a register, and add to it."""
    return instruction(0xBF, to, source) + (instruction(0x07, to, number=plus) if plus else b"")


def load32(to: int, source: int, offset: int) -> bytes:
    """Load what a register points to, so many bytes on."""
    return instruction(0x61, to, source, offset)


def load64(to: int, source: int, offset: int) -> bytes:
    """Likewise."""
    return instruction(0x79, to, source, offset)


def store32(to: int, offset: int, source: int) -> bytes:
    """Store a register where another one points to."""
    return instruction(0x63, to, source, offset)


def store64(to: int, offset: int, source: int) -> bytes:
    """Likewise."""
    return instruction(0x7B, to, source, offset)


def look_up(map_fd: int, key: bytes) -> bytes:
    """Look up a key, which these instructions (C(copy)) let r2 point to: r0 is the value, or 0."""
    return instruction(0x18, 1, _MAP_FD, number=map_fd) + instruction(0) + key + instruction(0x85, number=_LOOK_UP)
