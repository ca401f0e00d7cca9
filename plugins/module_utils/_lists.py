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
import errno
import functools
import itertools
import struct
import sys
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, LISTS, MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._gate import TABLES, read_gate

__all__ = (
    "Changes",
    "Gates",
    "Heads",
    "ListKernel",
    "apply",
    "expires_of",
    "gates",
    "has_allowed",
    "leaves_allowed",
    "listed",
    "plan",
    "read",
    "read_gate",
    "run_out",
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
_KINDS = 4096
_GONE = bytes(HEAD.size)
_FULL = (errno.E2BIG, errno.ENOSPC)


class Changes(t.NamedTuple):
    """What has to be done to one of the lists: by table, the head that each key is to have."""

    add: Heads
    """Entries that come."""
    renew: Heads
    """Entries that get another time."""
    remove: Heads
    """Entries that go; a head without lists is an entry that goes altogether."""

    def __bool__(self) -> bool:
        return any(any(heads.values()) for heads in self)


class Gates(t.NamedTuple):
    """C(struct list_gate), which tells the program what tables to look into."""

    before: bytes
    after: bytes


class TableMap(t.Protocol):
    """The part of a map that is used here. One of an older version has shorter values."""

    value_size: int

    def __enter__(self) -> TableMap: ...

    def __exit__(self, *exception: object) -> None: ...

    def heads(self, size: int) -> t.Dict[bytes, bytes]: ...

    def tails(self, size: int) -> t.Iterator[t.Tuple[t.List[bytes], t.List[bytes]]]: ...

    def lookup(self, key: bytes) -> t.Optional[bytes]: ...

    def update(self, key: bytes, value: bytes) -> None: ...

    def update_many(self, keys: t.Sequence[bytes], values: t.Sequence[bytes]) -> None: ...

    def delete_many(self, keys: t.Sequence[bytes]) -> None: ...


class ListKernel(t.Protocol):
    """The part of the kernel that is used here."""

    def host_map(self, name: str) -> t.Optional[TableMap]: ...

    def require_host_maps(self) -> None: ...

    def wait_for_programs(self) -> None: ...


def read(kernel: ListKernel) -> Heads:
    """Return every entry of both lists."""
    return {table: _heads(kernel, table) for table in TABLES}


def has_allowed(kernel: ListKernel, tick: int) -> bool:
    """Whether anything is on the allowlist that has not expired by that tick."""
    return any(_allows(head, tick) for table in TABLES for head in set(_heads(kernel, table).values()))


def leaves_allowed(current: Heads, changes: Changes, tick: int) -> bool:
    """Whether the changes leave anything on the allowlist that has not expired by that tick, if anything is."""
    if not any(changes.remove.values()):
        return True
    allowing = {head for heads in current.values() for head in set(heads.values()) if _allows(head, tick)}
    if not allowing or any(_allows(head, tick) for heads in (*changes.add.values(), *changes.renew.values()) for head in set(heads.values())):
        return True
    gone = {table: changes.remove.get(table, {}) for table in current}
    return any(head in allowing and key not in gone[table] for table, heads in current.items() for key, head in heads.items())


def _allows(head: bytes, tick: int) -> bool:
    return bool(head[_BITS] & LISTS["allow"]) and not 0 < expires_of(head, "allow") <= tick


def listed(heads: Heads, name: str) -> t.Dict[str, t.AbstractSet[bytes]]:
    """Return the keys of a list by table."""
    bit = LISTS[name]
    found: t.Dict[str, t.AbstractSet[bytes]] = {}
    for table, entries in heads.items():
        kinds = set(entries.values())  # few, however many entries
        on = {head for head in kinds if head[_BITS] & bit}
        found[table] = entries.keys() if on == kinds else {key for key, head in entries.items() if head in on}
    return found


def sizes(heads: Heads) -> t.Dict[str, int]:
    """Return how many entries each list has."""
    tables = [_listed(entries.values()) for entries in heads.values()]
    return {name: sum(table[name] for table in tables) for name in LISTS}


def _listed(heads: t.Iterable[bytes]) -> t.Dict[str, int]:
    """Return how many of them are on each list."""
    kinds = collections.Counter(heads)  # few, however many entries
    return {name: sum(number for head, number in kinds.items() if head[_BITS] & bit) for name, bit in LISTS.items()}


def plan(current: Heads, wanted: t.Mapping[str, t.Mapping[bytes, int]], name: str, state: str, slack: int = 0) -> Changes:
    """Compare one list (V(allow), V(block)) with what is wanted: V(present), V(absent) or V(exact).

    C(wanted) has the tick at which each key expires. A time that is there already within C(slack) ticks is left alone.
    """
    add: Heads = {}
    renew: Heads = {}
    remove: Heads = {}
    here = listed(current, name)
    for table in TABLES:
        there, keys = current[table], wanted[table]
        gone: t.Iterable[bytes] = ()
        missing: t.Collection[bytes]
        if state == "absent":
            gone = here[table] & keys.keys()
        else:
            missing = list(itertools.filterfalse(here[table].__contains__, keys)) if here[table] else keys
            add[table] = _added(there, keys, missing, table, name)
            renew[table] = _renewed(there, keys, name, slack)
            if state == "exact" and len(here[table]) > len(keys) - len(missing):
                gone = here[table] - keys.keys() if keys else here[table]  # in the order of the kernel, which deletes faster then
        less = {head: _without(head, name) for head in set(there.values())} if gone else {}
        remove[table] = {key: less[there[key]] for key in gone}
    return Changes(add, renew, remove)


def _added(
    there: t.Mapping[bytes, bytes], keys: t.Mapping[bytes, int], missing: t.Collection[bytes], table: str, name: str
) -> t.Dict[bytes, bytes]:
    new = _fresh(keys, missing, table, name) if missing else {}
    for key in new.keys() & there.keys():
        new[key] = _with(there[key], name, keys[key])
    return new


def _renewed(there: t.Mapping[bytes, bytes], keys: t.Mapping[bytes, int], name: str, slack: int) -> t.Dict[bytes, bytes]:
    """Return what gets another time. Of a million entries few are unlike each other: each kind is looked at once."""
    if not any(keys.values()) and not any(expires_of(head, name) for head in set(there.values())):
        return {}

    @functools.lru_cache(_KINDS)
    def renewed(head: bytes, tick: t.Optional[int]) -> t.Optional[bytes]:
        if tick is None or not head[_BITS] & LISTS[name] or _close(expires_of(head, name), tick, slack):
            return None
        return _with(head, name, tick)

    if _ONE_BY_ONE * len(keys) < len(there):
        there = {key: there[key] for key in keys if key in there}
    heads = map(renewed, there.values(), map(keys.get, there))  # in the order of the kernel, in which they are written then
    return {key: head for key, head in zip(there, heads) if head is not None}


def _close(old: int, new: int, slack: int) -> bool:
    return old == new or (bool(old) and bool(new) and abs(old - new) <= slack)


def expires_of(head: bytes, name: str) -> int:
    """Return the tick at which an entry expires on a list; 0 for never."""
    _lists, _length, allow, block = HEAD.unpack(head)
    return int(allow if name == "allow" else block)


def run_out(current: Heads, changes: Changes, name: str, tick: int) -> Heads:
    """Return what of the entries that are to go has only expired by that tick, which the program has noticed itself."""
    return {table: _past(current[table], heads, name, tick) for table, heads in changes.remove.items()}


def _past(there: t.Mapping[bytes, bytes], heads: t.Mapping[bytes, bytes], name: str, tick: int) -> t.Dict[bytes, bytes]:
    past = {head for head in set(map(there.__getitem__, heads)) if 0 < expires_of(head, name) <= tick}
    return {key: head for key, head in heads.items() if there[key] in past} if past else {}


def _fresh(keys: t.Mapping[bytes, int], missing: t.Collection[bytes], table: str, name: str) -> t.Dict[bytes, bytes]:
    """Return heads for keys that are on no list yet; equal ones are one object, which keeps a million of them small."""
    if table.startswith("hosts_"):
        length = 8 * MAPS[table].key_size
        of = {tick: _head(length, name, tick) for tick in set(keys.values())}
        if len(of) == 1:
            return dict.fromkeys(missing, *of.values())
        return dict(zip(missing, map(of.__getitem__, map(keys.__getitem__, missing))))
    kinds = {kind: _head(struct.unpack("=I", kind[0])[0], name, kind[1]) for kind in {(key[:4], tick) for key, tick in keys.items()}}
    return {key: kinds[key[:4], keys[key]] for key in missing}


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


def gates(current: Heads, changes: Changes) -> Gates:
    """Return the gate before and after the changes. Raises FastpathError where a table can't hold them."""
    counts, lists = [], sizes(current)
    before = GATE.pack(*(len(current[table]) for table in TABLES), lists["allow"], lists["block"])
    for table in TABLES:
        there, add, remove = current[table], changes.add.get(table, {}), changes.remove.get(table, {})
        known = [key for key in add if key in there] if there else []
        gone = sum(1 for head in remove.values() if not head[_BITS])
        counts.append(len(there) + len(add) - len(known) - gone)
        _check_room(table, counts[-1], gone)
        for number, heads in ((1, add.values()), (1, remove.values()), (-1, map(there.__getitem__, itertools.chain(known, remove)))):
            for name, size in _listed(heads).items():
                lists[name] += number * size
    return Gates(before, GATE.pack(*counts, lists["allow"], lists["block"]))


def _check_room(table: str, number: int, gone: int) -> None:
    most = MAPS[table].max_entries
    if number > most:
        remedy = "Aggregate hosts to prefixes, or list fewer. Nothing was changed"
        raise FastpathError("%d entries for %s" % (number, table), "the table holds %d" % most, remedy)
    if number + gone > most:
        reason = "the table holds %d, and new entries come before %d old ones go" % (most, gone)
        remedy = "Remove old ones with a task of its own, state=absent, before this one. Nothing was changed"
        raise FastpathError("%d entries for %s" % (number + gone, table), reason, remedy)


def apply(kernel: ListKernel, current: Heads, changes: Changes, planned: t.Optional[Gates] = None) -> None:
    """Make the changes in the kernel, all of them. Raises FastpathError where that can't be: then it is as it was."""
    planned = planned or gates(current, changes)
    kernel.require_host_maps()
    _set_gate(kernel, GATE.pack(*map(max, GATE.unpack(planned.before), GATE.unpack(planned.after))))
    try:
        _change(kernel, current, changes)
    except OSError as error:
        _undo(kernel, current, changes)
        _set_gate(kernel, planned.before)
        reason = "a table is full" if error.errno in _FULL else reason_of(error)
        raise FastpathError("The lists", reason, "All was put back as it was. Make room (memory, other entries), or list fewer") from error
    _set_gate(kernel, planned.after)


def _change(kernel: ListKernel, current: Heads, changes: Changes) -> None:
    """Additions to all tables come first: a host may make room for a network that it is in."""
    _each(kernel, changes.add, current, _add)
    _each(kernel, changes.renew, current, _rewrite)
    if any(changes.remove.values()):
        kernel.wait_for_programs()  # a packet that has missed the new host may be on its way to the old network of it
        _each(kernel, changes.remove, current, _remove)
        kernel.wait_for_programs()  # one that has found what is gone reads it still; the next entry takes its memory


def _undo(kernel: ListKernel, current: Heads, changes: Changes) -> None:
    """Make the entries again what they were; as far as the kernel lets us."""
    touched = {table: {key for heads in changes for key in heads.get(table, ())} for table in TABLES}
    were = {table: {key: current[table][key] for key in keys & current[table].keys()} for table, keys in touched.items()}
    came = {table: dict.fromkeys(keys - current[table].keys(), _GONE) for table, keys in touched.items()}
    try:
        _change(kernel, current, Changes({}, were, came))
    except OSError as error:
        raise FastpathError("The lists", reason_of(error), "Run the task again: it makes what is missing") from error


_Work = t.Callable[[TableMap, t.Mapping[bytes, bytes], t.Mapping[bytes, bytes]], None]
"""Takes the table, the heads that some keys are to have, and what is there."""


def _each(kernel: ListKernel, changed: Heads, current: Heads, work: _Work) -> None:
    for table in TABLES:
        if not changed.get(table):
            continue
        with _existing(kernel, table) as opened:
            work(opened, changed[table], current[table])


def _add(opened: TableMap, heads: t.Mapping[bytes, bytes], there: t.Mapping[bytes, bytes]) -> None:
    fresh = {key: head for key, head in heads.items() if key not in there} if there else heads
    whole = {head: head + _unseen(opened) for head in set(heads.values())}
    opened.update_many(list(fresh), list(map(whole.__getitem__, fresh.values())))
    if len(fresh) < len(heads):
        _rewrite(opened, {key: head for key, head in heads.items() if key in there}, there)


def _remove(opened: TableMap, heads: t.Mapping[bytes, bytes], there: t.Mapping[bytes, bytes]) -> None:
    kept = {key: head for key, head in heads.items() if head[_BITS]}
    if kept:
        _rewrite(opened, kept, there)
    opened.delete_many([key for key in heads if key not in kept])


def _rewrite(opened: TableMap, heads: t.Mapping[bytes, bytes], there: t.Mapping[bytes, bytes]) -> None:
    """Give entries other heads. Hits and times stay, as the program has them by then."""
    done = 0
    for keys, tails in opened.tails(HEAD.size) if _ONE_BY_ONE * len(heads) >= len(there) else _tails(opened, heads):
        some = list(map(heads.get, keys))
        if None in some:
            keys, tails = list(itertools.compress(keys, some)), list(itertools.compress(tails, some))
        values = [head + tail for head, tail in zip(filter(None, some), tails)]
        opened.update_many(keys, values)
        done += len(keys)
    if done < len(heads):  # somebody removed an entry meanwhile
        left = opened.heads(0)
        gone = [key for key in heads if key not in left]
        opened.update_many(gone, [heads[key] + _unseen(opened) for key in gone])


def _tails(opened: TableMap, keys: t.Iterable[bytes]) -> t.Iterator[t.Tuple[t.List[bytes], t.List[bytes]]]:
    for key in keys:
        value = opened.lookup(key)
        yield [key], [value[HEAD.size:] if value else _unseen(opened)]


def _unseen(opened: TableMap) -> bytes:
    """Return what is behind the head of an entry that decided nothing yet."""
    return bytes(opened.value_size - HEAD.size)


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
