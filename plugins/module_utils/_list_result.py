# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a list: what was done, in words and numbers, and what its entries decided about."""

from __future__ import annotations

import heapq
import itertools
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import LIST_ENTRY, LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._clock import boot_time, seconds_of
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES, Comments
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._lists import Changes, Heads, expires_of
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix

__all__ = ("describe", "hits")

SHOWN = 1000
"""So many entries are named in a result; of what is longer, the number."""

Keys = t.Mapping[str, t.Collection[bytes]]
"""By table."""


def describe(name: str, current: Heads, changes: Changes, comments: Comments, repair: bool) -> t.Dict[str, t.Any]:
    """Return what the changes are; C(repair) says that the gate was wrong."""
    removed = {table: heapq.nsmallest(SHOWN, keys) for table, keys in changes.remove.items()}
    texts = {"add": _texts(changes.add), "renew": _texts(changes.renew), "remove": _texts(removed)}
    numbers = {"add": _count(changes.add), "renew": _count(changes.renew), "remove": _count(changes.remove)}
    actions = [line for verb in texts for line in _lines([verb + " " + text for text in texts[verb]], numbers[verb], verb + " ")]
    if repair:
        actions.append("correct the sizes that the program goes by")
    before = _times(name, current, changes.renew, comments), _commented(removed, comments)
    after = _times(name, changes.renew, changes.renew, comments), _commented(changes.add, comments)
    return {
        "changed": bool(actions),
        "actions": actions,
        "added": texts["add"],
        "added_count": numbers["add"],
        "renewed_count": numbers["renew"],
        "removed": texts["remove"],
        "removed_count": numbers["remove"],
        "diff": {
            "before": _paragraph(before[0], numbers["renew"], before[1], numbers["remove"]),
            "after": _paragraph(after[0], numbers["renew"], after[1], numbers["add"]),
        },
    }


def _count(keys: Keys) -> int:
    return sum(map(len, keys.values()))


def _first(keys: Keys) -> t.Iterator[t.Tuple[str, bytes]]:
    """Return those that are named, with their tables."""
    return itertools.islice(((table, key) for table, some in keys.items() for key in some), SHOWN)


def _texts(keys: Keys) -> t.List[str]:
    return [str(Prefix.from_key(table, key)) for table, key in _first(keys)]


def _commented(keys: Keys, comments: Comments) -> t.List[str]:
    return [str(Prefix.from_key(table, key)) + _remark(comments, table, key) for table, key in _first(keys)]


def _times(name: str, heads: Heads, keys: Keys, comments: Comments) -> t.List[str]:
    """Return the entries with when they expire."""
    return [
        str(Prefix.from_key(table, key)) + _until(expires_of(heads[table][key], name)) + _remark(comments, table, key)
        for table, key in _first(keys)
    ]


def _remark(comments: Comments, table: str, key: bytes) -> str:
    comment = comments[table].get(key)
    return "  # " + comment if comment else ""


def _until(tick: int) -> str:
    if not tick:
        return " for good"
    return time.strftime(" until %Y-%m-%dT%H:%M:%SZ", time.gmtime(round(boot_time() + seconds_of(tick))))


def _lines(texts: t.Sequence[str], number: int, verb: str = "") -> t.List[str]:
    more = number - len(texts)
    return [*texts, verb + "%d more" % more] if more else list(texts)


def _paragraph(renewed: t.Sequence[str], renewed_number: int, texts: t.Sequence[str], number: int) -> str:
    return "".join(line + "\n" for line in _lines(renewed, renewed_number) + _lines(texts, number))


Hit = t.Tuple[int, str, bytes, int, int]
"""Packets, table, key, the ticks of expiry and of the last packet."""


def hits(kernel: Kernel, name: str, comments: Comments) -> t.List[t.Dict[str, t.Any]]:
    """Return the entries of a list that decided about most packets, with their times (seconds since 1970)."""
    boot = boot_time()
    return [
        {
            "entry": str(Prefix.from_key(table, key)),
            "packets": packets,
            "last_seen": round(boot + seconds_of(seen), 1) if seen else None,
            "expires": round(boot + seconds_of(expires), 1) if expires else None,
            "comment": comments[table].get(key),
        }
        for packets, table, key, expires, seen in heapq.nlargest(SHOWN, _counted(kernel, name))
    ]


def _counted(kernel: Kernel, name: str) -> t.Iterator[Hit]:
    for table in TABLES:
        opened = kernel.host_map(table)
        if opened is None:
            continue
        with opened:
            for key, value in opened.items():
                lists, _length, allow, block, packets, seen = LIST_ENTRY.unpack(value.ljust(LIST_ENTRY.size, b"\0"))  # one of an older version is shorter
                if lists & LISTS[name]:
                    yield packets, table, key, allow if name == "allow" else block, seen
