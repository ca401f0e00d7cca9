# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is attached to an interface, as rtnetlink tells (C(IFLA_XDP)): for reading, no library is needed."""

from __future__ import annotations

import errno
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._asking import ROUTE, ask, attributes, number

__all__ = ("Attached", "query_xdp")

_GET_LINK, _XDP = 18, 43  # RTM_GETLINK, IFLA_XDP
_IFINFO = struct.Struct("=BxHiII")
_ATTACHED = 2  # IFLA_XDP_ATTACHED
_PROGRAMS = (4, 5, 7, 6)  # IFLA_XDP_PROG_ID, and of V(multiple) those for DRV, HW, SKB
_MODES = {1: "native", 2: "generic", 3: "offload", 4: "multiple"}  # XDP_ATTACHED_*, linux/if_link.h


class Attached(t.NamedTuple):
    """What the kernel says is attached to an interface."""

    mode: str
    """V(native), V(generic), V(offload) or V(multiple)."""
    prog_id: int
    """Of V(multiple), the native program's (or the offloaded one's)."""


def query_xdp(ifindex: int) -> t.Optional[Attached]:
    """Return what is attached to the interface, V(none) where nothing is, nor the interface. Raises C(OSError)."""
    try:
        answer = ask(ROUTE, _GET_LINK, _IFINFO.pack(0, 0, ifindex, 0, 0))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise
    found = attributes(attributes(answer[_IFINFO.size:]).get(_XDP, b""))
    mode = number(found.get(_ATTACHED))
    if not mode:
        return None
    ids = (number(found.get(kind)) for kind in _PROGRAMS)
    return Attached(_MODES[mode], next(each for each in ids if each))
