# SPDX-License-Identifier: GPL-3.0-or-later

"""What a process may leave behind: pins, programs and maps that nobody holds any more on purpose, a lock."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.vos.fastpath.plugins.module_utils import _bpf, _pins
from ansible_collections.vos.fastpath.plugins.module_utils._abi import CONFIG, HOST_MAPS, INTERFACE_MAPS, MAPS, SETTINGS
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK

MARK = 20000 + os.getpid() % 40000
"""A port and a burst that nobody else on this machine asks for: ids are of the whole machine, whatever namespace they are used in."""

_NEXT_PROGRAM, _NEXT_MAP = 11, 12  # BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID
_PATIENCE = 10.0


def pins() -> set[str]:
    """All that is pinned in our folder, by its path below the BPF filesystem; the links say for which device, and hold nothing."""
    top, found = Path(_pins.BPFFS), Path(_pins.host_path()).rglob("*")
    return {str(path.relative_to(top)) for path in found if not path.is_dir() and not path.is_symlink()}


def pins_of(*ifindexes: int) -> set[str]:
    """What is to be pinned: the maps of the host, and of these interfaces."""
    top = Path(_pins.BPFFS)
    paths = [_pins.host_path(shape.name) for shape in HOST_MAPS]
    paths += [_pins.interface_path(ifindex, shape.name) for ifindex in ifindexes for shape in INTERFACE_MAPS]
    return {str(Path(path).relative_to(top)) for path in paths}


def is_locked() -> bool:
    """Whether somebody holds the modules' lock."""
    with open(LOCK, "a", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def in_kernel() -> tuple[int, int]:
    """How many configurations and settings with our mark the kernel has, whoever holds them: one for each of our programs."""
    found = Counter(kind for map_id in _ids(_NEXT_MAP) if (kind := _kind_of_marked(map_id)))
    return found["config"], found["settings"]


def programs() -> int:
    """How many programs with our mark the kernel has."""
    return sum(1 for prog_id in _ids(_NEXT_PROGRAM) if _is_marked(prog_id))


def settles(state: Callable[[], object], expected: object) -> bool:
    """Whether this becomes so: the kernel frees a moment after the last holder is gone."""
    deadline = time.monotonic() + _PATIENCE
    while state() != expected:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _is_marked(prog_id: int) -> bool:
    try:
        with AttachingKernel().opened(prog_id) as opened:
            return any(_kind_of_marked(map_id) == "config" for map_id in _bpf.prog_info(opened).map_ids)
    except OSError:
        return False  # gone meanwhile


def _kind_of_marked(map_id: int) -> str:
    """What kind of map it is, if it has our mark. What is in others may be anything."""
    try:
        with AttachingKernel().map_by_id(map_id) as opened:
            if opened.shape.name.endswith(".rodata") and opened.shape.value_size == CONFIG.size:
                ports = CONFIG.unpack(opened.lookup(bytes(4)) or bytes(CONFIG.size))[1]
                return "config" if struct.pack("!H", MARK) in (ports[i: i + 2] for i in range(0, len(ports), 2)) else ""
            if opened.shape == MAPS["xdp_settings"]:
                burst = SETTINGS.unpack(opened.lookup(bytes(4)) or bytes(SETTINGS.size))[4]
                return "settings" if burst == MARK else ""
    except OSError:
        pass  # gone meanwhile
    return ""


def _ids(command: int) -> Iterator[int]:
    number = 0
    while True:
        attr = _bpf.attributes("II", number, 0)
        try:
            _bpf.bpf(command, attr)
        except OSError:
            return
        (number,) = struct.unpack_from("=I", attr.raw, 4)
        yield number
