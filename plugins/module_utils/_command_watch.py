# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath watch): a device that is made anew has no filter; this is told by rtnetlink, and restores it.

Not all hosts have udev, and with it systemd's device units: containers don't.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._command_change import loud, said
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, LONG_PATIENCE, locked
from ansible_collections.vos.fastpath.plugins.module_utils._restore import bring_back

__all__ = ("open_socket", "watch_command")

_LINK_GROUP = 1  # RTMGRP_LINK
_NEWLINK = 16
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ATTRIBUTE = struct.Struct("=HH")
_NAME = 3  # IFLA_IFNAME
_SIZE = 65536


def open_socket() -> socket.socket:
    """Return a socket on which the kernel tells of links that come, change and go."""
    found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    found.bind((0, _LINK_GROUP))
    return found


def watch_command(call: Call) -> Answer:
    """Restore once, then whatever comes, until it is stopped."""
    return Answer({}, _watched(call, open_socket()))


def _watched(call: Call, links: socket.socket) -> t.Iterator[str]:
    with links:
        known: t.Dict[str, int] = {}
        while True:
            with contextlib.suppress(FastpathError):  # an interface goes while it is looked at
                known = {name: call.kernel.interface(name).ifindex for name in call.kernel.interfaces()}
            yield from _restored(call, None)
            with contextlib.suppress(_Lost):
                while True:
                    for name in _new(_received(links), known):
                        yield from _restored(call, name)


class _Lost(Exception):
    """More came than there was room for: look at everything."""


def _received(links: socket.socket) -> bytes:
    try:
        return links.recv(_SIZE)
    except OSError as error:
        if error.errno == errno.ENOBUFS:
            raise _Lost from error
        raise


def _new(data: bytes, known: t.Dict[str, int]) -> t.List[str]:
    """Return the names of links that are not those that were known by them, and know them."""
    found = [name for name, ifindex in _links(data) if known.get(name) != ifindex]
    known.update(_links(data))
    return found


def _links(data: bytes) -> t.Iterator[t.Tuple[str, int]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind = _HEADER.unpack_from(data, at)[:2]
        if kind == _NEWLINK:
            ifindex = _LINK.unpack_from(data, at + _HEADER.size)[2]
            name = _name(data[at + _HEADER.size + _LINK.size: at + length])
            if name:
                yield name, ifindex
        at += max(_HEADER.size, (length + 3) & ~3)


def _name(attributes: bytes) -> str:
    at = 0
    while at + _ATTRIBUTE.size <= len(attributes):
        length, kind = _ATTRIBUTE.unpack_from(attributes, at)
        if kind == _NAME:
            return attributes[at + _ATTRIBUTE.size: at + length].rstrip(b"\0").decode("utf-8", "replace")
        at += max(_ATTRIBUTE.size, (length + 3) & ~3)
    return ""


def _restored(call: Call, name: t.Optional[str]) -> t.Iterator[str]:
    """Restore an interface that came, or all; says what was done. What fails is for verify, a minute later."""
    try:
        if name is not None and name not in call.saved.interfaces():
            return
        with locked(LOCK, LONG_PATIENCE):
            # The lists outlive a device, and of a million entries comparing takes longer than a device may be without a filter.
            report = bring_back(call.kernel, call.saved, None if name is None else [name], lists=name is None)
    except (FastpathError, OSError) as error:
        yield loud(3, "NOT restored: %s" % error)
        return
    if report.repaired or report.left:
        yield from said(report, "restored")
