# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames in layers, each a function from what it carries to bytes. Lengths are right unless a caller wants them wrong."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

OUTSIDE4, OUTSIDE6 = "198.51.100.7", "2001:db8:5::7"
INSIDE4, INSIDE6 = "192.0.2.1", "2001:db8::1"
SIP = 5060

UDP, TCP, HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NO_NEXT, DESTINATION = 17, 6, 0, 43, 44, 51, 59, 60
IPV4, IPV6, VLAN, SERVICE_VLAN = 0x0800, 0x86DD, 0x8100, 0x88A8


def ethernet(carried: bytes, ethertype: int = IPV4, tags: tuple[int, ...] = ()) -> bytes:
    """C(tags) are the ethertypes of VLAN tags, outermost first; each has VID 0 (a priority tag)."""
    types = (*tags, ethertype)
    return bytes.fromhex("020000000001020000000002") + b"\0\0".join(struct.pack("!H", kind) for kind in types) + carried


def ipv4(
    carried: bytes,
    *,
    source: str = OUTSIDE4,
    protocol: int = UDP,
    options: bytes = b"",
    offset: int = 0,
    more: bool = False,
    total: int | None = None,
    version: int = 4,
    words: int | None = None,
) -> bytes:
    words = 5 + len(options) // 4 if words is None else words
    total = 20 + len(options) + len(carried) if total is None else total
    header = struct.pack("!BBHHHBBH", version << 4 | words, 0, total, 7, more << 13 | offset, 64, protocol, 0)
    return header + IPv4Address(source).packed + IPv4Address(INSIDE4).packed + options + carried


def ipv6(carried: bytes, *, source: str = OUTSIDE6, following: int = UDP, length: int | None = None, version: int = 6) -> bytes:
    length = len(carried) if length is None else length
    header = struct.pack("!IHBB", version << 28, length, following, 64)
    return header + IPv6Address(source).packed + IPv6Address(INSIDE6).packed + carried


def extension(carried: bytes, *, following: int = UDP, units: int = 0) -> bytes:
    """A header of 8 * (units + 1) bytes of padding options."""
    return bytes((following, units, 1, 4)) + bytes(4 + 8 * units) + carried


def fragment(carried: bytes, *, following: int = UDP, offset: int = 0, more: bool = False) -> bytes:
    return struct.pack("!BBHI", following, 0, offset << 3 | more, 99) + carried


def chain(kinds: tuple[int, ...], carried: bytes, last: int = UDP) -> tuple[int, bytes]:
    """Extension headers of these kinds before what is carried: the number of the first one, and the bytes."""
    for kind in reversed(kinds):
        carried = fragment(carried, following=last) if kind == FRAGMENT else extension(carried, following=last)
        last = kind
    return last, carried


def udp(payload: bytes, *, port: int = SIP, length: int | None = None, source_port: int = 5062) -> bytes:
    length = 8 + len(payload) if length is None else length
    return struct.pack("!HHHH", source_port, port, length, 0) + payload


def sip4(payload: bytes, source: str = OUTSIDE4, port: int = SIP) -> bytes:
    """The plain case: untagged, IPv4, UDP."""
    return ethernet(ipv4(udp(payload, port=port), source=source))


def sip6(payload: bytes, source: str = OUTSIDE6, port: int = SIP) -> bytes:
    return ethernet(ipv6(udp(payload, port=port), source=source), IPV6)


def first_fragment4(payload: bytes, whole: int = 4000) -> bytes:
    """The first fragment of a datagram of C(whole) bytes."""
    return ethernet(ipv4(udp(payload, length=whole), more=True))


def first_fragment6(payload: bytes, whole: int = 4000) -> bytes:
    return ethernet(ipv6(fragment(udp(payload, length=whole), more=True), following=FRAGMENT), IPV6)


def request(method: bytes = b"INVITE", uri: bytes = b"sip:alice@example.com", version: bytes = b"SIP/2.0") -> bytes:
    return method + b" " + uri + b" " + version + b"\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\n\r\n"


def stun(kind: int = 0x0001, attributes: bytes = b"", *, length: int | None = None, cookie: int = 0x2112A442) -> bytes:
    length = len(attributes) if length is None else length
    return struct.pack("!HHI", kind, length, cookie) + bytes(range(12)) + attributes
