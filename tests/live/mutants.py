# SPDX-License-Identifier: GPL-3.0-or-later

"""OPTIONS as a scanner could write it: start lines that are wrong in ways that some server does not mind, and unusual
ways for a datagram to arrive."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ansible_collections.vos.fastpath.tests.live.packets import (
    DESTINATION,
    FRAGMENT,
    HOP_BY_HOP,
    IPV4,
    IPV6,
    datagram,
    ethernet,
    extended,
    headers,
    ipv4,
    ipv6,
)

V4, V6 = "198.51.100.66", "2001:db8:66::66"
BLANKS = b"\r\n \t\0"


@dataclass
class Message:
    """A request in pieces, each of which can be bent."""

    source: str
    call: str
    lead: bytes = b""
    method: bytes = b"OPTIONS"
    gap: bytes = b" "
    uri: bytes = b"sip:box@example.com"
    second_gap: bytes = b" "
    version: bytes = b"SIP/2.0"
    end: bytes = b"\r\n"
    noise: list[tuple[int, bytes]] = field(default_factory=list)
    stun: bool = False

    def payload(self) -> bytes:
        """The datagram."""
        line = bytearray(self.method + self.gap + self.uri + self.second_gap + self.version + self.end)
        for place, byte in self.noise:
            line[place:place] = byte
        text = self.lead + bytes(line) + headers(self.source, self.call)
        return in_stun(text) if self.stun else text


@dataclass(frozen=True)
class Mutant:
    """Frames that carry one message, and in which ways it was bent."""

    call: str
    kinds: tuple[str, ...]
    payload: bytes
    frames: tuple[bytes, ...]

    def __str__(self) -> str:
        return f"{self.call} ({', '.join(self.kinds)}): {self.payload[:200]!r} in {[frame.hex() for frame in self.frames]}"


def in_stun(text: bytes) -> bytes:
    """A Binding request whose only attribute holds a text, RFC 8489, 5."""
    text += b"\r\n" * 3
    text = text[: len(text) // 4 * 4]
    attribute = struct.pack("!HH", 0x8022, len(text)) + text  # SOFTWARE
    return struct.pack("!HHI12s", 1, len(attribute), 0x2112A442, b"transaction!") + attribute


def _blanks(choice: random.Random, least: int, most: int) -> bytes:
    return bytes(choice.choices(BLANKS, k=choice.randint(least, most)))


def _few_blanks(message: Message, choice: random.Random) -> None:
    message.lead = _blanks(choice, 1, 64)


def _many_blanks(message: Message, choice: random.Random) -> None:
    message.lead = _blanks(choice, 65, 500)


def _crlfs(message: Message, choice: random.Random) -> None:
    message.lead = b"\r\n" * choice.randint(1, 32)


def _many_crlfs(message: Message, choice: random.Random) -> None:
    message.lead = b"\r\n" * choice.randint(33, 250)


def _case(message: Message, choice: random.Random) -> None:
    message.method = bytes(byte ^ choice.choice((0, 32)) for byte in message.method)


def _gap(message: Message, choice: random.Random) -> None:
    message.gap = choice.choice((b"\t", b"  ", b" \t", b"\0 ", b" \0", b"\r\n ", b"\n\t", b", ", b",", b"\0", b"\v", b"\xa0", b"\x1f", b"/", b";", b"", b": "))


def _second_gap(message: Message, choice: random.Random) -> None:
    message.second_gap = choice.choice((b"\t", b"  ", b"\r\n ", b"\0 ", b" \0", b"", b"   \t"))


def _comma(message: Message, choice: random.Random) -> None:
    message.method += choice.choice((b",", b";", b"=", b"?", b":", b"\"", b"(", b"<", b"[", b"@", b"\\", b"&", b"$", b"#", b"\x7f", b"\x80"))


def _another_method(message: Message, choice: random.Random) -> None:
    message.method = choice.choice((b"OPTION", b"OPTIONSS", b"OPTIONS.", b"OPTI%4fNS", b"XOPTIONS", b"INVITE,OPTIONS", b"OPTIONS\r", b"-OPTIONS"))


def _version(message: Message, choice: random.Random) -> None:
    versions = (b"sip/2.0", b"SIP/2.00", b"SIP/7.0", b"SIP/2", b"HTTP/1.1", b"SIP/2.0 ", b"SIP/ 2.0", b"Sip/2.0;x", b"", b"SIP/2.0\0", b"X")
    message.version = choice.choice(versions)


def _uri(message: Message, choice: random.Random) -> None:
    wild = bytes(choice.randrange(1, 256) for _each in range(choice.randint(1, 20)))
    message.uri = choice.choice((b"sip:", b"*", b"", b"tel:+1", b"sip:" + b"a" * 400, b"sip:a b@c", b"sip:%00@box", b"sip:nm", wild))


def _line_end(message: Message, choice: random.Random) -> None:
    message.end = choice.choice((b"\n", b"\r", b"\r\r\n", b"\n\n", b"\r\n ", b" \r\n", b"\0\r\n", b"\r\n\t\r\n"))


def _noise(message: Message, choice: random.Random) -> None:
    message.noise += [(choice.randrange(12), bytes((choice.randrange(256),))) for _each in range(choice.randint(1, 3))]


def _stun(message: Message, _choice: random.Random) -> None:
    message.stun = True


BENDS: dict[str, Callable[[Message, random.Random], None]] = {
    "few blanks": _few_blanks,
    "many blanks": _many_blanks,
    "CRLFs": _crlfs,
    "many CRLFs": _many_crlfs,
    "case": _case,
    "gap": _gap,
    "second gap": _second_gap,
    "comma": _comma,
    "another method": _another_method,
    "version": _version,
    "URI": _uri,
    "line end": _line_end,
    "noise": _noise,
    "STUN": _stun,
}


def _plain(source: str, body: bytes, _choice: random.Random, _number: int) -> list[bytes]:
    return [_frame(source, body)]


def _tagged(source: str, body: bytes, choice: random.Random, _number: int) -> list[bytes]:
    """Tags of priority, VLAN 0: the untagged interface gets what is in them."""
    return [_frame(source, body, tags=(0,) * choice.randint(1, 8))]


def _options(source: str, body: bytes, choice: random.Random, _number: int) -> list[bytes]:
    """IPv4 options that do nothing; destination options, as many as there may be and more."""
    if ":" in source:
        packet, first = extended(body, (DESTINATION,) * choice.randint(1, 12))
        return [ethernet(ipv6(source, packet, first), IPV6)]
    return [ethernet(ipv4(source, body, options=b"\x01\x01\x01\x00" * choice.randint(1, 10)), IPV4)]


def _atomic(source: str, body: bytes, choice: random.Random, number: int) -> list[bytes]:
    """A fragment that is all there is, RFC 6946; IPv4 has none."""
    if ":" not in source:
        return [_frame(source, body)]
    packet, first = extended(body, choice.choice(((FRAGMENT,), (HOP_BY_HOP, FRAGMENT), (FRAGMENT, DESTINATION))), number)
    return [ethernet(ipv6(source, packet, first), IPV6)]


def _fragments(source: str, body: bytes, choice: random.Random, number: int) -> list[bytes]:
    """In pieces, the first one often too short to show what it is, in any order."""
    cuts = sorted({8 * choice.choice((1, 2, 3, 4, 9, 20)), 8 * choice.randrange(1, len(body) // 8)})
    pieces = list(zip([0, *cuts], [*cuts, len(body)], strict=True))
    frames = [_fragment(source, body[start:end], start, end < len(body), number) for start, end in pieces if start < end]
    if choice.random() < 0.3:
        choice.shuffle(frames)
    return frames


def _padded(source: str, body: bytes, choice: random.Random, _number: int) -> list[bytes]:
    """Bytes behind the IP packet, as in frames of the least size."""
    return [_frame(source, body) + bytes(choice.randint(1, 40))]


def _short_length(source: str, body: bytes, choice: random.Random, _number: int) -> list[bytes]:
    """A UDP length below the IP payload, or 0 in IPv6: Linux takes both."""
    if ":" in source and choice.random() < 0.5:
        return [_frame(source, datagram(source, body[8:], length=0))]
    return [_frame(source, datagram(source, body[8:] + bytes(choice.randint(1, 40)), length=len(body)))]


CARRIERS: dict[str, Callable[[str, bytes, random.Random, int], list[bytes]]] = {
    "tags": _tagged,
    "options": _options,
    "atomic fragment": _atomic,
    "fragments": _fragments,
    "padding": _padded,
    "UDP length": _short_length,
}


def mutants(seed: int, count: int) -> Iterator[Mutant]:
    """So many, the same for the same seed."""
    choice = random.Random(seed)
    for number in range(1, count + 1):
        source = choice.choice((V4, V6))
        message = Message(source, f"mutant-{number}")
        names = choice.sample(sorted(BENDS), choice.choice((0, 1, 1, 1, 2, 2, 3)))
        for name in names:
            BENDS[name](message, choice)
        carrier = choice.choice(sorted(CARRIERS)) if not names or choice.random() < 0.4 else "plain"
        payload = message.payload()
        frames = CARRIERS.get(carrier, _plain)(source, datagram(source, payload), choice, number)
        kinds = (*names, carrier, "IPv6" if ":" in source else "IPv4")
        yield Mutant(message.call, kinds, payload, tuple(frames))


def _frame(source: str, body: bytes, tags: tuple[int, ...] = ()) -> bytes:
    return ethernet(ipv6(source, body), IPV6, tags) if ":" in source else ethernet(ipv4(source, body), IPV4, tags)


def _fragment(source: str, piece: bytes, offset: int, more: bool, number: int) -> bytes:
    if ":" not in source:
        return ethernet(ipv4(source, piece, offset=offset, more=more, number=number % 0x10000), IPV4)
    header = struct.pack("!BBHI", 17, 0, offset | more, number)
    return ethernet(ipv6(source, header + piece, FRAGMENT), IPV6)
