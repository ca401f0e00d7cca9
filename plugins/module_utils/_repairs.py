# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often this host had drifted from what is saved of it and was put right, and when that was last looked at."""

from __future__ import annotations

import json
import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _files

__all__ = ("COMPARED", "COUNTERS", "count_repairs", "last_look", "read_repairs")

COUNTERS = "/var/lib/vos-fastpath/drift.json"

COMPARED = "/run/vos-fastpath.compared"
"""When the lists were last compared, and what it took."""


def count_repairs(kinds: t.Sequence[str], path: t.Optional[str] = None, blind: bool = False) -> t.Dict[str, t.Any]:
    """Add what was repaired, by kind, to the counters that outlive a reboot, and return them.

    The time of the file is that of the last look at everything; with C(blind), where the lists can't be read, it stays, and an alert tells.
    """
    path = path or COUNTERS
    counters, before = read_repairs(path), last_look(path) or 0.0
    for kind in kinds:
        counters["repairs"][kind] = counters["repairs"].get(kind, 0) + 1
    if kinds:
        counters["last"] = time.time()
    if kinds or not os.path.exists(path):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _files.write(path, json.dumps(counters, indent=2, sort_keys=True) + "\n")
    os.utime(path, (before, before) if blind else None)
    return counters


def last_look(path: t.Optional[str] = None) -> t.Optional[float]:
    """Return when everything was last compared and repaired (seconds since 1970); V(none) before the first time."""
    try:
        return os.stat(path or COUNTERS).st_mtime
    except FileNotFoundError:
        return None


def read_repairs(path: t.Optional[str] = None) -> t.Dict[str, t.Any]:
    """Return how often something was repaired, by kind, and when last (seconds since 1970)."""
    try:
        found = json.loads(_files.read(path or COUNTERS) or "{}")
        return {"repairs": {str(key): int(number) for key, number in found.get("repairs", {}).items()}, "last": found.get("last")}
    except (ValueError, TypeError, AttributeError):
        return {"repairs": {}, "last": None}  # it only counts: a broken one is no reason not to repair
