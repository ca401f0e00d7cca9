# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses that nobody wants to block: where the connection to this host comes from, and the gateway that all else comes through."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import MAPPED, parse_prefix

__all__ = ("controller_address", "default_gateways", "own_address")

_GENERATIONS = 32
_NOWHERE = "0" * 32


def controller_address(proc: str = "/proc") -> t.Optional[str]:
    """Return the other end of the ssh connection that this process belongs to; V(none) without one."""
    return _address(_connection(proc), 0)


def own_address(proc: str = "/proc") -> t.Optional[str]:
    """Return this end of it."""
    return _address(_connection(proc), 2)


def _connection(proc: str) -> t.List[str]:
    """Return the words of C(SSH_CONNECTION) (sshd(8)): address and port of either end. sudo drops it, so the parents are asked."""
    pid = os.getpid()
    for _generation in range(_GENERATIONS):
        try:
            with open(os.path.join(proc, str(pid), "environ"), "rb") as stream:
                variables = stream.read().split(b"\0")
            with open(os.path.join(proc, str(pid), "stat"), "rb") as stream:
                parent = int(stream.read().rpartition(b")")[2].split()[1])
        except OSError:
            return []
        for variable in variables:
            if variable.startswith(b"SSH_CONNECTION="):
                return variable.partition(b"=")[2].decode("ascii", "replace").split(" ")
        if not parent:
            return []
        pid = parent
    return []


def _address(words: t.Sequence[str], place: int) -> t.Optional[str]:
    """Return a word without its zone, and IPv4 as it is on the wire; V(none) where it is no address, as sshd(8) on a pipe has it."""
    text = "".join(words[place: place + 1]).partition("%")[0]
    with contextlib.suppress(OSError, ValueError):
        packed = socket.inet_pton(socket.AF_INET6, text)
        if packed.startswith(MAPPED):
            return socket.inet_ntop(socket.AF_INET, packed[12:])
    try:
        return str(parse_prefix(text))
    except FastpathError:
        return None


def default_gateways(proc: str = "/proc") -> t.List[str]:
    """Return the gateways of the default routes (proc_net(5))."""
    found = []
    for fields in _table(os.path.join(proc, "net", "route")):
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" and fields[2] != "00000000":
            found.append(socket.inet_ntop(socket.AF_INET, struct.pack("=I", int(fields[2], 16))))
    for fields in _table(os.path.join(proc, "net", "ipv6_route")):
        if len(fields) > 4 and fields[0] == _NOWHERE and fields[1] == "00" and fields[4] != _NOWHERE:
            found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[4])))
    return list(dict.fromkeys(found))


def _table(path: str) -> t.List[t.List[str]]:
    try:
        with open(path, encoding="ascii") as stream:
            return [line.split() for line in stream]
    except OSError:  # a kernel without IPv6
        return []
