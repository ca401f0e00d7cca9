# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries that a list is to have, as keys of the tables: from texts, and on their way from the controller to a host.

A million entries are bytes in dictionaries, not objects; and they travel as bytes, compressed, once.
"""

from __future__ import annotations

import base64
import socket
import struct
import typing as t
import zlib

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import FAMILIES, Prefix, parse_prefix

__all__ = ("Item", "TABLES", "Wanted", "add", "collect", "count", "covers", "empty", "overlaps", "pack", "texts_of", "unpack")

TABLES = tuple(kind + family for kind in ("hosts_", "prefixes_") for family in FAMILIES)
"""The maps that hold entries, as the gate has them."""

Wanted = t.Dict[str, t.Dict[bytes, float]]
"""By table: each key, and when the entry expires (seconds since 1970, 0 for never)."""

Item = t.Tuple[str, str, float]
"""Where it was found (for errors), the text, when it expires."""

_COMPARISONS = 5000000
_COUNT, _EXPIRES = struct.Struct("!I?"), struct.Struct("!d")


def empty() -> Wanted:
    """Return a list without entries."""
    return {table: {} for table in TABLES}


def count(wanted: Wanted) -> int:
    """Return how many entries there are."""
    return sum(map(len, wanted.values()))


def add(wanted: Wanted, items: t.Iterable[Item]) -> int:
    """Read texts into the list, each entry once (the last one counts), and return how many there were.

    Raises FastpathError for a bad one, with the place where it was found.
    """
    hosts, family, packed, total = wanted["hosts_v4"], socket.AF_INET, socket.inet_pton, 0
    for place, text, expires in items:
        total += 1
        try:
            hosts[packed(family, text)] = expires  # what nearly all of a long list is
        except (OSError, ValueError):
            prefix = _parse(place, text)
            wanted[prefix.table][prefix.key] = expires
    return total


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


def collect(entries: t.Optional[t.Iterable[t.Any]], feed: t.Iterable[Item], expires: float) -> t.Tuple[Wanted, int]:
    """Read entries of a task and those of a file; returns them, and how many were there twice. Raises FastpathError."""
    wanted = empty()
    total = add(wanted, (("Entry %d" % number, str(text), expires) for number, text in enumerate(entries or (), 1)))
    total += add(wanted, feed)
    return wanted, total - count(wanted)


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


def overlaps(wanted: Wanted) -> t.Optional[int]:
    """Return how many entries lie within another one; V(none) where there are too many to say."""
    found = 0
    for family, (_af, size) in FAMILIES.items():
        bits = 8 * size
        networks: t.Dict[int, t.Set[int]] = {}
        for key in wanted["prefixes_" + family]:
            networks.setdefault(struct.unpack_from("=I", key)[0], set()).add(int.from_bytes(key[4:], "big"))
        hosts = wanted["hosts_" + family]
        if len(networks) * (len(hosts) + sum(map(len, networks.values()))) > _COMPARISONS:
            return None
        groups: t.Dict[int, t.Collection[int]] = dict(networks)
        if networks:
            groups[bits] = [int.from_bytes(key, "big") for key in hosts]
        for own, addresses in groups.items():
            outside = addresses
            for length in (length for length in networks if length < own):
                mask, wider = (1 << bits) - (1 << bits - length), networks[length]
                outside = [address for address in outside if address & mask not in wider]
            found += len(addresses) - len(outside)
    return found


def pack(wanted: Wanted, duplicates: int) -> str:
    """Return the list as text for a module's parameters."""
    parts = [_COUNT.pack(duplicates, False)]
    for table in TABLES:
        keys = wanted[table]
        expiring = any(keys.values())
        parts += [_COUNT.pack(len(keys), expiring), b"".join(keys)]
        if expiring:
            parts.append(struct.pack("!%dd" % len(keys), *keys.values()))
    return base64.b64encode(zlib.compress(b"".join(parts), 1)).decode("ascii")


def unpack(text: str) -> t.Tuple[Wanted, int]:
    """Read what pack() was given. Raises FastpathError for anything else."""
    try:
        return _read(zlib.decompress(base64.b64decode(text, validate=True)))
    except (ValueError, zlib.error, struct.error) as error:
        reason = "it is not what the action plugin makes (%s)" % error
        raise FastpathError("packed", reason, "Use entries or src, and leave packed alone") from error


def _read(raw: bytes) -> t.Tuple[Wanted, int]:
    wanted: Wanted = {}
    duplicates, _expiring = _COUNT.unpack_from(raw)
    at = _COUNT.size
    for table in TABLES:
        number, expiring = _COUNT.unpack_from(raw, at)
        at += _COUNT.size
        size = MAPS[table].key_size
        if number * size > len(raw):
            raise ValueError("%d entries in %d bytes" % (number, len(raw)))
        keys = [raw[i: i + size] for i in range(at, at + number * size, size)]
        at += number * size
        if not expiring:
            wanted[table] = dict.fromkeys(keys, 0.0)
            continue
        wanted[table] = dict(zip(keys, struct.unpack_from("!%dd" % number, raw, at)))
        at += number * _EXPIRES.size
    if at != len(raw):
        raise ValueError("%d bytes instead of %d" % (len(raw), at))
    return wanted, duplicates
