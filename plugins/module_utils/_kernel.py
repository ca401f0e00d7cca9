# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel as the modules see it: one object, so that tests can put another one in its place.

This one is enough for the lists. C(_kernel_counting) adds what xdp_stats needs, C(_kernel_surveying) what xdp_info needs, and
C(_kernel_attaching) has all: with a module Ansible sends every unit that is imported anywhere in what it sends, and a host reads all
of them before the module begins.
"""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _bpf, _pins
from ansible_collections.vos.fastpath.plugins.module_utils._abi import PROGRAM_NAME, MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._attached import query_xdp
from ansible_collections.vos.fastpath.plugins.module_utils._bpf_links import xdp_link  # the timer of a change asks for it, when there are no files any more
from ansible_collections.vos.fastpath.plugins.module_utils._host_maps import find_host_map, require_host_maps
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import (
    Interface,
    Neighbours,
    device_mark,
    find_interface,
    interface_names,
    neighbours,
)
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map, wait_for_programs

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
    link_id: t.Optional[int] = None
    """The BPF link that holds it, where it is not ours: then only who has the link can replace it or take it off."""


class Kernel:
    """The real one."""

    def interfaces(self) -> t.List[str]:
        """Return the names of all interfaces."""
        return interface_names()

    def interface(self, name: str) -> Interface:
        """Return the interface. Raises FastpathError where there is none."""
        return find_interface(name)

    def neighbours(self, name: str) -> Neighbours:
        """Return what lies directly above and below an interface. Raises C(OSError) where there is none."""
        return neighbours(name)

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
        link_id = None if ours else xdp_link(ifindex, info.id)
        return Program(found.mode, info.id, info.name, info.tag, ours, maps, round(uptime, 3), link_id)

    def map_by_id(self, map_id: int) -> Map:
        """Open a map."""
        return Map(_bpf.map_by_id(map_id))

    def read_first(self, map_id: int) -> bytes:
        """Return the value of the first slot of an array: settings, configuration."""
        with self.map_by_id(map_id) as opened:
            return opened.lookup(_FIRST) or b""

    def new_map(self, shape: MapShape) -> Map:
        """Make a map, which is gone when nothing refers to it any more. Raises C(OSError)."""
        return Map(_bpf.create_map(shape))

    def host_map(self, name: str) -> t.Optional[Map]:
        """Open a map that all interfaces share; V(none) where nothing made it yet. See V(find_host_map)."""
        return find_host_map(self, name, _pins.open_pinned(_pins.host_path(name)))

    def require_host_maps(self) -> None:
        """Have all that the lists need, and pinned."""
        require_host_maps(self)

    def wait_for_programs(self) -> None:
        """Return when no packet is in a program any more that is in one now."""
        wait_for_programs()

    def pinned(self, ifindex: t.Optional[int] = None) -> t.Dict[str, int]:
        """Return the ids of the maps that are pinned for an interface, without one for the host, by their names there."""
        return _pins.pinned(_pins.folder(ifindex))

    def pin(self, ifindex: t.Optional[int], maps: t.Mapping[str, Map]) -> None:
        """Have exactly these maps pinned there, findable for others; they outlive the program. Raises FastpathError."""
        device = None if ifindex is None else device_mark(ifindex)
        _pins.pin_maps(_pins.folder(ifindex), {name: opened.fd for name, opened in maps.items()}, device or "")

    def is_pinned(self, ifindex: t.Optional[int] = None) -> bool:
        """Whether anything of an interface is pinned; without one, anything at all."""
        return os.path.isdir(_pins.folder(ifindex))


def _named(map_ids: t.Iterable[int]) -> t.Iterator[t.Tuple[str, int]]:
    for map_id in map_ids:
        fd = _bpf.map_by_id(map_id)
        try:
            name = _bpf.map_info(fd).shape.name
        finally:
            os.close(fd)
        yield (".rodata" if name.endswith(".rodata") else name), map_id
