# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to the kernel over netlink, in plain sockets: reading needs no pyroute2, whose import takes a fifth of a second."""

from __future__ import annotations

import os
import socket
import struct
import sys
import typing as t

__all__ = ("GENERIC", "ROUTE", "ask", "attribute", "attributes", "number")

ROUTE, GENERIC = 0, 16
"""C(NETLINK_ROUTE), C(NETLINK_GENERIC)."""

_REQUEST, _ACK = 0x1, 0x4
_ERROR = 2  # NLMSG_ERROR; with errno 0 it is the acknowledgement
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_BUFFER = 1 << 18  # one device with many virtual functions fills more than a page


def ask(protocol: int, kind: int, payload: bytes) -> bytes:
    """Send one request and return the payload of its answer. Raises C(OSError)."""
    message = _HEADER.pack(_HEADER.size + len(payload), kind, _REQUEST | _ACK, 1, 0) + payload
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as opened:
        opened.send(message)
        answer = b""
        while True:
            for answered, body in _messages(opened.recv(_BUFFER)):
                if answered != _ERROR:
                    answer = body
                    continue
                code = -struct.unpack_from("=i", body)[0]
                if code:
                    raise OSError(code, os.strerror(code))
                return answer


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, padded."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def attributes(raw: bytes) -> t.Dict[int, bytes]:
    """Return attributes by their type."""
    found, offset = {}, 0
    while offset + _ATTRIBUTE.size <= len(raw):
        size, kind = _ATTRIBUTE.unpack_from(raw, offset)
        found[kind & _TYPE_MASK] = raw[offset + _ATTRIBUTE.size: offset + size]
        offset += max(size + -size % 4, _ATTRIBUTE.size)
    return found


def number(raw: t.Optional[bytes]) -> t.Optional[int]:
    """Return an unsigned number of the machine's byte order, of any size; V(none) for none."""
    return None if raw is None else int.from_bytes(raw, sys.byteorder)


def _messages(raw: bytes) -> t.Iterator[t.Tuple[int, bytes]]:
    offset = 0
    while offset < len(raw):
        size, kind = _HEADER.unpack_from(raw, offset)[:2]
        yield kind, raw[offset + _HEADER.size: offset + size]
        offset += size + -size % 4
