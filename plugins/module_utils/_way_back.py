# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface by which this host talks to the one that runs the play."""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._asking import ROUTE, ask, attribute, attributes, number

__all__ = ("way_to",)

Question = t.Callable[[int, int, bytes], bytes]

_GET_ROUTE = 26  # RTM_GETROUTE
_DESTINATION, _SOURCE, _OUT = 1, 2, 4  # RTA_DST, RTA_SRC, RTA_OIF
_ROUTE_MESSAGE = struct.Struct("=8BI")  # struct rtmsg, linux/rtnetlink.h


def way_to(address: str, source: t.Optional[str] = None, question: Question = ask) -> t.Optional[int]:
    """Return the number of the interface that packets to an address leave by; V(none) where there is no way.

    Where a host has several uplinks, rules often choose by the source, an address of this host.
    """
    try:
        answer = question(ROUTE, _GET_ROUTE, _request(address, source))
    except OSError:
        return way_to(address, None, question) if source else None
    return number(attributes(answer[_ROUTE_MESSAGE.size:]).get(_OUT))


def _request(address: str, source: t.Optional[str]) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    to, of = socket.inet_pton(family, address), socket.inet_pton(family, source) if source else b""
    request = _ROUTE_MESSAGE.pack(family, 8 * len(to), 8 * len(of), 0, 0, 0, 0, 0, 0) + attribute(_DESTINATION, to)
    return request + attribute(_SOURCE, of) if of else request
