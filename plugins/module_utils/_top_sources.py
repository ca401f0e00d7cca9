# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is dropped most: the map C(top_sources), in words."""

from __future__ import annotations

import datetime
import socket
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import REASONS, TOP_SOURCE
from ansible_collections.vos.fastpath.plugins.module_utils._clock import seconds_of
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map, of_cpus

__all__ = ("Source", "described", "merged", "read")


class Source(t.NamedTuple):
    """Who is dropped, as C(struct top_source) has it."""

    address: bytes
    packets: int
    last_seen: int
    """The tick of the latest."""
    reason: int
    """Of the latest."""


_FREE = bytes(16)
_V4 = bytes(10) + b"\xff\xff"


def read(opened: Map) -> t.List[Source]:
    """Return the sources of all slots and all CPUs."""
    taken = {value for _slot, value in opened.items()}  # no two alike, but those that are free: of 128 CPUs 5 MB
    return merged(Source(*TOP_SOURCE.unpack(each)[:4]) for value in taken for each in of_cpus(opened, value, TOP_SOURCE.size))


def merged(sources: t.Iterable[Source]) -> t.List[Source]:
    """Return each source once, the heaviest first."""
    found: t.Dict[bytes, Source] = {}
    for source in sources:
        if source.address == _FREE or not source.packets:
            continue
        other = found.get(source.address)
        if other is not None:
            latest = max(source, other, key=lambda one: one.last_seen)
            source = latest._replace(packets=source.packets + other.packets)
        found[source.address] = source
    return sorted(found.values(), key=lambda one: (-one.packets, one.address))


def described(sources: t.Iterable[Source]) -> t.List[t.Dict[str, t.Any]]:
    """Return them in words and numbers."""
    now, monotonic = time.time(), time.clock_gettime(time.CLOCK_MONOTONIC)
    return [_describe(source, now, monotonic) for source in sources]


def _describe(source: Source, now: float, monotonic: float) -> t.Dict[str, t.Any]:
    ago = max(0.0, monotonic - seconds_of(source.last_seen))
    seen = datetime.datetime.fromtimestamp(now - ago, datetime.timezone.utc)
    return {
        "address": _text(source.address),
        "packets": source.packets,
        "reason": REASONS[source.reason].name if source.reason < len(REASONS) else str(source.reason),
        "last_seen": seen.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds_ago": round(ago, 1),
    }


def _text(address: bytes) -> str:
    if address.startswith(_V4):
        return socket.inet_ntop(socket.AF_INET, address[len(_V4):])
    return socket.inet_ntop(socket.AF_INET6, address)
