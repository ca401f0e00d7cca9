# SPDX-License-Identifier: GPL-3.0-or-later

"""A program in front of another one, that gives every frame another source: what look-ups cost when no cache helps."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".bpf.c")


@contextlib.contextmanager
def in_front_of(program: int | None, hosts: int, folder: Path) -> Iterator[int]:
    """Load it and return its file descriptor; it goes on with that program (None: with an empty one), for sources out of so many."""
    output = folder / "random_source.bpf.o"
    headers = f"-I/usr/include/{platform.machine()}-linux-gnu"
    subprocess.run(("clang", "-target", "bpf", "-O2", "-g", headers, f"-DHOSTS={hosts}", "-c", SOURCE, "-o", output), check=True)
    libbpf = ctypes.CDLL("libbpf.so.1")
    for name in ("bpf_object__open_file", "bpf_object__find_program_by_name", "bpf_object__find_map_by_name"):
        getattr(libbpf, name).restype = ctypes.c_void_p
    opened = ctypes.c_void_p(libbpf.bpf_object__open_file(str(output).encode(), None))

    def fd_of(name: bytes) -> int:
        return int(libbpf.bpf_program__fd(ctypes.c_void_p(libbpf.bpf_object__find_program_by_name(opened, name))))

    try:
        assert libbpf.bpf_object__load(opened) == 0
        following = libbpf.bpf_map__fd(ctypes.c_void_p(libbpf.bpf_object__find_map_by_name(opened, b"next")))
        following_program = fd_of(b"nothing") if program is None else program
        key, value = ctypes.c_uint32(0), ctypes.c_uint32(following_program)
        assert libbpf.bpf_map_update_elem(following, ctypes.byref(key), ctypes.byref(value), ctypes.c_uint64(0)) == 0
        yield fd_of(b"random_source")
    finally:
        libbpf.bpf_object__close(opened)
