# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel as the modules see it: one object, so that tests can put another one in its place.

What only few modules need is imported where it is needed: Ansible sends sources, which are compiled anew by each task.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import socket
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _bpf, _pins
from ansible_collections.vos.fastpath.plugins.module_utils._abi import PROGRAM_NAME, MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._attached import query_xdp
from ansible_collections.vos.fastpath.plugins.module_utils._bpf_links import xdp_link  # the timer of a change asks for it, when there are no files any more
from ansible_collections.vos.fastpath.plugins.module_utils._host_maps import find_host_map, require_host_maps
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import (
    Interface,
    device_mark,
    find_interface,
    interface_names,
    receive_queues,
    statistics,
)
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map, wait_for_programs

if t.TYPE_CHECKING:
    from ansible_collections.vos.fastpath.plugins.module_utils._devices import Device
    from ansible_collections.vos.fastpath.plugins.module_utils._outlook import Host
    from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate
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

    def device(self, interface: Interface) -> Device:
        """Return what decides how XDP works on an interface. Raises C(OSError)."""
        from ansible_collections.vos.fastpath.plugins.module_utils._devices import read_device

        return read_device(interface)

    def host(self) -> Host:
        """Return what of this host a driver goes by."""
        from ansible_collections.vos.fastpath.plugins.module_utils._outlook import Host

        release = re.match(r"(\d+)\.(\d+)", platform.release())
        return Host((int(release.group(1)), int(release.group(2))) if release else (0, 0), os.cpu_count() or 1)

    def missing_capabilities(self) -> t.List[str]:
        """Return what of what attaching takes this process may not do."""
        from ansible_collections.vos.fastpath.plugins.module_utils._capabilities import missing_capabilities

        return missing_capabilities()

    def mounted(self) -> bool:
        """Whether there is a BPF filesystem for the pins."""
        return _pins.mounted()

    def statistics(self, name: str) -> t.Dict[str, int]:
        """Return the interface's own counters."""
        return statistics(name)

    def receive_queues(self, name: str) -> int:
        """Return how many receive queues an interface has."""
        return receive_queues(name)

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
        from ansible_collections.vos.fastpath.plugins.module_utils._program import load

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

    def new_map(self, shape: MapShape) -> Map:
        """Make a map, which is gone when nothing refers to it any more. Raises C(OSError)."""
        return Map(_bpf.create_map(shape))

    def add(self, opened: Map, words: t.Sequence[int], rows: t.Iterable[t.Tuple[bytes, t.Sequence[int]]]) -> None:
        """Add to the 64-bit words (by position in the value) of each entry, whoever else counts there. Raises C(OSError)."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _adder

        _adder.add(opened.fd, opened.shape.key_size, words, rows)

    def sockets(self, map_id: int, queues: int) -> t.Dict[int, int]:
        """Return which queue the AF_XDP socket is bound to that a XSKMAP has under a number, of these many."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _once

        return _once.sockets(map_id, queues)

    def taking(self, counters: int, stats: int, top: int) -> t.ContextManager[t.Callable[[], t.List[int]]]:
        """Give a function that zeroes these maps (by id) and returns what was in the first two, of all CPUs together."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _once

        return _once.taking(counters, stats, top)

    def unreachable_cpus(self) -> t.List[int]:
        """Return the CPUs whose counts can't be taken now."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _once

        return _once.unreachable_cpus()

    def host_map(self, name: str) -> t.Optional[Map]:
        """Open a map that all interfaces share; V(none) where nothing made it yet. See V(find_host_map)."""
        return find_host_map(self, name, _pins.open_pinned(_pins.host_path(name)))

    def interface_map(self, ifindex: int, name: str) -> t.Optional[Map]:
        """Open a map of an interface by its pin."""
        return _pins.open_pinned(_pins.interface_path(ifindex, name))

    def require_host_maps(self) -> None:
        """Have all that the lists need, and pinned."""
        require_host_maps(self)

    def wait_for_programs(self) -> None:
        """Return when no packet is in a program any more that is in one now."""
        wait_for_programs()

    def pinned(self, ifindex: t.Optional[int] = None) -> t.Dict[str, int]:
        """Return the ids of the maps that are pinned for an interface, without one for the host, by their names there."""
        return _pins.pinned(_folder(ifindex))

    def pin(self, ifindex: t.Optional[int], maps: t.Mapping[str, Map]) -> None:
        """Have exactly these maps pinned there, findable for others; they outlive the program. Raises FastpathError."""
        device = None if ifindex is None else device_mark(ifindex)
        _pins.pin_maps(_folder(ifindex), {name: opened.fd for name, opened in maps.items()}, device or "")

    def pinned_interfaces(self) -> t.List[int]:
        """Return the numbers of the interfaces for which anything is pinned."""
        return _pins.interface_folders()

    def is_left_over(self, ifindex: int) -> bool:
        """Whether what is pinned for an interface was made for one that is no more; another one may have its number now."""
        mark = device_mark(ifindex)
        return mark is None or _pins.made_for(_folder(ifindex)) not in ("", mark)

    def is_pinned(self, ifindex: t.Optional[int] = None) -> bool:
        """Whether anything of an interface is pinned; without one, anything at all."""
        return os.path.isdir(_folder(ifindex))

    def forget(self, ifindex: t.Optional[int] = None) -> None:
        """Remove the pins of an interface; without one every pin, the lists included."""
        _pins.remove(_folder(ifindex))

    def way_to(self, address: str, source: t.Optional[str] = None) -> t.Optional[str]:
        """Return the interface that packets from one of our addresses to another one leave by; V(none) where there is no way."""
        from ansible_collections.vos.fastpath.plugins.module_utils._way_back import way_to

        ifindex = way_to(address, source)
        return None if ifindex is None else socket.if_indextoname(ifindex)

    def dead_man(self, seconds: int, undo: t.Any, programs: t.Collection[int]) -> t.ContextManager[str]:
        """Make a change to these programs within, which is undone in so many seconds unless it is confirmed."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _dead_man, _netlink

        _netlink.prepare()  # the files of the module are gone by then
        return _dead_man.dead_man(seconds, undo, programs)

    def unconfirmed(self) -> t.Optional[str]:
        """Return the token of the change that may still be undone."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _dead_man

        return _dead_man.waiting()

    def confirm(self, token: str) -> t.Optional[str]:
        """Confirm a change. Returns V(none) if it stays, else what became of it, in words."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _dead_man

        return _dead_man.confirm(token)

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
