# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system call bpf(2): objects by id and by pin, what the kernel says of them, and making maps.

Layouts are those of C(union bpf_attr), C(struct bpf_prog_info) and C(struct bpf_map_info) in linux/bpf.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MapShape

__all__ = (
    "MapInfo",
    "ProgInfo",
    "bpf",
    "create_map",
    "get_pinned",
    "load_xdp",
    "map_by_id",
    "map_info",
    "pin",
    "prog_by_id",
    "prog_info",
    "run_once",
)

_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_MAP_CREATE, _PROG_LOAD, _OBJ_PIN, _OBJ_GET, _TEST_RUN, _PROG_BY_ID, _MAP_BY_ID, _INFO = 0, 5, 6, 7, 10, 13, 14, 15
_PROG_TYPE_XDP = 6
_ATTR_SIZE = 128
_INFO_SIZE = 232
_MAP_IDS_MAX = 64

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command: int, attr: ctypes.Array[ctypes.c_char]) -> int:
    """Call bpf(2); C(attr) is read and written in place. Raises C(OSError)."""
    number = _NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, "the number of bpf(2) on %s is not known" % platform.machine())
    result = _libc.syscall(number, command, ctypes.byref(attr), ctypes.sizeof(attr))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(result)


def attributes(layout: str, *values: t.Any) -> ctypes.Array[ctypes.c_char]:
    """Return a zeroed C(union bpf_attr) that starts with the packed values (the kernel wants the rest to be 0)."""
    return ctypes.create_string_buffer(struct.pack("=" + layout, *values), _ATTR_SIZE)


class ProgInfo(t.NamedTuple):
    """A loaded program."""

    id: int
    name: str
    tag: str
    """SHA-1 of the instructions, 16 hex digits, as in C(bpftool prog show)."""
    loaded_ns: int
    """When it was loaded, ns of CLOCK_BOOTTIME."""
    map_ids: t.Tuple[int, ...]


class MapInfo(t.NamedTuple):
    """A map: its id and its shape."""

    id: int
    shape: MapShape


def prog_by_id(prog_id: int) -> int:
    """Return a file descriptor of the program. Raises C(OSError) (ENOENT where there is none)."""
    return bpf(_PROG_BY_ID, attributes("I", prog_id))


def map_by_id(map_id: int) -> int:
    """Return a file descriptor of the map. Raises C(OSError) (ENOENT where there is none)."""
    return bpf(_MAP_BY_ID, attributes("I", map_id))


def get_pinned(path: str) -> int:
    """Return a file descriptor of what is pinned there. Raises C(OSError)."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    return bpf(_OBJ_GET, attributes("QI", ctypes.addressof(name), 0))


def pin(fd: int, path: str) -> None:
    """Pin a map or a program. Raises C(OSError) (EEXIST where something is pinned already)."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    bpf(_OBJ_PIN, attributes("QI", ctypes.addressof(name), fd))


def create_map(shape: MapShape, inner: int = 0) -> int:
    """Make a map of this shape and return its file descriptor; C(inner) is one as a map of maps holds. Raises C(OSError)."""
    name = shape.name.encode()
    sizes = (shape.key_size, shape.value_size, shape.max_entries)
    return _unlimited(_MAP_CREATE, attributes("7I16s", shape.type, *sizes, shape.flags, inner, 0, name))


def load_xdp(code: bytes) -> int:
    """Load a program (instructions of C(struct bpf_insn)) and return its file descriptor. Raises C(OSError)."""
    instructions, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    return _unlimited(_PROG_LOAD, attributes("IIQQ", _PROG_TYPE_XDP, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(licence)))


def _unlimited(command: int, attr: ctypes.Array[ctypes.c_char]) -> int:
    """Call bpf(2) for what takes memory. Before 5.11 that counts as locked, and an empty table for a million entries as a full one."""
    try:
        return bpf(command, attr)
    except PermissionError:
        with contextlib.suppress(ValueError, OSError):  # without CAP_SYS_RESOURCE
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return bpf(command, attr)


def run_once(fd: int, frame: bytes) -> t.Tuple[int, bytes]:
    """Run a program once, on this CPU. Returns what it returned, and what became of the frame. Raises C(OSError)."""
    data, out = ctypes.create_string_buffer(frame, len(frame)), ctypes.create_string_buffer(len(frame))
    attr = attributes("IIIIQQI", fd, 0, len(frame), len(frame), ctypes.addressof(data), ctypes.addressof(out), 1)
    bpf(_TEST_RUN, attr)
    return int(struct.unpack_from("=4xI", attr.raw)[0]), out.raw


def _info(fd: int, prefix: bytes = b"") -> bytes:
    info = ctypes.create_string_buffer(prefix, _INFO_SIZE)
    bpf(_INFO, attributes("IIQ", fd, _INFO_SIZE, ctypes.addressof(info)))
    return info.raw


def prog_info(fd: int) -> ProgInfo:
    """Ask the kernel about a program. Raises C(OSError)."""
    ids = (ctypes.c_uint32 * _MAP_IDS_MAX)()
    raw = _info(fd, struct.pack("=52xIQ", _MAP_IDS_MAX, ctypes.addressof(ids)))
    prog_id, tag, loaded_ns, count, name = struct.unpack_from("=4xI8s24xQ4xI8x16s", raw)
    return ProgInfo(prog_id, _text(name), tag.hex(), loaded_ns, tuple(ids[: min(count, _MAP_IDS_MAX)]))


def map_info(fd: int) -> MapInfo:
    """Ask the kernel about a map. Raises C(OSError)."""
    kind, map_id, key_size, value_size, max_entries, flags, name = struct.unpack_from("=6I16s", _info(fd))
    return MapInfo(map_id, MapShape(_text(name), kind, key_size, value_size, max_entries, flags))


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", "replace")
