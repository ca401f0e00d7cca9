# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: which tables of the lists have entries, and how many."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, HOST_MAPS

__all__ = ("TABLES", "is_wrong", "read_gate")

_GATE = "list_gate"
_FIRST = bytes(4)

TABLES = tuple(shape.name for shape in HOST_MAPS if shape.name != _GATE)
"""The maps that hold entries, as the gate has them."""


class GateMap(t.Protocol):
    """The part of a map that is used here."""

    def __enter__(self) -> t.Any: ...

    def __exit__(self, *exception: object) -> None: ...

    def lookup(self, key: bytes) -> t.Optional[bytes]: ...


class GateKernel(t.Protocol):
    """The part of the kernel that is used here."""

    def host_map(self, name: str) -> t.Optional[GateMap]: ...


def read_gate(kernel: GateKernel) -> t.Optional[bytes]:
    """Return C(struct list_gate) as it is; V(none) where no list was made yet."""
    gate = _raw(kernel)
    return gate and gate.ljust(GATE.size, b"\0")


def is_wrong(kernel: GateKernel, expected: bytes) -> bool:
    """Whether the gate that is there says something else; one of an older version says less, which is not wrong."""
    gate = _raw(kernel)
    return gate is not None and gate != expected[: len(gate)]


def _raw(kernel: GateKernel) -> t.Optional[bytes]:
    opened = kernel.host_map(_GATE)
    if opened is None:
        return None
    with opened:
        return opened.lookup(_FIRST)
