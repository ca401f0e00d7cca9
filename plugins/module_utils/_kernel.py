# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel as the modules see it: one object, so that tests can put another one in its place."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _bpf, _pins
from ansible_collections.vos.fastpath.plugins.module_utils._abi import PROGRAM_NAME
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import (
    Interface,
    find_interface,
    interface_names,
    statistics,
)
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import query_xdp
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate, load
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config

__all__ = ("Kernel", "Program")

_OWN_MAPS = frozenset(("xdp_counters", "xdp_settings"))
_FIRST = bytes(4)


class Program(t.NamedTuple):
    """What is attached to an interface."""

    mode: str
    """V(native), V(generic), V(offload) or V(multiple)."""
    prog_id: int
    name: str
    tag: str
    ours: bool
    """Whether it is this collection's: by its name and by the maps it uses."""
    maps: t.Mapping[str, int]
    """Ids of its maps by name; C(.rodata) under that name."""
    uptime: float
    """Seconds since it was loaded."""


class Kernel:
    """The real one."""

    def interfaces(self) -> t.List[str]:
        """Return the names of all interfaces."""
        return interface_names()

    def interface(self, name: str) -> Interface:
        """Return the interface. Raises FastpathError where there is none."""
        return find_interface(name)

    def statistics(self, name: str) -> t.Dict[str, int]:
        """Return the interface's own counters."""
        return statistics(name)

    def attached(self, ifindex: int) -> t.Optional[Program]:
        """Return what is attached to the interface."""
        found = query_xdp(ifindex)
        if found is None:
            return None
        fd = _bpf.prog_by_id(found.prog_id)
        try:
            info = _bpf.prog_info(fd)
        finally:
            os.close(fd)
        maps = dict(_named(info.map_ids))
        ours = info.name == PROGRAM_NAME and _OWN_MAPS <= maps.keys()
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME) - info.loaded_ns / 1e9
        return Program(found.mode, info.id, info.name, info.tag, ours, maps, round(uptime, 3))

    @contextlib.contextmanager
    def opened(self, prog_id: int) -> t.Iterator[int]:
        """Hold a file descriptor of a program."""
        fd = _bpf.prog_by_id(prog_id)
        try:
            yield fd
        finally:
            os.close(fd)

    def load(self, path: str, config: Config, reuse: t.Mapping[str, int]) -> t.ContextManager[Candidate]:
        """Load an object. Raises FastpathError."""
        return load(path, config, reuse)

    def map_by_id(self, map_id: int) -> Map:
        """Open a map."""
        return Map(_bpf.map_by_id(map_id))

    def map_by_fd(self, fd: int) -> Map:
        """Open a map a second time."""
        return Map(os.dup(fd))

    def read_first(self, map_id: int) -> bytes:
        """Return the value of the first slot of an array: settings, configuration."""
        with self.map_by_id(map_id) as opened:
            return opened.lookup(_FIRST) or b""

    def host_map(self, name: str) -> t.Optional[Map]:
        """Open a map that all interfaces share; V(none) where nothing made it yet."""
        found = _pins.open_pinned(_pins.host_path(name))
        if found is not None:
            _pins.check_shape(_pins.host_path(name), found.shape)
        return found

    def interface_map(self, ifindex: int, name: str) -> t.Optional[Map]:
        """Open a map of an interface by its pin."""
        return _pins.open_pinned(_pins.interface_path(ifindex, name))

    def require_host_maps(self) -> t.List[str]:
        """Make what the lists need. Returns the names of the maps that were not there."""
        return _pins.require_host_maps()

    def pin_interface_map(self, ifindex: int, name: str, fd: int) -> None:
        """Make a map of an interface findable for others, and let it outlive the program."""
        _pins.pin_map(fd, _pins.interface_path(ifindex, name))

    def is_pinned(self, ifindex: t.Optional[int] = None) -> bool:
        """Whether anything of an interface is pinned; without one, anything at all."""
        return os.path.isdir(_folder(ifindex))

    def forget(self, ifindex: t.Optional[int] = None) -> None:
        """Remove the pins of an interface; without one every pin, the lists included."""
        _pins.remove(_folder(ifindex))

    def attach(self, ifindex: int, mode: str, prog_fd: int, expected_fd: int) -> None:
        """Put a program in place of exactly the expected one. Raises Refused."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _netlink

        _netlink.attach(ifindex, mode, prog_fd, expected_fd)


def _folder(ifindex: t.Optional[int]) -> str:
    return _pins.host_path() if ifindex is None else _pins.interface_path(ifindex)


def _named(map_ids: t.Iterable[int]) -> t.Iterator[t.Tuple[str, int]]:
    for map_id in map_ids:
        fd = _bpf.map_by_id(map_id)
        try:
            name = _bpf.map_info(fd).shape.name
        finally:
            os.close(fd)
        yield (".rodata" if name.endswith(".rodata") else name), map_id
