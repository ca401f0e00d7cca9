# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the maps are pinned, so that other programs find them and they outlive the one that made them.

C(/sys/fs/bpf/vos_fastpath/MAP) for the maps that all interfaces share, C(…/if<ifindex>/MAP) for those of one
interface (by number, because a name can change, and bpffs takes no dots). A number can be given to another one later; a link
beside the maps that leads nowhere, C(device), says for which they were made.
"""

from __future__ import annotations

import errno
import os
import shutil
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS, MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import get_pinned, map_info, pin
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._paths import require_trusted

__all__ = (
    "BPFFS",
    "check_shape",
    "folder",
    "host_path",
    "interface_folders",
    "interface_path",
    "made_for",
    "mounted",
    "open_pinned",
    "pin_maps",
    "pinned",
    "remove",
)

BPFFS = "/sys/fs/bpf"
_FOLDER = "vos_fastpath"
_MAGIC = "bpf"
_HALF_MADE = "new_"
_DEVICE = "device"
_XSKMAP = MAPS["xsks_map"].type
_START_ANEW = "Remove the filter with state=absent and keep_lists=false, attach it again, and fill the lists again"


def host_path(name: str = "") -> str:
    """Return where a map of the host is pinned; the folder without a name."""
    return os.path.join(BPFFS, _FOLDER, name).rstrip("/")


def interface_path(ifindex: int, name: str = "") -> str:
    """Return where a map of an interface is pinned; the folder without a name."""
    return os.path.join(BPFFS, _FOLDER, "if%d" % ifindex, name).rstrip("/")


def folder(ifindex: t.Optional[int]) -> str:
    """Return the folder of an interface; without one, the host's."""
    return host_path() if ifindex is None else interface_path(ifindex)


def mounted() -> bool:
    """Whether a BPF filesystem is where pins go, and not hidden below another mount (as in C(ip netns exec))."""
    number = os.stat(BPFFS).st_dev
    device = "%d:%d" % (os.major(number), os.minor(number))
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        fields = (line.split() for line in stream)
        return any(field[2] == device and field[field.index("-") + 1] == _MAGIC for field in fields)


def open_pinned(path: str) -> t.Optional[Map]:
    """Open a pinned map, V(none) where there is none."""
    _require_roots(os.path.dirname(path))
    try:
        return Map(get_pinned(path))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise _refused(path, error) from error


def check_shape(path: str, shape: MapShape) -> None:
    """Raise FastpathError where what a map has can't be carried over to the shape that this version defines for it."""
    expected = MAPS[os.path.basename(path)]
    reason = _misfit(shape, expected)
    if reason:
        versions = "%s, this version has %s" % (_words(shape), _words(expected))
        raise FastpathError(path, "it was made by another version (%s), and %s" % (versions, reason), _START_ANEW)


def _misfit(shape: MapShape, expected: MapShape) -> str:
    if shape == expected:
        return ""
    if (shape.type, shape.key_size) != (expected.type, expected.key_size):
        return "its entries mean something else now"
    if shape.type == _XSKMAP:
        return "AF_XDP sockets can't be carried over"
    if shape.value_size > expected.value_size or shape.max_entries > expected.max_entries:
        return "it has more than fits"
    return ""


def pinned(folder: str) -> t.Dict[str, int]:
    """Return the ids of the maps that are pinned in a folder, by their names there; half-made pins too."""
    found = {}
    _require_roots(folder)
    for name in _ours_in(folder):
        path = os.path.join(folder, name)
        try:
            with Map(get_pinned(path)) as opened:
                found[name] = opened.info.id
        except OSError as error:
            raise _refused(path, error) from error
    return found


def made_for(folder: str) -> str:
    """Return for which device the pins in a folder were made; empty where nothing says so."""
    try:
        return os.readlink(os.path.join(folder, _DEVICE))
    except OSError:
        return ""


def pin_maps(folder: str, fds: t.Mapping[str, int], device: str = "") -> None:
    """Have exactly these maps pinned in a folder. A pin that is there gives way to the next; at no moment is nothing pinned."""
    if not mounted():
        mount()
    there = pinned(folder)
    missing = [name for name, fd in fds.items() if there.get(name) != map_info(fd).id]
    try:
        for each in (os.path.dirname(folder), folder):
            os.makedirs(each, mode=0o700, exist_ok=True)
        _require_roots(folder)  # nobody was faster
        if device and not made_for(folder):
            os.symlink(device, os.path.join(folder, _DEVICE))
        for name in _ours_in(folder):
            if name not in fds:
                os.unlink(os.path.join(folder, name))
        for name in missing:  # what can fail, before anything is replaced
            pin(fds[name], os.path.join(folder, _HALF_MADE + name))
        for name in missing:
            os.rename(os.path.join(folder, _HALF_MADE + name), os.path.join(folder, name))
    except OSError as error:
        raise _refused(folder, error) from error


def _ours_in(folder: str) -> t.List[str]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if name.replace(_HALF_MADE, "", 1) in MAPS)


def _require_roots(folder: str) -> None:
    """Refuse pins that somebody else could change; a BPF filesystem is open to all unless it is mounted otherwise."""
    require_trusted(folder, "See who made it, remove it (rm -r), and mount %s with mode=700" % BPFFS)


def interface_folders() -> t.List[int]:
    """Return the numbers of the interfaces for which there are pins."""
    try:
        names = os.listdir(host_path())
    except FileNotFoundError:
        return []
    return sorted(int(name[2:]) for name in names if name.startswith("if") and name[2:].isdigit())


def mount() -> None:
    """Mount the BPF filesystem. Raises FastpathError."""
    code = os.spawnlp(os.P_WAIT, "mount", "mount", "-t", _MAGIC, "-o", "mode=700", _MAGIC, BPFFS)
    if code:
        raise FastpathError(BPFFS, "no BPF filesystem is mounted, and mount failed with %d" % code, "Mount it: mount -t bpf -o mode=700 bpf %s" % BPFFS)


def remove(path: str) -> None:
    """Remove a folder of pins with all that is in it; nothing where there is none."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refused(path, error) from error


def _words(shape: MapShape) -> str:
    return "type %d, key %d, value %d, %d entries" % (shape.type, shape.key_size, shape.value_size, shape.max_entries)


def _refused(path: str, error: OSError) -> FastpathError:
    remedy = "Run as root, with a BPF filesystem mounted at %s" % BPFFS
    if error.errno == errno.EROFS:
        remedy = "Make it writable: mount -o remount,rw %s" % BPFFS
    return FastpathError(path, reason_of(error), remedy)
