# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying maps over to the shapes of this version, with what is in them.

A map can't change its shape, so a new one takes its place: filled before the new program comes in place of the old, since packets
go on being counted meanwhile, and given afterwards what the old one counted since. Where the new program has to go again, the old
map gets what the new one counted.
"""

from __future__ import annotations

import contextlib
import itertools
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._pins import check_shape

__all__ = ("Place", "moved", "places")

_CHUNK = 1 << 16
_U64 = 1 << 64
_WHOLE, _HITS = slice(0, None), slice(24, 32)
_COUNTS = {"xdp_counters": _WHOLE, "xdp_stats": _WHOLE, **dict.fromkeys(TABLES, _HITS)}
"""Where a value has 64-bit numbers that only ever grow. The rest (times, tokens) is right again with the next packet."""

_Counted = t.Dict[bytes, t.Tuple[int, ...]]


class Place(t.NamedTuple):
    """The map that a program is to go by."""

    map: Map
    old: t.Optional[Map] = None
    """The one of another shape, whose content it is to hold."""
    found: bool = True
    """Whether there was one at all."""


@contextlib.contextmanager
def places(
    kernel: AttachingKernel, folder: str, shapes: t.Iterable[MapShape], find: t.Callable[[str], t.Optional[Map]]
) -> t.Iterator[t.Dict[str, Place]]:
    """Open the maps that are there, and make those that are not or that have another shape.

    Nobody but us sees a map that was made, and it is gone if nothing comes of it. Raises FastpathError where what is there can't be
    carried over.
    """
    with contextlib.ExitStack() as stack:
        opened: t.Dict[str, Place] = {}
        for shape in shapes:
            found = find(shape.name)
            if found is not None:
                stack.enter_context(found)
            if found is not None and found.shape == shape:
                opened[shape.name] = Place(found)
                continue
            if found is not None:
                check_shape("%s/%s" % (folder, shape.name), found.shape)
            made = stack.enter_context(kernel.new_map(shape))
            opened[shape.name] = Place(made, found, found is not None)
        yield opened


@contextlib.contextmanager
def moved(kernel: AttachingKernel, all_places: t.Iterable[Place]) -> t.Iterator[None]:
    """Fill new maps before, and afterwards add what was counted meanwhile; in the old ones if it failed."""
    pairs = [(place.old, place.map) for place in all_places if place.old is not None]
    counted = [_copy(old, new) for old, new in pairs]
    try:
        yield
    except (FastpathError, OSError):
        for (old, new), before in zip(pairs, counted):
            _add_since(kernel, new, old, before)
        raise
    for (old, new), before in zip(pairs, counted):
        _add_since(kernel, old, new, before)


def _copy(old: Map, new: Map) -> _Counted:
    """Fill the new map. Returns what the old one had counted by then."""
    counted: _Counted = {}
    items = old.items()
    while True:
        chunk = list(itertools.islice(items, _CHUNK))
        if not chunk:
            return counted
        counted.update(_numbers(old, chunk))
        new.update_many([key for key, _value in chunk], _widened([value for _key, value in chunk], old, new))


def _widened(values: t.List[bytes], old: Map, new: Map) -> t.List[bytes]:
    """Return the values with zeros behind what they had; of a per-CPU map, behind each CPU's."""
    if old.value_size == new.value_size:
        return values
    parts = _parts(old)
    width, size = old.value_size // parts, new.value_size // parts
    starts = range(0, old.value_size, width)
    return [b"".join(value[start: start + width].ljust(size, b"\0") for start in starts) for value in values]


def _parts(opened: Map) -> int:
    """Return how many values there are for a key: one, or one for each CPU."""
    return opened.value_size // (opened.shape.value_size + 7 & ~7) or 1


def _words(opened: Map) -> t.Sequence[int]:
    """Return the positions of the numbers in a value."""
    return range(opened.shape.value_size // 8)[_words_of(_COUNTS.get(opened.shape.name, slice(0, 0)))]


def _words_of(cut: slice) -> slice:
    return slice(cut.start // 8, cut.stop and cut.stop // 8)


def _numbers(opened: Map, items: t.Iterable[t.Tuple[bytes, bytes]]) -> t.Iterator[t.Tuple[bytes, t.Tuple[int, ...]]]:
    """Return the numbers by key, summed over all CPUs; keys that have none yet are left out."""
    words, cut = len(_words(opened)), _COUNTS.get(opened.shape.name)
    if cut is None:
        return
    layout = struct.Struct("=%dQ" % (words * _parts(opened)))
    zeros = bytes(layout.size)
    for key, value in items:
        if value[cut] != zeros:
            numbers = layout.unpack(value[cut])
            yield key, tuple(sum(numbers[word::words]) for word in range(words))


def _add_since(kernel: AttachingKernel, source: Map, target: Map, before: _Counted) -> None:
    """Add to one map what the other counted since."""
    words = min(_words(source), _words(target), key=len)
    if not words:
        return
    none = (0,) * len(words)
    now = _numbers(source, source.items())
    since = ((key, tuple((n - b) % _U64 for n, b in zip(numbers, before.get(key, none)))) for key, numbers in now)
    kernel.add(target, words, ((key, numbers) for key, numbers in since if any(numbers)))
