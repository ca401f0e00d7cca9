# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing BPF maps: one entry, or many at a time where the kernel can."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import attributes, bpf, create_map, map_info

__all__ = ("Map", "of_cpus", "possible_cpus", "wait_for_programs")

_LOOKUP, _UPDATE, _DELETE, _NEXT_KEY = 1, 2, 3, 4
_LOOKUP_BATCH, _UPDATE_BATCH, _DELETE_BATCH = 24, 26, 27
_ENOTSUPP = 524  # the kernel's own; not in errno
_NO_BATCH = (_ENOTSUPP, errno.EINVAL, errno.EOPNOTSUPP)
_CHUNK = 1 << 13  # stays in the caches; one that can't hold a whole bucket of a hash would answer ENOSPC
_ARRAY, _ARRAY_OF_MAPS = 2, 12
_PERCPU_TYPES = (5, 6, 10, 21)


def possible_cpus(path: str = "/sys/devices/system/cpu/possible") -> t.List[int]:
    """Return the numbers of the CPUs that a per-CPU map has a value of in each entry, in the order of these values."""
    with open(path, encoding="ascii") as stream:
        ends = [part.partition("-") for part in stream.read().strip().split(",")]
    return [cpu for first, _dash, last in ends for cpu in range(int(first), int(last or first) + 1)]


_Chunk = t.Tuple[bytes, bytes, int]
"""Keys and values, one after the other, and how many."""


class Map:
    """An open map. Closes its file descriptor at the end of a C(with) block."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.info = map_info(fd)
        self.shape = self.info.shape
        self.value_size = self.shape.value_size
        """Of a per-CPU map, of the values of all CPUs."""
        if self.shape.type in _PERCPU_TYPES:
            self.value_size = (self.shape.value_size + 7 & ~7) * len(possible_cpus())

    def __enter__(self) -> Map:
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self.fd)

    def lookup(self, key: bytes) -> t.Optional[bytes]:
        """Return the value (of a per-CPU map: of every possible CPU, one after the other), V(none) if there is none."""
        value = ctypes.create_string_buffer(self.value_size)
        try:
            self._element(_LOOKUP, key, value)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        return value.raw

    def update(self, key: bytes, value: bytes) -> None:
        """Set one entry. Raises C(OSError) (E2BIG or ENOSPC: the map is full)."""
        self._element(_UPDATE, key, ctypes.create_string_buffer(value, len(value)))

    def delete(self, key: bytes) -> bool:
        """Remove one entry; V(false) if it was not there."""
        try:
            self._element(_DELETE, key)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def items(self) -> t.Iterator[t.Tuple[bytes, bytes]]:
        """Return every entry."""
        for keys, values, count in self._chunks():
            yield from zip(_cut(keys, self.shape.key_size, count), _cut(values, self.value_size, count))

    def heads(self, size: int) -> t.Dict[bytes, bytes]:
        """Return the first bytes of every value by key; equal ones are one object, which keeps a million of them small."""
        found: t.Dict[bytes, bytes] = {}
        same: t.Dict[bytes, bytes] = {}
        for keys, values, count in self._chunks():
            heads = _cut(values, self.value_size, count, size)
            found.update(zip(_cut(keys, self.shape.key_size, count), map(same.setdefault, heads, heads)))
        return found

    def tails(self, size: int) -> t.Iterator[t.Tuple[t.List[bytes], t.List[bytes]]]:
        """Return keys, and what is behind the first bytes of their values, many at a time. Meanwhile entries may be set, but not added."""
        for keys, values, count in self._chunks():
            rest = [values[i + size: i + self.value_size] for i in range(0, len(values), self.value_size)]
            yield _cut(keys, self.shape.key_size, count), rest

    def update_many(self, keys: t.Sequence[bytes], values: t.Sequence[bytes]) -> None:
        """Set entries, in their order. Raises C(OSError) when the map is full; those before it are set."""
        for start in range(0, len(keys), _CHUNK):
            some, theirs = keys[start: start + _CHUNK], values[start: start + _CHUNK]
            try:
                self._batch(_UPDATE_BATCH, b"".join(some), b"".join(theirs), len(some))
            except OSError as error:
                if error.errno not in _NO_BATCH:
                    raise
                for key, value in zip(some, theirs):
                    self.update(key, value)

    def delete_many(self, keys: t.Sequence[bytes]) -> None:
        """Remove entries; one that is not there is passed over."""
        done = 0
        while done < len(keys):
            chunk = keys[done: done + _CHUNK]
            try:
                done += self._batch(_DELETE_BATCH, b"".join(chunk), b"", len(chunk))
            except _Stopped as stop:
                done += stop.count + 1  # the one it stopped at is the missing one
            except OSError as error:
                if error.errno not in _NO_BATCH:
                    raise
                for key in chunk:
                    self.delete(key)
                done += len(chunk)

    def _element(self, command: int, key: bytes, value: t.Optional[ctypes.Array[ctypes.c_char]] = None) -> None:
        key_buffer = ctypes.create_string_buffer(key, len(key))
        address = ctypes.addressof(value) if value is not None else 0
        bpf(command, attributes("I4xQQQ", self.fd, ctypes.addressof(key_buffer), address, 0))

    def _batch(self, command: int, keys: bytes, values: bytes, count: int) -> int:
        key_buffer = ctypes.create_string_buffer(keys, len(keys))
        value_buffer = ctypes.create_string_buffer(values, len(values) or 1)
        pointers = (ctypes.addressof(key_buffer), ctypes.addressof(value_buffer) if values else 0)
        attr = attributes("QQQQIIQQ", 0, 0, *pointers, count, self.fd, 0, 0)
        try:
            bpf(command, attr)
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise _Stopped(_count_of(attr)) from error
            raise
        return count

    def _chunks(self) -> t.Iterator[_Chunk]:
        """Return all keys and all values, many at a time."""
        try:
            yield from self._chunks_by_batch()
        except OSError as error:  # with the first look-up or never
            if error.errno not in _NO_BATCH:
                raise
            yield self._all_one_by_one()

    def _chunks_by_batch(self) -> t.Iterator[_Chunk]:
        key_size, value_size = self.shape.key_size, self.value_size
        chunk = min(_CHUNK, self.shape.max_entries)  # the values of many CPUs are large
        keys = ctypes.create_string_buffer(key_size * chunk)
        values = ctypes.create_string_buffer(value_size * chunk)
        cursor = ctypes.create_string_buffer(max(key_size, 8))
        position, last = 0, False
        while not last:
            pointers = (position, ctypes.addressof(cursor), ctypes.addressof(keys), ctypes.addressof(values))
            attr = attributes("QQQQIIQQ", *pointers, chunk, self.fd, 0, 0)
            last = not self._next_batch(attr)
            count = _count_of(attr)
            yield t.cast(bytes, keys[: count * key_size]), t.cast(bytes, values[: count * value_size]), count
            position = ctypes.addressof(cursor)

    @staticmethod
    def _next_batch(attr: ctypes.Array[ctypes.c_char]) -> bool:
        """Look up the next chunk; V(false) with the last one, which comes together with ENOENT."""
        try:
            bpf(_LOOKUP_BATCH, attr)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def _all_one_by_one(self) -> _Chunk:
        keys: t.List[bytes] = []
        following = ctypes.create_string_buffer(self.shape.key_size)
        address = 0
        current = ctypes.create_string_buffer(self.shape.key_size)
        while True:
            try:
                bpf(_NEXT_KEY, attributes("I4xQQQ", self.fd, address, ctypes.addressof(following), 0))
            except OSError as error:
                if error.errno == errno.ENOENT:
                    break
                raise
            keys.append(following.raw)
            current.raw, address = following.raw, ctypes.addressof(current)
        values = ((key, self.lookup(key)) for key in keys)
        found = [(key, value) for key, value in values if value is not None]
        return b"".join(key for key, value in found), b"".join(value for key, value in found), len(found)


def of_cpus(opened: Map, value: bytes, size: int) -> t.Iterator[bytes]:
    """Return the values of all CPUs that one of a per-CPU map is made of, so long: what an older version did not have yet is 0."""
    width = opened.shape.value_size + 7 & ~7
    return (value[start: start + width].ljust(size, b"\0")[:size] for start in range(0, len(value), width))


def wait_for_programs() -> None:
    """Return when every program that runs now has ended, so that none goes on with what it read before. Raises C(OSError).

    The kernel waits so (C(synchronize_rcu)) whenever a map in a map of maps is replaced: user space is to know that nobody uses
    the old one. membarrier(2) would do the same, but not with C(nohz_full).
    """
    inner = create_map(MapShape("wait_inner", _ARRAY, 4, 4, 1))
    try:
        with Map(create_map(MapShape("wait", _ARRAY_OF_MAPS, 4, 4, 1), inner)) as outer:
            outer.update(bytes(4), struct.pack("=I", inner))
    finally:
        os.close(inner)


class _Stopped(Exception):
    """A batch delete met a key that is not there, after so many that were."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def _cut(raw: bytes, size: int, count: int, keep: t.Optional[int] = None) -> t.List[bytes]:
    """Return the first bytes of every so many."""
    keep = size if keep is None else keep
    return [raw[i: i + keep] for i in range(0, count * size, size)]


def _count_of(attr: ctypes.Array[ctypes.c_char]) -> int:
    return int(struct.unpack_from("=I", attr.raw, 32)[0])
