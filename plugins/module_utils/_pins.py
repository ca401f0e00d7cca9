# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the maps are pinned, so that other programs find them and they outlive the one that made them.

C(/sys/fs/bpf/vos_fastpath/MAP) for the maps that all interfaces share, C(…/if<ifindex>/MAP) for those of one
interface (by number, because a name can change, and bpffs takes no dots).
"""

from __future__ import annotations

import errno
import os
import shutil
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS, MAPS, MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import create_map, get_pinned, pin
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map

__all__ = ("BPFFS", "check_shape", "host_path", "interface_path", "mounted", "open_pinned", "pin_map", "require_host_maps")

BPFFS = "/sys/fs/bpf"
_FOLDER = "vos_fastpath"
_MAGIC = "bpf"


def host_path(name: str = "") -> str:
    """Return where a map of the host is pinned; the folder without a name."""
    return os.path.join(BPFFS, _FOLDER, name).rstrip("/")


def interface_path(ifindex: int, name: str = "") -> str:
    """Return where a map of an interface is pinned; the folder without a name."""
    return os.path.join(BPFFS, _FOLDER, "if%d" % ifindex, name).rstrip("/")


def mounted() -> bool:
    """Whether a BPF filesystem is where pins go, and not hidden below another mount (as in C(ip netns exec))."""
    number = os.stat(BPFFS).st_dev
    device = "%d:%d" % (os.major(number), os.minor(number))
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        fields = (line.split() for line in stream)
        return any(field[2] == device and field[field.index("-") + 1] == _MAGIC for field in fields)


def open_pinned(path: str) -> t.Optional[Map]:
    """Open a pinned map, V(none) where there is none."""
    try:
        return Map(get_pinned(path))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise _refused(path, error) from error


def check_shape(path: str, shape: MapShape) -> None:
    """Compare with what this version defines. Raises FastpathError where a map there has another shape."""
    expected = MAPS[os.path.basename(path)]
    if shape != expected:
        raise FastpathError(
            path,
            "it was made by another version (%s, this version has %s)" % (_words(shape), _words(expected)),
            "Remove the filter with state=absent and keep_lists=false, then attach it again",
        )


def pin_map(fd: int, path: str) -> None:
    """Pin a map, in place of what may be pinned there; at no moment is nothing pinned."""
    folder, name = os.path.split(path)
    fresh = os.path.join(folder, "new_" + name)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.path.lexists(fresh):
            os.unlink(fresh)
        pin(fd, fresh)
        os.rename(fresh, path)
    except OSError as error:
        raise _refused(path, error) from error


def require_host_maps() -> t.List[str]:
    """Make and pin the maps of the host that are not there. Returns the names of those it made."""
    if not mounted():
        mount()
    made = []
    for shape in HOST_MAPS:
        found = open_pinned(host_path(shape.name))
        if found is None:
            fd = create_map(shape)
            pin_map(fd, host_path(shape.name))
            os.close(fd)
            made.append(shape.name)
            continue
        with found:
            check_shape(host_path(shape.name), found.shape)
    return made


def mount() -> None:
    """Mount the BPF filesystem. Raises FastpathError."""
    code = os.spawnlp(os.P_WAIT, "mount", "mount", "-t", _MAGIC, _MAGIC, BPFFS)
    if code:
        raise FastpathError(BPFFS, "no BPF filesystem is mounted, and mount failed with %d" % code, "Mount it: mount -t bpf bpf %s" % BPFFS)


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
    return FastpathError(path, reason_of(error), "Run as root, with a BPF filesystem mounted at %s" % BPFFS)
