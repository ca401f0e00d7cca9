# SPDX-License-Identifier: GPL-3.0-or-later

"""Random frames that are nearly right: every layer by its grammar, with each bound and its neighbours, then damaged."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import frames
from model import BLANKS, REGISTERED, TOKEN

METHODS = sorted(REGISTERED)
SOURCES4 = ("198.51.100.7", "198.51.100.200", "203.0.113.9", "192.0.2.77")
SOURCES6 = ("2001:db8:5::7", "2001:db8:5::8", "2001:db8:6::1", "fd00::1")
PREFIXES = (
    *SOURCES4, "198.51.100.0/24", "198.51.100.0/25", "198.51.0.0/16", "203.0.113.8/31", "0.0.0.0/0",
    *SOURCES6, "2001:db8:5::/64", "2001:db8:5::/48", "2001:db8::/32", "fd00::/127", "::/0",
)  # fmt: skip
PORTS = (5060, 5080)
LINE_ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"")
VERSIONS = (
    b"SIP/2.0", b"SIP/2.0", b"SIP/2.0", b"sip/2.0", b"SIP/7.0", b"SIP/10.25", b"SIP/2", b"SIP/.0", b"SIP/2.", b"SIP2.0",
    b"SIP/2.0 ", b"XSIP/2.0", b"SIP/2,0", b"SIP/2.0x", b"HTTP/1.1", b"SIP/1" + b"0" * 40 + b".7", b"SIP\x0f2.0", b"SIP/\x12.0",
    b"SIP/2.0" + b"0" * 40, b"",
)  # fmt: skip
SEPARATORS = (b" ",) * 12 + (b"\t", b"\t", b"  ", b"\0", b",", b"\r\n", b"\r\n ", b"@", b"\xa0", b"")
DELIMITERS = (b":", b" :", b"\t\t:", b" ", b"", b"x:", b";")
SIZES = (0, 1, 3, 7, 8, 9, 16, 40, 60, 100, 127, 128, 129, 200, 255, 256, 300)


def some_bytes(random: Random, alphabet: bytes, size: int) -> bytes:
    return bytes(random.choices(alphabet, k=size))


def any_case(random: Random, text: bytes) -> bytes:
    how = random.random()
    if how < 0.5:
        return text
    if how < 0.6:
        return text.lower()
    return bytes(byte ^ 0x20 if 0x40 < byte & 0xDF < 0x5B and random.random() < 0.5 else byte for byte in text)


def token(random: Random) -> bytes:
    how = random.random()
    if how < 0.3:
        return any_case(random, b"OPTIONS")
    if how < 0.7:
        return any_case(random, random.choice(METHODS))
    if how < 0.8:
        return any_case(random, random.choice(METHODS)) + some_bytes(random, TOKEN, 1)
    if how < 0.85:
        return any_case(random, random.choice(METHODS))[:-1]
    if how < 0.95:
        return some_bytes(random, TOKEN, random.choice((1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 43, 126, 127, 128, 129, 130, 144, 145, 160)))
    return b""


def blanks(random: Random) -> bytes:
    how = random.random()
    if how < 0.7:
        return b""
    size = random.choice((1, 2, 3, 4, 7, 8, 9, 20, 62, 63, 64, 65, 66, 80))
    return some_bytes(random, BLANKS, size) if how < 0.9 else random.choice((b"\r\n", b"\0", b" ")) * size


def request(random: Random) -> bytes:
    uri = b"sip:" + some_bytes(random, b"abc0123.-;=@ \xff", random.choice(SIZES)) if random.random() < 0.9 else b""
    start = token(random) + random.choice(SEPARATORS) + uri + random.choice((b" ",) * 9 + (b"\t", b"", b"  "))
    rest = b"Via: SIP/2.0/UDP 198.51.100.7\r\n\r\n" if random.random() < 0.5 else some_bytes(random, b"ab\r\n :", random.choice(SIZES))
    return blanks(random) + start + any_case(random, random.choice(VERSIONS)) + random.choice(LINE_ENDS) + rest


def long_request(random: Random) -> bytes:
    size = random.choice((500, 1000, 1400, 2000, 3000))
    filler = random.choice((b"u", b"0", b" ", b"\r" if random.random() < 0.1 else b"v"))
    return token(random) + b" " + filler * random.randrange(size) + b" SIP/2." + b"0" * random.choice((1, 1, 130, 300)) + random.choice(LINE_ENDS)


def status(random: Random) -> bytes:
    line = random.choice((b"SIP/2.0 200 OK", b"SIP/2.0 180", b"SIP/2.0 99", b"SIP/2.0", b"SIP/", b"SIP/22.0 200", b"SIP/2.0  200", b"SIP\x0f2.0 200"))
    line = any_case(random, line)[: random.choice((100, 100, 100, 3, 4, 5, 7, 8, 9, 10, 11))]
    return blanks(random) + line + random.choice(LINE_ENDS) + some_bytes(random, b"x\r\n", random.choice((0, 0, 5, 30)))


def via_line(random: Random) -> bytes:
    return random.choice((b"\r\n", b"\n", b"\r", b"")) + any_case(random, random.choice((b"Via", b"v", b"Vi", b"vi", b"w"))) + random.choice(DELIMITERS)


def stun(random: Random) -> bytes:
    attributes = some_bytes(random, b"\0\1\2ab:", random.choice((0, 0, 0, 4, 8, 12, 24, 100)))
    if random.random() < 0.5:
        attributes += b"\x80\x22\x00\x20" + some_bytes(random, b"a\r\nvi:", random.choice((0, 4, 9, 64))) + via_line(random)
        attributes += some_bytes(random, b"a", random.choice((0, 0, 3, 6, 7, 8)))
        attributes += bytes(-len(attributes) % 4)
    kind = random.choice((0x0001, 0x0001, 0x0101, 0x0111, 0x0011, 0x0002, 0x0003, 0x4001, 0x8001, 0x0201))
    length = len(attributes) + random.choice((0,) * 12 + (1, -1, 4, 2))
    cookie = 0x2112A442 if random.random() < 0.95 else 0x2112A443
    return frames.stun(kind, attributes, length=max(length, 0), cookie=cookie)


def noise(random: Random) -> bytes:
    return random.randbytes(random.choice(SIZES))


PAYLOADS: tuple[Callable[[Random], bytes], ...] = (
    *(request,) * 12, long_request, *(status,) * 3, *(stun,) * 3, blanks, blanks, noise,
)  # fmt: skip


def damaged(random: Random, text: bytes) -> bytes:
    how = random.random()
    at = random.randrange(len(text)) if text else 0
    if how < 0.4:
        return text[:at]
    if how < 0.7:
        return text[:at] + random.randbytes(1) + text[at + 1 :]
    if how < 0.85:
        return text[:at] + text[at + 1 :]
    return text[:at] + random.choice((b"\r\n", b" ", b"\0", b"\t", b"SIP/2.0", random.randbytes(2))) + text[at:]


def off(random: Random, right: int, seldom: float = 0.04) -> int:
    """Nearly always the right length."""
    if random.random() > seldom:
        return right
    return max(0, random.choice((0, 1, 7, 8, 9, right - 1, right - 3, right + 1, right + 60, 0xFFFF))) & 0xFFFF


def datagram(random: Random) -> bytes:
    payload = random.choice(PAYLOADS)(random)
    if random.random() < 0.2:
        payload = damaged(random, payload)
    port = random.choice(PORTS) if random.random() < 0.97 else random.choice((5061, 0xC413, 0x13C4, 0))
    return frames.udp(payload, port=port, length=off(random, 8 + len(payload)))


def packet4(random: Random) -> bytes:
    carried = datagram(random)
    more = random.random() < 0.12
    if random.random() < 0.03:
        carried = carried[: random.choice((0, 3, 4, 7, 8, 9, 16))]
    options = bytes(4 * random.choice((0,) * 8 + (1, 2, 10)))
    return frames.ipv4(
        carried,
        source=random.choice(SOURCES4),
        options=options,
        protocol=17 if random.random() < 0.98 else random.choice((6, 1, 132, 0)),
        more=more,
        offset=random.choice((1, 8, 0x1000, 0x1FFF)) if random.random() < 0.02 else 0,
        total=off(random, 20 + len(options) + len(carried), 0.03),
        version=4 if random.random() < 0.99 else random.randrange(16),
        words=None if random.random() < 0.99 else random.randrange(16),
    )


def packet6(random: Random) -> bytes:
    carried = datagram(random)
    how = random.random()
    if how < 0.03:
        carried = carried[: random.choice((0, 3, 4, 7, 8, 9, 16))]
    following = 17 if random.random() < 0.97 else random.choice((6, 51, 59))
    if how < 0.12:
        carried, following = frames.fragment(carried, following=following, more=True), 44
    if random.random() < 0.35:
        kinds = random.choices((0, 43, 44, 60, 60), k=random.choice((1, 1, 1, 2, 3, 7, 8, 9, 10)))
        following, carried = frames.chain(tuple(kinds), carried, following)
    if random.random() < 0.05:
        carried = frames.fragment(carried, following=following, offset=random.choice((0, 0, 1, 8)), more=random.random() < 0.5)
        following = 44
    if random.random() < 0.02:
        carried = carried[: random.randrange(len(carried) + 1)]
    length = off(random, len(carried), 0.04)
    return frames.ipv6(carried, source=random.choice(SOURCES6), following=following, length=length, version=6 if random.random() < 0.99 else 4)


def frame(random: Random) -> bytes:
    """One frame of at least 14 bytes."""
    four = random.random() < 0.55
    packet = packet4(random) if four else packet6(random)
    tags: tuple[int, ...] = ()
    if random.random() < 0.15:
        tags = tuple(random.choices((0x8100, 0x88A8), k=random.choice((1, 1, 1, 2, 3, 4, 5, 6))))
    ethertype = frames.IPV4 if four else frames.IPV6
    if random.random() < 0.01:
        ethertype = random.choice((0x0806, 0x0008, 0xDD86, frames.IPV6, frames.IPV4))
    made = frames.ethernet(packet, ethertype, tags)
    if len(made) < 60 or random.random() < 0.05:
        made += random.choice((b"\0", b"\r", b"x")) * random.choice((0, 1, 18, 60 - min(len(made), 60)))
    if random.random() < 0.05:
        made = damaged(random, made)
    return made if len(made) >= 14 else made + bytes(14 - len(made))
