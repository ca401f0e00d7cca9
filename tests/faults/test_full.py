# SPDX-License-Identifier: GPL-3.0-or-later

"""A table of the kernel is full before the list is in it: nothing of the list is there then, and the old one still decides."""

from __future__ import annotations

import os

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import create_map
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._lists import Heads
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.tests.live.entries import prefixes

ROOM = 100


class SmallKernel(AttachingKernel):
    """The real one, but that a table has less room than its program says: as if others had filled it meanwhile."""

    def __init__(self) -> None:
        self._fds = {name: create_map(MAPS[name]._replace(max_entries=min(ROOM, MAPS[name].max_entries))) for name in (*TABLES, "list_gate")}

    def host_map(self, name: str) -> Map:
        """Open one of them."""
        return Map(os.dup(self._fds[name]))

    def require_host_maps(self) -> list[str]:
        """They are there."""
        return []


def wanted(*texts: str) -> dict[str, dict[bytes, int]]:
    """What a task wants on a list."""
    keys: dict[str, dict[bytes, int]] = {table: {} for table in TABLES}
    for prefix in prefixes(*texts):
        keys[prefix.table][prefix.key] = 0
    return keys


@pytest.mark.parametrize("kind", ["10.0.{}.1", "10.0.{}.0/24", "2001:db8:{}::1", "2001:db8:{}::/48"])
@pytest.mark.parametrize("state", ["present", "exact"])
def test_a_full_table(private_host: None, kind: str, state: str) -> None:
    kernel = SmallKernel()
    old: Heads = {table: {} for table in TABLES}
    _lists.apply(kernel, old, _lists.plan(old, wanted("203.0.113.66", "198.18.0.0/16", "2001:db8:b::66", kind.format(5)), "block", "present"))
    before, gate = _lists.read(kernel), _lists.read_gate(kernel)
    many = wanted("192.0.2.99", *map(kind.format, range(ROOM + 1)))
    with pytest.raises(FastpathError) as full:
        _lists.apply(kernel, before, _lists.plan(before, many, "block", state))
    assert str(full.value).startswith("The lists: a table is full. All was put back as it was.")
    assert (_lists.read(kernel), _lists.read_gate(kernel)) == (before, gate)
    fewer = wanted("192.0.2.99", *map(kind.format, range(ROOM - 10)))
    _lists.apply(kernel, before, _lists.plan(before, fewer, "block", state))
    now = _lists.read(kernel)
    assert not _lists.plan(now, fewer, "block", state)
    assert _lists.read_gate(kernel) == _lists.gates(now, _lists.Changes({}, {}, {})).before
