# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maps that all interfaces of a host share. What the programs go by is true; pins are its names, and can be lost or left behind."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _pins
from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._attachments import attachments
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map

if t.TYPE_CHECKING:
    from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program

__all__ = ("find_host_map", "host_maps_in_use", "require_host_maps")


def find_host_map(kernel: Kernel, name: str, pinned: t.Optional[Map]) -> t.Optional[Map]:
    """Return the map that all interfaces share: by its pin or, where somebody removed that, of the program that goes by it.

    It can be of an older version, with shorter values or fewer entries. Raises FastpathError where it is none of that.
    """
    if pinned is not None:
        return _checked(name, pinned)
    program, _belongs = _program_of_lists(kernel)
    if program is None or name not in program.maps:
        return None
    return _checked(name, kernel.map_by_id(program.maps[name]))


def host_maps_in_use(kernel: Kernel) -> t.Callable[[str], t.Optional[Map]]:
    """Return what opens the maps that the programs go by, also where pins were left behind: by a kill before the new ones were pinned.

    It looks at all interfaces, once. A program that shares nothing with the pins came with its interface from elsewhere.
    """
    program, belongs = _program_of_lists(kernel)
    maps = program.maps if program is not None and belongs else {}

    def find(name: str) -> t.Optional[Map]:
        return _checked(name, kernel.map_by_id(maps[name])) if name in maps else kernel.host_map(name)

    return find


def require_host_maps(kernel: Kernel) -> None:
    """Have all maps of the host pinned: those that are there, others anew."""
    find = host_maps_in_use(kernel)
    with contextlib.ExitStack() as stack:
        opened = {}
        for shape in HOST_MAPS:
            found = find(shape.name)
            opened[shape.name] = stack.enter_context(kernel.new_map(shape) if found is None else found)
        if kernel.pinned() != {name: each.info.id for name, each in opened.items()}:
            kernel.pin(None, opened)


def _checked(name: str, found: Map) -> Map:
    with contextlib.ExitStack() as stack:
        stack.enter_context(found)
        _pins.check_shape(_pins.host_path(name), found.shape)
        stack.pop_all()
    return found


def _program_of_lists(kernel: Kernel) -> t.Tuple[t.Optional[Program], bool]:
    """Return the program that shares most with what is still pinned, and whether it shares anything; of several, the newest."""
    host, best, most = set(kernel.pinned().values()), None, (0, 0, 0.0)
    for interface, program in attachments(kernel):
        if not program.ours:
            continue
        maps = set(program.maps.values())
        shared = len(maps & host), len(maps.intersection(kernel.pinned(interface.ifindex).values())), -program.uptime
        if best is None or shared > most:
            best, most = program, shared
    return best, any(most[:2])
