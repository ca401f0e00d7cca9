# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The allowlist and the blocklist in the kernel: what is there, what is to change, and changing it.

Both lists share their tables, one value per key, so that the program looks a source up once. Of a value only the head is kept
here (the lists it is on, and until when); hits and times stay in the kernel, which goes on writing them.
"""

from __future__ import annotations

import collections
import struct
import sys
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, LIST_ENTRY, LISTS, MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of

__all__ = (
    "Changes",
    "Heads",
    "ListKernel",
    "apply",
    "expires_of",
    "gate_after",
    "gate_of",
    "has_allowed",
    "listed",
    "plan",
    "read",
    "read_gate",
    "sizes",
)

HEAD = struct.Struct("=IIQQ")
"""The part of C(struct list_entry) that user space decides: lists, prefix_len, allow_expires, block_expires."""

Heads = t.Dict[str, t.Dict[bytes, bytes]]
"""By table: the head of each key's value."""

_GATE = "list_gate"
_FIRST = bytes(4)
_BITS = 0 if sys.byteorder == "little" else 3  # the byte of the head that has the bits of the lists
_ONE_BY_ONE = 16  # looking a key up costs as much as reading so many in bulk
_NOT_SEEN = bytes(LIST_ENTRY.size - HEAD.size)


class Changes(t.NamedTuple):
    """What has to be done to one of the lists: by table, the head that each key is to have."""

    add: Heads
    """Entries that come, or that get another time."""
    remove: Heads
    """Entries that go; a head without lists is an entry that goes altogether."""

    def __bool__(self) -> bool:
        return any(self.add.values()) or any(self.remove.values())


class TableMap(t.Protocol):
    """The part of a map that is used here. One of an older version has shorter values."""

    value_size: int

    def __enter__(self) -> TableMap: ...

    def __exit__(self, *exception: object) -> None: ...

    def heads(self, size: int) -> t.Dict[bytes, bytes]: ...

    def items(self) -> t.Iterator[t.Tuple[bytes, bytes]]: ...

    def lookup(self, key: bytes) -> t.Optional[bytes]: ...

    def update(self, key: bytes, value: bytes) -> None: ...

    def update_many(self, keys: t.Sequence[bytes], values: t.Sequence[bytes]) -> None: ...

    def delete_many(self, keys: t.Sequence[bytes]) -> None: ...


class ListKernel(t.Protocol):
    """The part of the kernel that is used here."""

    def host_map(self, name: str) -> t.Optional[TableMap]: ...

    def require_host_maps(self) -> None: ...


def read(kernel: ListKernel) -> Heads:
    """Return every entry of both lists."""
    return {table: _heads(kernel, table) for table in TABLES}


def has_allowed(kernel: ListKernel) -> bool:
    """Whether anything is on the allowlist."""
    bit = LISTS["allow"]
    return any(head[_BITS] & bit for table in TABLES for head in set(_heads(kernel, table).values()))


def listed(heads: Heads, name: str) -> t.Dict[str, t.Set[bytes]]:
    """Return the keys of a list by table."""
    bit = LISTS[name]
    found = {}
    for table, entries in heads.items():
        on = {head for head in set(entries.values()) if head[_BITS] & bit}  # few, however many entries
        found[table] = {key for key, head in entries.items() if head in on}
    return found


def sizes(heads: Heads) -> t.Dict[str, int]:
    """Return how many entries each list has."""
    return {name: sum(_on_list(entries.values(), bit) for entries in heads.values()) for name, bit in LISTS.items()}


def _on_list(heads: t.Iterable[bytes], bit: int) -> int:
    return sum(number for head, number in collections.Counter(heads).items() if head[_BITS] & bit)


def plan(current: Heads, wanted: t.Mapping[str, t.Mapping[bytes, int]], name: str, state: str, slack: int = 0) -> Changes:
    """Compare one list (V(allow), V(block)) with what is wanted: V(present), V(absent) or V(exact).

    C(wanted) has the tick at which each key expires. A time that is there already within C(slack) ticks is left alone.
    """
    add: Heads = {}
    remove: Heads = {}
    here = listed(current, name)
    for table in TABLES:
        there, keys = current[table], wanted[table]
        if state == "absent":
            gone: t.Iterable[bytes] = here[table].intersection(keys)
        else:
            gone = here[table].difference(keys) if state == "exact" else ()
            add[table] = _added(there, keys, here[table], table, name, slack)
        remove[table] = {key: _without(there[key], name) for key in gone}
    return Changes(add, remove)


def _added(
    there: t.Mapping[bytes, bytes],
    keys: t.Mapping[bytes, int],
    here: t.Set[bytes],
    table: str,
    name: str,
    slack: int,
) -> t.Dict[bytes, bytes]:
    missing = keys.keys() - here if here else keys.keys()
    new = _fresh(keys, missing, table, name) if missing else {}
    for key in new.keys() & there.keys():
        new[key] = _with(there[key], name, keys[key])
    if any(keys.values()) or any(expires_of(head, name) for head in set(there.values())):
        new.update(_renewed(there, {key: tick for key, tick in keys.items() if key in here}, name, slack))
    return new


def _renewed(there: t.Mapping[bytes, bytes], keys: t.Mapping[bytes, int], name: str, slack: int) -> t.Iterator[t.Tuple[bytes, bytes]]:
    """Return what gets another time. Of a million entries few are unlike each other: each kind is looked at once."""
    kinds: t.Dict[t.Tuple[bytes, int], t.Optional[bytes]] = {}
    for key, tick in keys.items():
        kind = there[key], tick
        if kind not in kinds:
            kinds[kind] = None if _close(expires_of(kind[0], name), tick, slack) else _with(kind[0], name, tick)
        head = kinds[kind]
        if head is not None:
            yield key, head


def _close(old: int, new: int, slack: int) -> bool:
    return old == new or (bool(old) and bool(new) and abs(old - new) <= slack)


def expires_of(head: bytes, name: str) -> int:
    """Return the tick at which an entry expires on a list; 0 for never."""
    _lists, _length, allow, block = HEAD.unpack(head)
    return int(allow if name == "allow" else block)


def _fresh(keys: t.Mapping[bytes, int], missing: t.AbstractSet[bytes], table: str, name: str) -> t.Dict[bytes, bytes]:
    """Return heads for keys that are on no list yet; equal ones are one object, which keeps a million of them small."""
    if table.startswith("hosts_"):
        length = 8 * MAPS[table].key_size
        of = {tick: _head(length, name, tick) for tick in set(keys.values())}
        return {key: of[tick] for key, tick in keys.items() if key in missing}
    kinds = {kind: _head(struct.unpack("=I", kind[0])[0], name, kind[1]) for kind in {(key[:4], tick) for key, tick in keys.items()}}
    return {key: kinds[key[:4], tick] for key, tick in keys.items() if key in missing}


def _head(length: int, name: str, tick: int) -> bytes:
    return HEAD.pack(LISTS[name], length, *((tick, 0) if name == "allow" else (0, tick)))


def _with(head: bytes, name: str, tick: int) -> bytes:
    """Return the head of an entry that is there, once it is on the list, or has another time."""
    lists, length, allow, block = HEAD.unpack(head)
    times = (tick, block) if name == "allow" else (allow, tick)
    return HEAD.pack(lists | LISTS[name], length, *times)


def _without(head: bytes, name: str) -> bytes:
    lists, length, allow, block = HEAD.unpack(head)
    times = (0, block) if name == "allow" else (allow, 0)
    return HEAD.pack(lists & ~LISTS[name], length, *times)


def gate_of(heads: Heads) -> bytes:
    """Return C(struct list_gate) for these entries: which tables the program has to look into."""
    lists = sizes(heads)
    return GATE.pack(*(len(heads[table]) for table in TABLES), lists["allow"], lists["block"])


def gate_after(current: Heads, changes: Changes) -> bytes:
    """Return C(struct list_gate) once the changes are made. Raises FastpathError where a table can't hold them."""
    counts, lists = [], sizes(current)
    for table in TABLES:
        there, touched = current[table], {**changes.add.get(table, {}), **changes.remove.get(table, {})}
        before = [there[key] for key in touched.keys() & there.keys()]
        gone = sum(1 for head in touched.values() if not head[_BITS])
        counts.append(len(there) - len(before) + len(touched) - gone)
        _check_room(table, counts[-1], gone)
        for name, bit in LISTS.items():
            lists[name] += _on_list(touched.values(), bit) - _on_list(before, bit)
    return GATE.pack(*counts, lists["allow"], lists["block"])


def _check_room(table: str, number: int, gone: int) -> None:
    most = MAPS[table].max_entries
    if number > most:
        remedy = "Aggregate hosts to prefixes, or list fewer. Nothing was changed"
        raise FastpathError("%d entries for %s" % (number, table), "the table holds %d" % most, remedy)
    if number + gone > most:
        reason = "the table holds %d, and new entries come before %d old ones go" % (most, gone)
        remedy = "Remove old ones with a task of its own, state=absent, before this one. Nothing was changed"
        raise FastpathError("%d entries for %s" % (number + gone, table), reason, remedy)


def read_gate(kernel: ListKernel) -> t.Optional[bytes]:
    """Return C(struct list_gate) as it is; V(none) where no list was made yet."""
    opened = kernel.host_map(_GATE)
    if opened is None:
        return None
    with opened:
        gate = opened.lookup(_FIRST)
    return gate and gate.ljust(GATE.size, b"\0")


def apply(kernel: ListKernel, current: Heads, changes: Changes) -> None:
    """Make the changes in the kernel, additions to all tables first. Raises FastpathError before any where they don't fit."""
    after = gate_after(current, changes)
    kernel.require_host_maps()
    _set_gate(kernel, GATE.pack(*map(max, GATE.unpack(gate_of(current)), GATE.unpack(after))))
    for heads in (changes.add, changes.remove):  # of all tables: a host may make room for a network that it is in
        for table in TABLES:
            if heads.get(table):
                _write(kernel, table, heads[table], current[table])
    _set_gate(kernel, after)


def _write(kernel: ListKernel, table: str, heads: t.Mapping[bytes, bytes], there: t.Mapping[bytes, bytes]) -> None:
    kept = [key for key, head in heads.items() if head[_BITS]]
    with _existing(kernel, table) as opened:
        try:
            opened.update_many(kept, _values(opened, kept, heads, there))
            opened.delete_many([key for key, head in heads.items() if not head[_BITS]])
        except OSError as error:
            raise FastpathError(table, reason_of(error), "Run the task again: it makes what is missing") from error


def _values(
    opened: TableMap, keys: t.Sequence[bytes], heads: t.Mapping[bytes, bytes], there: t.Mapping[bytes, bytes]
) -> t.List[bytes]:
    """Return whole values: of those that were there with hits and times as the program has them by now."""
    fresh = {head: head + _NOT_SEEN for head in set(heads.values())}
    seen = _seen(opened, [key for key in keys if key in there], len(there))
    values = (heads[key] + seen[key] if key in seen else fresh[heads[key]] for key in keys)
    return list(values) if opened.value_size == LIST_ENTRY.size else [value[: opened.value_size] for value in values]


def _seen(opened: TableMap, keys: t.Sequence[bytes], number: int) -> t.Dict[bytes, bytes]:
    """Return what the program wrote into these entries, of so many in the table; those without hits are left out."""
    if _ONE_BY_ONE * len(keys) < number:
        values: t.Iterable[t.Tuple[bytes, t.Optional[bytes]]] = ((key, opened.lookup(key)) for key in keys)
    else:
        values = opened.items() if keys else ()
    return {key: value[HEAD.size:] for key, value in values if value and value[HEAD.size:] != _NOT_SEEN}


def _set_gate(kernel: ListKernel, gate: bytes) -> None:
    """Tell the program which tables have entries: before the first one, and after the last."""
    with _existing(kernel, _GATE) as opened:
        opened.update(_FIRST, gate[: opened.value_size])


def _existing(kernel: ListKernel, name: str) -> TableMap:
    opened = kernel.host_map(name)
    if opened is None:
        raise FastpathError(name, "somebody unpinned it while the lists were being changed", "Run the task again")
    return opened


def _heads(kernel: ListKernel, table: str) -> t.Dict[bytes, bytes]:
    opened = kernel.host_map(table)
    if opened is None:
        return {}
    with opened:
        return opened.heads(HEAD.size)
