# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames and SIP messages, byte by byte, so that a test can send what no socket would."""

from __future__ import annotations

import socket
import struct

BOX_MAC, FAR_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
BOX4, BOX6 = "192.0.2.1", "2001:db8::1"
SIP = 5060
UDP, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 17, 0, 43, 44, 60
IPV4, IPV6, VLAN = 0x0800, 0x86DD, 0x8100
PAD6 = bytes((1, 4, 0, 0, 0, 0))
"""The options of an extension header of 8 bytes: padding."""


def ethernet(packet: bytes, kind: int, tags: tuple[int, ...] = ()) -> bytes:
    """A frame to the box; tags are VLAN ids, the outer one first."""
    kinds = b"".join(struct.pack("!HH", VLAN, tag) for tag in tags)
    return BOX_MAC + FAR_MAC + kinds + struct.pack("!H", kind) + packet


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def datagram(source: str, payload: bytes, length: int | None = None, port: int = SIP) -> bytes:
    """A UDP header and its payload, with a length of its own if wanted; a checksum only where it has to be (IPv6)."""
    header = struct.pack("!HHH", SIP, port, 8 + len(payload) if length is None else length)
    if ":" not in source:
        return header + b"\0\0" + payload
    covered = payload[: (length or 8 + len(payload)) - 8]  # RFC 2675, 4: with a length of 0 it is all there is
    pseudo = packed(source) + packed(BOX6) + struct.pack("!II", 8 + len(covered), UDP)
    return header + struct.pack("!H", checksum(pseudo + header + b"\0\0" + covered) or 0xFFFF) + payload


def ipv4(source: str, body: bytes, *, offset: int = 0, more: bool = False, number: int = 0, options: bytes = b"") -> bytes:
    """An IPv4 packet to the box; options in whole words, the offset in bytes."""
    words = 5 + len(options) // 4
    flags = (0x2000 if more else 0) | offset // 8
    start = struct.pack("!BBHHHBB", 0x40 | words, 0, 4 * words + len(body), number, flags, 64, UDP)
    addresses = packed(source) + packed(BOX4) + options
    return start + struct.pack("!H", checksum(start + b"\0\0" + addresses)) + addresses + body


def ipv6(source: str, body: bytes, following: int = UDP) -> bytes:
    """An IPv6 packet to the box."""
    return struct.pack("!IHBB", 0x60000000, len(body), following, 64) + packed(source) + packed(BOX6) + body


def extended(body: bytes, kinds: tuple[int, ...], number: int = 0) -> tuple[bytes, int]:
    """Extension headers of 8 bytes before a datagram; returns them all, and the number of the first."""
    following = UDP
    for kind in reversed(kinds):
        rest = struct.pack("!xHI", 0, number) if kind == FRAGMENT else bytes((0,)) + (bytes(6) if kind == ROUTING else PAD6)
        body, following = bytes((following,)) + rest + body, kind
    return body, following


def udp(source: str, payload: bytes, tags: tuple[int, ...] = (), port: int = SIP) -> bytes:
    """A frame with a plain datagram, by the family of the source."""
    body = datagram(source, payload, port=port)
    return ethernet(ipv6(source, body), IPV6, tags) if ":" in source else ethernet(ipv4(source, body), IPV4, tags)


def packed(address: str) -> bytes:
    """An address in network byte order."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def headers(source: str, call: str, method: str = "OPTIONS") -> bytes:
    """What follows the start line: all that RFC 3261, 8.1.1 asks of a request."""
    host = f"[{source}]" if ":" in source else source
    return (
        f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{call}\r\nFrom: <sip:far@{host}>;tag=1\r\nTo: <sip:box@example.com>\r\n"
        f"Call-ID: {call}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def request(source: str, method: str = "OPTIONS", call: str = "1") -> bytes:
    """A lawful request."""
    return f"{method} sip:box@example.com SIP/2.0\r\n".encode() + headers(source, call, method)


def response(source: str, call: str = "1") -> bytes:
    """A lawful response."""
    return b"SIP/2.0 200 OK\r\n" + headers(source, call)
