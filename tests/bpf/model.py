# SPDX-License-Identifier: GPL-3.0-or-later

"""What the program has to decide, said a second time: the table of docs/verdicts.md, row by row.

It was written from the table, never from the C, and shares no idea of how to do it fast. Where the two disagree, one of
them has misread the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REGISTERED = frozenset(
    b"ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)
VLAN_TYPES = (b"\x81\x00", b"\x88\xa8")
EXTENSIONS = (0, 43, 44, 60)
UDP = 17

BLANKS = b"\r\n \t\0"
TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~"
STATUS_LINE = re.compile(rb"SIP/[0-9]\.[0-9] [0-9]{3}", re.IGNORECASE)
VERSION_AT_END = re.compile(rb" SIP/[0-9]+\.[0-9]+\Z", re.IGNORECASE)
LINE_END = re.compile(rb"[\r\n]")
VIA_LINE = re.compile(rb"[\r\n](via|v)[ \t:]", re.IGNORECASE)

DROPS = frozenset(
    "vlan_depth ext_depth blocklist udp_len tiny_fragment leading_blanks status_line stealth malformed_method"
    " malformed_start_line rate_limit".split()
)
UNCOUNTED = frozenset("short not_ip ip_invalid fragment not_udp other_port".split())


class Entry(NamedTuple):
    """Until when a source is on which list: None for never on it, infinity for ever."""

    allow_until: float | None = None
    block_until: float | None = None


@dataclass(frozen=True)
class Settings:
    """All choices there are."""

    ports: tuple[int, ...] = (5060,)
    stealth: frozenset[bytes] = frozenset((b"OPTIONS",))
    """Methods in upper case; C(other) stands for all that are not registered."""
    malformed: str = "untrusted"
    audit: bool = False
    sockets: frozenset[int] = frozenset()
    """Receive queues with an AF_XDP socket."""
    rate: int = 0
    burst: int = 0
    lists: Mapping[Network, Entry] = field(default_factory=dict)


class Outcome(NamedTuple):
    """What happens to a packet."""

    action: str
    """pass, drop or redirect"""
    reason: str
    counted: str | None
    """reasons, would_drop, or nothing"""
    method: str | None = None
    """the method that is counted, as user space calls it"""


class Datagram(NamedTuple):
    """A UDP datagram to a SIP port, or as much of it as a first fragment has."""

    source: Address
    header: bytes
    room: int
    """bytes of the IP payload from the UDP header on"""
    payload: bytes
    first_fragment: bool
    tagged: bool


class Decided(Exception):
    """A row of the table was right."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Model:
    """The table for one set of choices. It remembers token buckets, nothing else."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._tokens: dict[object, tuple[float, float]] = {}
        self._method: str | None = None

    def judge(self, frame: bytes, now: float = 0.0, queue: int = 0) -> Outcome:
        """Return what happens to a frame that comes in on a queue at a time (in seconds)."""
        self._method = None
        try:
            reason = self._rows(frame, now, queue)
        except Decided as decided:
            reason = decided.reason
        if reason in UNCOUNTED:
            return Outcome("pass", reason, None)
        if reason in DROPS:
            if self.settings.audit:
                return Outcome("pass", reason, "would_drop", self._method)
            return Outcome("drop", reason, "reasons", self._method)
        return Outcome("redirect" if reason == "redirect" else "pass", reason, "reasons", self._method)

    def _rows(self, frame: bytes, now: float, queue: int) -> str:
        datagram = self._rows_1_to_7(frame)
        lists = self.lists_of(datagram.source, now)
        if "block" in lists:
            raise Decided("blocklist")
        trusted = "allow" in lists
        enforced = self.settings.malformed == "all" or (self.settings.malformed == "untrusted" and not trusted)
        payload = self._row_9(datagram)
        self._rows_10_to_12(payload, datagram.first_fragment)
        message = payload.lstrip(BLANKS)
        self._row_13(message, datagram.first_fragment, enforced)
        self._rows_14_to_18(payload, message, datagram.first_fragment, trusted, enforced)
        if self.settings.rate and not trusted and not self._has_token(datagram.source, now):
            raise Decided("rate_limit")
        whole = not datagram.first_fragment and not datagram.tagged
        return "redirect" if whole and queue in self.settings.sockets else "request"

    def _rows_1_to_7(self, frame: bytes) -> Datagram:
        ethertype, at = frame[12:14], 14
        if at > len(frame):
            raise Decided("short")
        tags = 0
        while ethertype in VLAN_TYPES:
            tags += 1
            if tags > 4:
                raise Decided("vlan_depth")
            if at + 4 > len(frame):
                raise Decided("short")
            ethertype, at = frame[at + 2 : at + 4], at + 4
        packet = frame[at:]
        if ethertype == b"\x08\x00":
            source, protocol, carried, first = self._ipv4(packet)
        elif ethertype == b"\x86\xdd":
            source, protocol, carried, first = self._ipv6(packet)
        else:
            raise Decided("not_ip")
        if protocol != UDP:
            raise Decided("not_udp")
        if len(carried) < 8:
            raise Decided("short")
        if int.from_bytes(carried[2:4]) not in self.settings.ports:
            raise Decided("other_port")
        return Datagram(source, carried[:8], len(carried), carried[8:], first, tags > 0)

    @staticmethod
    def _ipv4(packet: bytes) -> tuple[Address, int, bytes, bool]:
        if len(packet) < 20:
            raise Decided("short")
        words, total = packet[0] & 15, int.from_bytes(packet[2:4])
        if packet[0] >> 4 != 4 or words < 5 or total < 4 * words or total > len(packet):
            raise Decided("ip_invalid")
        fragment = int.from_bytes(packet[6:8])
        if fragment & 0x1FFF:
            raise Decided("fragment")
        return IPv4Address(packet[12:16]), packet[9], packet[4 * words : total], bool(fragment & 0x2000)

    @staticmethod
    def _ipv6(packet: bytes) -> tuple[Address, int, bytes, bool]:
        if len(packet) < 40:
            raise Decided("short")
        length, following = int.from_bytes(packet[4:6]), packet[6]
        if packet[0] >> 4 != 6:
            raise Decided("ip_invalid")
        if not length and following == 0:
            length = len(packet) - 40
        if length > len(packet) - 40:
            raise Decided("ip_invalid")
        carried, first, headers = packet[40 : 40 + length], False, 0
        while following in EXTENSIONS:
            headers += 1
            if headers > 8:
                raise Decided("ext_depth")
            if len(carried) < 8:
                raise Decided("ip_invalid")
            size = 8
            if following == 44:
                place = int.from_bytes(carried[2:4])
                if place >> 3:
                    raise Decided("fragment")
                first = first or bool(place & 1)
            else:
                size = 8 * (carried[1] + 1)
            following, carried = carried[0], carried[size:]
        return IPv6Address(packet[8:24]), following, carried, first

    def lists_of(self, source: Address, now: float) -> frozenset[str]:
        """The lists a source is on: those of the longest prefix that is not expired."""
        expired = 0
        for network in sorted(self.settings.lists, key=lambda network: -network.prefixlen):
            if network.version != source.version or source not in network:
                continue
            entry = self.settings.lists[network]
            until = {"allow": entry.allow_until, "block": entry.block_until}
            live = frozenset(name for name, end in until.items() if end is not None and now < end)
            if live:
                return live
            expired += network.prefixlen < source.max_prefixlen
            if expired == 4:
                break
        return frozenset()

    @staticmethod
    def _row_9(datagram: Datagram) -> bytes:
        length = int.from_bytes(datagram.header[4:6])
        if length < 8 or (length > datagram.room and not datagram.first_fragment):
            raise Decided("udp_len")
        return datagram.payload[: length - 8]

    @staticmethod
    def _rows_10_to_12(payload: bytes, cut: bool) -> None:
        if not cut and is_stun(payload):
            raise Decided("stun")
        blanks = len(payload) - len(payload.lstrip(BLANKS))
        if blanks > 64:
            raise Decided("leading_blanks")
        if blanks == len(payload):
            raise Decided("tiny_fragment" if cut else "keepalive")

    @staticmethod
    def _row_13(message: bytes, cut: bool, enforced: bool) -> None:
        if message[:4].upper() != b"SIP/":
            return
        pattern = b"SIP/2.0 200"
        whole = message + pattern[len(message) :] if cut else message
        raise Decided("response" if STATUS_LINE.match(whole) or not enforced else "status_line")

    def _rows_14_to_18(self, payload: bytes, message: bytes, cut: bool, trusted: bool, enforced: bool) -> None:
        token = message[: len(message) - len(message.lstrip(TOKEN))]
        behind = message[len(token) : len(token) + 1]
        overlong = len(token) > 128
        if overlong or (token and behind):
            method = token.upper() if token.upper() in REGISTERED else b"other"
            self._method = method.decode()
            if method in self.settings.stealth and not trusted:
                raise Decided("stealth")
        if len(payload) < 20:
            raise Decided("tiny_fragment" if cut else "short_payload")
        if cut and not overlong and not behind:
            raise Decided("tiny_fragment")
        if not token or overlong or behind not in (b" ", b"\t"):
            if enforced:
                raise Decided("malformed_method")
            return
        line = LINE_END.split(message, maxsplit=1)
        if len(line) < 2 and cut:
            raise Decided("line_cut")
        if enforced and (len(line) < 2 or not VERSION_AT_END.search(line[0])):
            raise Decided("malformed_start_line")

    def _has_token(self, source: Address, now: float) -> bool:
        who: object = source if source.version == 4 else int(source) >> 64
        level, filled = self._tokens.get(who, (float(self.settings.burst), now))
        level = min(self.settings.burst, level + (now - filled) * self.settings.rate)
        taken = level >= 1
        self._tokens[who] = (level - taken, now)
        return taken


def is_stun(payload: bytes) -> bool:
    """Row 10."""
    size = len(payload)
    if size < 20 or payload[0] & 0xC0 or int.from_bytes(payload[0:2]) & 0x3EEF != 1:
        return False
    if payload[4:8] != b"\x21\x12\xa4\x42" or int.from_bytes(payload[2:4]) != size - 20 or size % 4:
        return False
    return size == 20 or not VIA_LINE.search(payload)


def network(text: str) -> Network:
    """A prefix, or a single address, as a key of C(Settings.lists)."""
    address = ip_address(text.partition("/")[0])
    length = text.partition("/")[2] or address.max_prefixlen
    return IPv4Network(f"{address}/{length}") if address.version == 4 else IPv6Network(f"{address}/{length}")
