# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this process may do (capabilities(7)): a container, or a unit with a bounding set, is root and still may not."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("check_capabilities", "missing_capabilities")

_NEEDED = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON too, and looking a program up by its number takes it anyway."""


def missing_capabilities(path: str = "/proc/self/status") -> t.List[str]:
    """Return those that attaching takes and this process does not have in effect."""
    with open(path, encoding="utf-8") as stream:
        effective = next((int(line.split()[1], 16) for line in stream if line.startswith("CapEff:")), 0)
    return [name for name, bit in _NEEDED.items() if not effective & 1 << bit]


def check_capabilities(missing: t.Sequence[str]) -> None:
    """Raise FastpathError where one is missing."""
    if missing:
        raise FastpathError(
            ", ".join(missing),
            "this process does not have it, and the kernel wants it for XDP",
            "Run as root of the host; in a container or a unit, add it (CapabilityBoundingSet, --cap-add)",
        )
