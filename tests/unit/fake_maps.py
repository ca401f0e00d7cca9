# SPDX-License-Identifier: GPL-3.0-or-later

"""The maps of the fake kernel: what is in them outlives those who have them open (test_contract.py compares them with real ones)."""

from __future__ import annotations

import errno
import os
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import MapInfo
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map

if typing.TYPE_CHECKING:
    from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

CPUS = 2
ARRAYS, PERCPU, LRU, TRIE = (2, 6, 17), (5, 6, 10), (9, 10), 11


@dataclass
class Table:
    """What a map holds."""

    shape: MapShape
    values: dict[bytes, bytes] = field(default_factory=dict)


class FakeMap(Map):
    """An open map."""

    def __init__(self, kernel: FakeKernel, map_id: int) -> None:
        self.kernel = kernel
        self.table = kernel.tables[map_id]
        self.fd = kernel.open("map", map_id)
        self.info = MapInfo(map_id, self.table.shape)
        self.shape = self.table.shape
        self.value_size = self.shape.value_size * (CPUS if self.shape.type in PERCPU else 1)

    def __enter__(self) -> FakeMap:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kernel.close(self.fd)

    def lookup(self, key: bytes) -> bytes | None:
        return self.table.values.get(self._longest(key) if self.shape.type == TRIE else key)

    def _longest(self, key: bytes) -> bytes:
        """Return the key of the longest prefix that covers this one."""
        length, address = int.from_bytes(key[:4], "little"), int.from_bytes(key[4:], "big")
        for bits in range(length, -1, -1):
            rest = 8 * len(key[4:]) - bits
            found = bits.to_bytes(4, "little") + (address >> rest << rest).to_bytes(len(key) - 4, "big")
            if found in self.table.values:
                return found
        return key

    def update(self, key: bytes, value: bytes) -> None:
        values, shape = self.table.values, self.shape
        assert len(key) == shape.key_size, "a key of %s has another size" % shape.name
        assert len(value) == self.value_size, "a value of %s has another size" % shape.name
        if key not in values:
            self._make_room()
        self.kernel.wrote("update", shape.name, key)
        values[key] = value

    def _make_room(self) -> None:
        full = len(self.table.values) >= self.shape.max_entries
        if full and self.shape.type in LRU:
            del self.table.values[next(iter(self.table.values))]
        elif full:
            code = errno.ENOSPC if self.shape.type == TRIE else errno.E2BIG
            raise OSError(code, os.strerror(code))
        elif self.kernel.memory is not None:
            if not self.kernel.memory:
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            self.kernel.memory -= 1

    def delete(self, key: bytes) -> bool:
        if self.shape.type in ARRAYS:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if key not in self.table.values:
            return False
        self.kernel.wrote("delete", self.shape.name, key)
        del self.table.values[key]
        return True

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.table.values.items()))

    def heads(self, size: int) -> dict[bytes, bytes]:
        return {key: value[:size] for key, value in self.table.values.items()}

    def tails(self, size: int) -> Iterator[tuple[list[bytes], list[bytes]]]:
        yield list(self.table.values), [value[size:] for value in self.table.values.values()]

    def update_many(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        for key, value in zip(keys, values, strict=True):
            self.update(key, value)

    def delete_many(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            self.delete(key)
