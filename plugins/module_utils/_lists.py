# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of the allowlist and the blocklist: what is there, what is wanted, and the difference.

Both lists share their tables, one value per key, so that the program looks a source up once.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, HOST_MAPS, LIST_ENTRY, LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix

__all__ = (
    "Changes",
    "Entries",
    "Entry",
    "ListKernel",
    "after",
    "apply",
    "gate_of",
    "has_allowed",
    "plan",
    "read",
    "read_gate",
    "sizes",
)

TABLES = tuple(shape.name for shape in HOST_MAPS if shape.value_size == LIST_ENTRY.size)
_GATE = "list_gate"
_FIRST = bytes(4)


class Entry(t.NamedTuple):
    """C(struct list_entry)."""

    lists: int
    prefix_len: int
    allow_expires: int = 0
    block_expires: int = 0
    hits: int = 0
    last_seen: int = 0


Entries = t.Dict[Prefix, Entry]


class Changes(t.NamedTuple):
    """What has to be done to one of the lists, each in a stable order."""

    add: t.Tuple[Prefix, ...]
    remove: t.Tuple[Prefix, ...]


class TableMap(t.Protocol):
    """The part of a map that is used here."""

    def __enter__(self) -> TableMap: ...

    def __exit__(self, *exception: object) -> None: ...

    def items(self) -> t.Iterator[t.Tuple[bytes, bytes]]: ...

    def lookup(self, key: bytes) -> t.Optional[bytes]: ...

    def update(self, key: bytes, value: bytes) -> None: ...

    def update_many(self, items: t.Sequence[t.Tuple[bytes, bytes]]) -> None: ...

    def delete_many(self, keys: t.Sequence[bytes]) -> None: ...


class ListKernel(t.Protocol):
    """The part of the kernel that is used here."""

    def host_map(self, name: str) -> t.Optional[TableMap]: ...

    def require_host_maps(self) -> t.List[str]: ...


def read(kernel: ListKernel) -> Entries:
    """Return every entry of both lists."""
    return {
        Prefix.from_key(table, key): Entry(*LIST_ENTRY.unpack(value))
        for table in TABLES
        for key, value in _items(kernel, table)
    }


def has_allowed(kernel: ListKernel) -> bool:
    """Whether anything is on the allowlist."""
    bit = LISTS["allow"]
    return any(Entry(*LIST_ENTRY.unpack(value)).lists & bit for table in TABLES for key, value in _items(kernel, table))


def sizes(entries: Entries) -> t.Dict[str, int]:
    """Return how many entries each list has."""
    return {name: sum(1 for entry in entries.values() if entry.lists & bit) for name, bit in LISTS.items()}


def plan(current: Entries, wanted: t.Sequence[Prefix], name: str, state: str) -> Changes:
    """Compare one list (V(allow), V(block)) with what is wanted: V(present), V(absent) or V(exact)."""
    bit = LISTS[name]
    listed = {prefix for prefix, entry in current.items() if entry.lists & bit}
    if state == "absent":
        return Changes((), tuple(prefix for prefix in wanted if prefix in listed))
    add = tuple(prefix for prefix in wanted if prefix not in listed)
    return Changes(add, tuple(sorted(listed.difference(wanted))) if state == "exact" else ())


def after(current: Entries, name: str, changes: Changes) -> Entries:
    """Return what is there once the changes are made. Raises FastpathError where a table can't hold it."""
    bit = LISTS[name]
    entries = dict(current)
    for prefix in changes.add:
        old = entries.get(prefix, Entry(0, prefix.length))
        entries[prefix] = old._replace(lists=old.lists | bit, **{name + "_expires": 0})  # it may have been there for a while
    for prefix in changes.remove:
        left = entries[prefix]._replace(lists=entries[prefix].lists & ~bit)
        if left.lists:
            entries[prefix] = left
        else:
            del entries[prefix]
    _check_room(entries)
    return entries


def apply(kernel: ListKernel, current: Entries, wanted: Entries) -> None:
    """Bring the kernel from the current entries to the wanted ones, additions first. Raises FastpathError."""
    kernel.require_host_maps()
    _set_gate(kernel, gate_of({**current, **wanted}))
    touched = [prefix for prefix in {**current, **wanted} if current.get(prefix) != wanted.get(prefix)]
    added = [prefix for prefix in touched if prefix in wanted]
    removed = [prefix for prefix in touched if prefix not in wanted]
    for prefixes in (added, removed):  # of all tables: a host may make room for a network that it is in
        for table in TABLES:
            mine = [prefix for prefix in prefixes if prefix.table == table]
            if mine:
                _write(kernel, table, mine, wanted)
    _set_gate(kernel, gate_of(wanted))


def gate_of(entries: Entries) -> bytes:
    """Return C(struct list_gate) for these entries: which tables the program has to look into."""
    counts, lists = _counts(entries), sizes(entries)
    return GATE.pack(*(counts[table] for table in TABLES), lists["allow"], lists["block"])


def read_gate(kernel: ListKernel) -> t.Optional[bytes]:
    """Return C(struct list_gate) as it is; V(none) where no list was made yet."""
    opened = kernel.host_map(_GATE)
    if opened is None:
        return None
    with opened:
        return opened.lookup(_FIRST)


def _check_room(entries: Entries) -> None:
    counts = _counts(entries)
    for shape in HOST_MAPS:
        wanted = counts.get(shape.name, 0)
        if wanted > shape.max_entries:
            raise FastpathError(
                "%d entries for %s" % (wanted, shape.name),
                "the table holds %d" % shape.max_entries,
                "Aggregate hosts to prefixes, or list fewer. Nothing was changed",
            )


def _write(kernel: ListKernel, table: str, mine: t.Sequence[Prefix], wanted: Entries) -> None:
    opened = kernel.host_map(table)
    assert opened is not None  # require_host_maps() made it
    with opened:
        try:
            opened.update_many([(p.key, LIST_ENTRY.pack(*wanted[p])) for p in mine if p in wanted])
            opened.delete_many([p.key for p in mine if p not in wanted])
        except OSError as error:
            raise FastpathError(table, reason_of(error), "Run the task again: it makes what is missing") from error


def _set_gate(kernel: ListKernel, gate: bytes) -> None:
    """Tell the program which tables have entries: before the first one, and after the last."""
    opened = kernel.host_map(_GATE)
    assert opened is not None  # require_host_maps() made it
    with opened:
        opened.update(_FIRST, gate)


def _counts(prefixes: t.Iterable[Prefix]) -> t.Dict[str, int]:
    counts = dict.fromkeys(TABLES, 0)
    for prefix in prefixes:
        counts[prefix.table] += 1
    return counts


def _items(kernel: ListKernel, table: str) -> t.List[t.Tuple[bytes, bytes]]:
    opened = kernel.host_map(table)
    if opened is None:
        return []
    with opened:
        return list(opened.items())
