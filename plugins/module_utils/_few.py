# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few entries of the lists, read and changed by their keys: a table with a million others costs nothing more.

_lists.py makes a whole list as wanted; this is for who knows what he wants of one entry, a thousand times a second.
"""

from __future__ import annotations

import contextlib
import errno
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, LIST_ENTRY, LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._lists import ListKernel, TableMap
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix

__all__ = ("Few",)

_FIRST = bytes(4)
_GATE = "list_gate"
_COUNTS = {name: len(TABLES) + place for place, name in enumerate(LISTS)}
"""Where the gate counts the entries of a list; those of a table are before."""


class _Entry:
    """C(struct list_entry), of which the lists and the times can change."""

    def __init__(self, raw: t.Optional[bytes], prefix: Prefix) -> None:
        fields = LIST_ENTRY.unpack(raw.ljust(LIST_ENTRY.size, b"\0")) if raw else (0, prefix.length, 0, 0, 0, 0)
        self.lists, self.length, allow, block = fields[:4]
        self.expires = {"allow": allow, "block": block}
        self._counted = fields[4:]

    def pack(self) -> bytes:
        return LIST_ENTRY.pack(self.lists, self.length, self.expires["allow"], self.expires["block"], *self._counted)

    def lists_at(self, tick: int) -> int:
        """Return the lists it is on, without those on which it has expired."""
        return sum(bit for name, bit in LISTS.items() if self.lists & bit and not 0 < self.expires[name] <= tick)


class Few:
    """The lists, for as long as a C(with) block under the lock lasts."""

    def __init__(self, kernel: ListKernel) -> None:
        self._kernel = kernel
        self._stack = contextlib.ExitStack()
        self._opened: t.Dict[str, TableMap] = {}
        self._entries: t.Dict[Prefix, _Entry] = {}
        self._gate: t.List[int] = []
        self._told: t.Tuple[int, ...] = ()

    def __enter__(self) -> Few:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._stack:
            self._tell()

    def decides(self, prefix: Prefix, tick: int) -> t.Optional[str]:
        """Return the list that decides about a source at that tick, as the program does; V(none) where none has it."""
        lists = self._entry(prefix).lists_at(tick) if prefix.is_host else 0
        length = prefix.length if self._has_any("prefixes_" + prefix.family) else -1
        while not lists and length >= 0:  # what has expired is stepped over
            found = self._longest(prefix.network(length))
            if found is None:
                break
            lists, length = found.lists_at(tick), found.length - 1
        return next((name for name in ("block", "allow") if lists & LISTS[name]), None)

    def expires(self, prefix: Prefix, name: str) -> t.Optional[int]:
        """Return the tick at which an entry expires on a list, 0 for never; V(none) where it isn't on it."""
        entry = self._entry(prefix)
        return entry.expires[name] if entry.lists & LISTS[name] else None

    def put(self, prefix: Prefix, name: str, tick: int) -> None:
        """Have an entry on a list until that tick. Raises FastpathError where the table is full."""
        entry = self._entry(prefix)
        others, new = entry.lists & ~LISTS[name], int(not entry.lists & LISTS[name])
        self._count(prefix, name, others, new)
        self._tell()  # before it is there: the program skips a table without entries
        entry.lists |= LISTS[name]
        entry.expires[name] = tick
        try:
            self._update(prefix.table, prefix.key, entry.pack())
        except OSError as error:
            del self._entries[prefix]
            self._count(prefix, name, others, -new)
            reason = "it is full" if error.errno in (errno.E2BIG, errno.ENOSPC) else reason_of(error)
            raise FastpathError(prefix.table, reason, "Remove entries, or aggregate hosts to prefixes") from error

    def take(self, prefix: Prefix, name: str) -> None:
        """Take an entry off a list that it is on."""
        entry = self._entry(prefix)
        entry.lists &= ~LISTS[name]
        entry.expires[name] = 0
        if entry.lists:
            self._update(prefix.table, prefix.key, entry.pack())
        else:
            self._table(prefix.table).delete_many([prefix.key])
        self._count(prefix, name, entry.lists, -1)

    def _count(self, prefix: Prefix, name: str, others: int, number: int) -> None:
        """Count an entry in or out; one that stays on another list stays in its table."""
        self._table(_GATE)
        self._gate[_COUNTS[name]] += number
        if not others:
            self._gate[TABLES.index(prefix.table)] += number

    def _tell(self) -> None:
        if tuple(self._gate) != self._told:
            self._told = tuple(max(0, number) for number in self._gate)
            self._update(_GATE, _FIRST, GATE.pack(*self._told))

    def _update(self, table: str, key: bytes, value: bytes) -> None:
        opened = self._table(table)
        opened.update(key, value[: opened.value_size])  # one of an older version has shorter values

    def _entry(self, prefix: Prefix) -> _Entry:
        """Return the entry of exactly this prefix; of a trie the longest one that covers it is another."""
        if prefix not in self._entries:
            found = _Entry(self._table(prefix.table).lookup(prefix.key), prefix)
            self._entries[prefix] = found if found.length == prefix.length else _Entry(None, prefix)
        return self._entries[prefix]

    def _longest(self, prefix: Prefix) -> t.Optional[_Entry]:
        table = "prefixes_" + prefix.family
        raw = self._table(table).lookup(struct.pack("=I", prefix.length) + prefix.address)
        return _Entry(raw, prefix) if raw else None

    def _has_any(self, table: str) -> bool:
        self._table(_GATE)
        return bool(self._gate[TABLES.index(table)])

    def _table(self, name: str) -> TableMap:
        if name not in self._opened:
            opened = self._kernel.host_map(name)
            if opened is None:
                self._kernel.require_host_maps()
                opened = self._kernel.host_map(name)
            if opened is None:
                raise FastpathError(name, "somebody unpinned it while the lists were being changed", "Try again")
            self._opened[name] = self._stack.enter_context(opened)
            if name == _GATE:
                self._gate = list(GATE.unpack((opened.lookup(_FIRST) or b"").ljust(GATE.size, b"\0")))
                self._told = tuple(self._gate)
        return self._opened[name]
