# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries that a list is to have, as keys of the tables: from texts, and on their way from the controller to a host.

A million entries are bytes in dictionaries, not objects; and they travel as bytes, compressed, once.
"""

from __future__ import annotations

import base64
import itertools
import socket
import struct
import typing as t
import zlib

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._gate import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import FAMILIES, Prefix, parse_prefix

__all__ = (
    "Collected",
    "Comments",
    "Item",
    "LATER",
    "TABLES",
    "Wanted",
    "add",
    "collect",
    "count",
    "drop_expired",
    "covers",
    "empty",
    "overlaps",
    "pack",
    "texts_of",
    "unpack",
)

Wanted = t.Dict[str, t.Dict[bytes, float]]
"""By table: each key, and when the entry expires (seconds since 1970, 0 for never)."""

Comments = t.Dict[str, t.Dict[bytes, str]]
"""By table: what people wrote beside a key, in one line; those without are not in it."""

Item = t.Tuple[str, str, float, str]
"""Where it was found (for errors), the text, when it expires, the comment."""

LATER = float("inf")
"""On the way to a host: the time that its own clock says, so many seconds after the task began there; other clocks can be wrong."""

REMARKS = 10
"""So many of a kind are named."""

_COMMENT = 200
_COMPARISONS = 5000000
_INFLATED = 1 << 29  # three tables that are full, with times and comments
_COUNT, _EXPIRES = struct.Struct("!I?"), struct.Struct("!d")


class Collected(t.NamedTuple):
    """What a task and its files say of a list."""

    wanted: Wanted
    comments: Comments
    duplicates: int
    """How many were there twice."""
    remarks: t.List[str]
    """The first of these, in words."""


def empty() -> Wanted:
    """Return a list without entries."""
    return {table: {} for table in TABLES}


def drop_expired(wanted: Wanted, now: float) -> int:
    """Leave out what has expired, and return how many that were."""
    before = count(wanted)
    for table, keys in wanted.items():
        if any(when and when <= now for when in set(keys.values())):
            wanted[table] = {key: when for key, when in keys.items() if not when or when > now}
    return before - count(wanted)


def count(wanted: t.Mapping[str, t.Sized]) -> int:
    """Return how many entries there are."""
    return sum(map(len, wanted.values()))


def collect(entries: t.Optional[t.Iterable[t.Any]], feed: t.Iterable[Item], expires: float) -> Collected:
    """Read entries of a task and those of a file. Raises FastpathError for a bad one, with the place where it was found."""
    items = (("Entry %d" % number, str(text), expires, "") for number, text in enumerate(entries or (), 1))
    return add(Collected(empty(), {table: {} for table in TABLES}, 0, []), itertools.chain(items, feed))


def add(found: Collected, items: t.Iterable[Item]) -> Collected:
    """Read texts into the list, each entry once: the last one counts. Raises FastpathError."""
    family, packed = socket.AF_INET, socket.inet_pton
    wanted, comments, duplicates, remarks = found
    for place, text, expires, comment in items:
        try:
            key, table = packed(family, text), "hosts_v4"  # what nearly all of a long list is
        except (OSError, ValueError):
            prefix = _parse(place, text)
            key, table = prefix.key, prefix.table
        keys = wanted[table]
        if key in keys:
            duplicates += 1
            if len(remarks) < REMARKS:
                remarks.append("%s: %s was there before; the last one counts" % (place, Prefix.from_key(table, key)))
        keys[key] = expires
        words = comment and _one_line(comment)
        if words:
            comments[table][key] = words
    return Collected(wanted, comments, duplicates, remarks)


def _one_line(comment: str) -> str:
    some = comment[:4 * _COMMENT]
    if not some.isprintable():
        some = "".join(letter if letter.isprintable() else " " for letter in some)
    return " ".join(some.split())[:_COMMENT]


def _parse(place: str, text: str) -> Prefix:
    try:
        return parse_prefix(text)
    except FastpathError as error:
        raise FastpathError(place, str(error), "Nothing was changed") from error


def texts_of(table: str, keys: t.Iterable[bytes], most: int) -> t.List[str]:
    """Return the first so many keys as people write them."""
    if table.startswith("hosts_"):
        family = FAMILIES[table[len("hosts_"):]][0]
        return [socket.inet_ntop(family, key) for _number, key in zip(range(most), keys)]
    return [str(Prefix.from_key(table, key)) for _number, key in zip(range(most), keys)]


def covers(wanted: Wanted, address: str) -> t.Optional[str]:
    """Return the entry that an address falls under, as people write it; V(none) if there is none."""
    host = parse_prefix(address)
    if host.key in wanted["hosts_" + host.family]:
        return str(host)
    for length in range(8 * len(host.address), -1, -1):
        network = host.network(length)
        if network.key in wanted["prefixes_" + host.family]:
            return str(network)
    return None


def overlaps(wanted: Wanted) -> t.Tuple[t.Optional[int], t.List[str]]:
    """Return how many entries lie within another one (V(none) where there are too many to say), and the first in words."""
    found, named = 0, t.cast(t.List[str], [])
    for family, (_af, size) in FAMILIES.items():
        bits = 8 * size
        networks: t.Dict[int, t.Set[int]] = {}
        for key in wanted["prefixes_" + family]:
            networks.setdefault(struct.unpack_from("=I", key)[0], set()).add(int.from_bytes(key[4:], "big"))
        hosts = wanted["hosts_" + family]
        if len(networks) * (len(hosts) + sum(map(len, networks.values()))) > _COMPARISONS:
            return None, []
        groups: t.Dict[int, t.Collection[int]] = dict(networks)
        if networks:
            groups[bits] = [int.from_bytes(key, "big") for key in hosts]
        for own, addresses in groups.items():
            outside = addresses
            for length in sorted((length for length in networks if length < own), reverse=True):
                mask, wider = (1 << bits) - (1 << bits - length), networks[length]
                before, outside = outside, [address for address in outside if address & mask not in wider]
                found += len(before) - len(outside)
                if len(outside) < len(before) and len(named) < REMARKS:
                    within = (Prefix(family, address.to_bytes(size, "big"), own) for address in before if address & mask in wider)
                    named += [_within(prefix, length) for prefix in itertools.islice(within, REMARKS - len(named))]
    return found, named


def _within(prefix: Prefix, length: int) -> str:
    return "%s lies within %s; it is kept, since a longer prefix can outrank the other list" % (prefix, prefix.network(length))


def pack(found: Collected) -> str:
    """Return the list as text for a module's parameters."""
    parts = [_COUNT.pack(found.duplicates, False), *_lines(found.remarks)]
    for table in TABLES:
        keys = found.wanted[table]
        expiring = any(keys.values())
        parts += [_COUNT.pack(len(keys), expiring), b"".join(keys)]
        if expiring:
            parts.append(struct.pack("!%dd" % len(keys), *keys.values()))
        comments = found.comments[table]
        places = [number for number, key in enumerate(keys) if key in comments] if comments else []
        parts += [_COUNT.pack(len(places), False), struct.pack("!%dI" % len(places), *places)]
        parts += _lines([comments[key] for key in keys if key in comments] if comments else [])
    return base64.b64encode(zlib.compress(b"".join(parts), 1)).decode("ascii")


def _lines(texts: t.Iterable[str]) -> t.Tuple[bytes, bytes]:
    raw = "\n".join(text.replace("\n", " ") for text in texts).encode("utf-8", "replace")  # a file may have any name
    return _COUNT.pack(len(raw), False), raw


def unpack(text: str, later: float = LATER) -> Collected:
    """Read what pack() was given; C(later) is when entries expire for which that was left open. Raises FastpathError for anything else."""
    try:
        return _Packed(_inflated(base64.b64decode(text, validate=True)), later).read()
    except (ValueError, IndexError, zlib.error, struct.error) as error:
        reason = "it is not what the action plugin makes (%s)" % error
        raise FastpathError("packed", reason, "Use entries or src, and leave packed alone") from error


def _inflated(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    raw = stream.decompress(data, _INFLATED)
    if not stream.eof or stream.unused_data:
        raise ValueError("%d bytes do not end with it" % len(data))
    return raw


class _Packed:
    """Reads from the front."""

    def __init__(self, raw: bytes, later: float) -> None:
        self._raw = raw
        self._later = later
        self._at = 0

    def read(self) -> Collected:
        duplicates, _flag = self._count()
        remarks = self._lines()
        wanted: Wanted = {}
        comments: Comments = {}
        for table in TABLES:
            number, expiring = self._count()
            size = MAPS[table].key_size
            raw = self._bytes(number * size)
            keys = [raw[i: i + size] for i in range(0, len(raw), size)]
            times = self._times(number) if expiring else ()
            wanted[table] = dict(zip(keys, times)) if expiring else dict.fromkeys(keys, 0.0)
            comments[table] = self._comments(keys)
        if self._at != len(self._raw):
            raise ValueError("%d bytes instead of %d" % (len(self._raw), self._at))
        return Collected(wanted, comments, duplicates, remarks)

    def _times(self, number: int) -> t.Sequence[float]:
        times = struct.unpack("!%dd" % number, self._bytes(number * _EXPIRES.size))
        return [self._later if when == LATER else when for when in times] if LATER in times else times

    def _comments(self, keys: t.Sequence[bytes]) -> t.Dict[bytes, str]:
        number, _flag = self._count()
        places = struct.unpack("!%dI" % number, self._bytes(4 * number))
        return dict(zip((keys[place] for place in places), self._lines()))

    def _count(self) -> t.Tuple[int, bool]:
        number, flag = _COUNT.unpack(self._bytes(_COUNT.size))
        return number, flag

    def _lines(self) -> t.List[str]:
        text = self._bytes(self._count()[0]).decode()
        return text.split("\n") if text else []

    def _bytes(self, number: int) -> bytes:
        raw = self._raw[self._at: self._at + number]
        if len(raw) != number:
            raise ValueError("%d bytes are missing" % (number - len(raw)))
        self._at += number
        return raw
