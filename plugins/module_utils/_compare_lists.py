# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the lists in the kernel are what is saved: what Ansible manages, with what was changed by hand. It only reads."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _entries, _lists
from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick, in_ticks, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._gate import is_wrong
from ansible_collections.vos.fastpath.plugins.module_utils._local import Notes, overlay
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved

__all__ = ("WRONG_SIZES", "Compared", "compare_list")

WRONG_SIZES = "the sizes that the program goes by are wrong"
_SLACK = 2.0  # seconds; times are saved in seconds, and clocks are set


class Compared(t.NamedTuple):
    """A list in the kernel beside what it is to be."""

    changes: _lists.Changes
    """What brings it there."""
    gates: _lists.Gates
    missing: int
    extra: int
    """Entries that are not to be there; not those that have only run out, which the program has noticed itself."""
    other_time: int
    """Entries that are to expire at another time."""
    expired: int
    wrong_sizes: bool
    """Whether the program goes by sizes that the tables do not have, of both lists: where entries are lost, that follows."""

    @property
    def words(self) -> t.Optional[str]:
        """What is different about its entries; V(none) where nothing is."""
        numbers = ((self.missing, "missing"), (self.extra, "too many"), (self.other_time, "with another time"))
        found = ", ".join("%d %s" % each for each in numbers if each[0])
        return "its entries are not as they are to be: " + found if found else None


def compare_list(kernel: _lists.ListKernel, saved: Saved, name: str, notes: Notes, current: _lists.Heads) -> Compared:
    """Compare the list V(allow) or V(block), of what is in the tables. Raises FastpathError where what is saved can't be read."""
    wanted = saved.entries(name).wanted
    overlay(wanted, notes, name)
    _entries.drop_expired(wanted, time.time())
    changes = _lists.plan(current, in_ticks(wanted), name, "exact", int(_SLACK * ticks_per_second()))
    gates = _lists.gates(current, changes)
    expired = _entries.count(_lists.run_out(current, changes, name, current_tick()))
    extra = _entries.count(changes.remove) - expired
    numbers = _entries.count(changes.add), extra, _entries.count(changes.renew), expired
    return Compared(changes, gates, *numbers, is_wrong(kernel, gates.before))
