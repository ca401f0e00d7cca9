# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces that lie on each other: what is above and below a name, and what of it carries our filter."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel

__all__ = ("above", "below", "carrying")


def above(kernel: Kernel, name: str) -> t.List[Interface]:
    """Return what is above an interface, the nearest first."""
    return _walk(kernel, name, lambda each: kernel.neighbours(each).uppers)


def below(kernel: Kernel, name: str) -> t.List[Interface]:
    """Return what is below an interface, the nearest first."""
    return _walk(kernel, name, lambda each: kernel.neighbours(each).lowers)


def carrying(kernel: Kernel, name: str) -> t.List[str]:
    """Return what is on or below a name and has our program, or the maps of one. Raises FastpathError."""
    there = [kernel.interface(name), *below(kernel, name)]
    return [each.name for each in there if _is_ours(kernel, each.ifindex) or kernel.is_pinned(each.ifindex)]


def _walk(kernel: Kernel, name: str, around: t.Callable[[str], t.Tuple[str, ...]]) -> t.List[Interface]:
    found: t.Dict[str, Interface] = {}
    names = list(around(name))
    while names:
        each = names.pop(0)
        if each not in found:
            found[each] = kernel.interface(each)
            names += around(each)
    return list(found.values())


def _is_ours(kernel: Kernel, ifindex: int) -> bool:
    program = kernel.attached(ifindex)
    return program is not None and program.ours
