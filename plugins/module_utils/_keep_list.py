# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is saved of a list is kept in step: written before the kernel is changed, put back where the kernel refuses.

Nothing is kept, and nothing is different, on a host where vos.fastpath.xdp_host was not run.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._entries import Collected, Comments, drop_expired
from ansible_collections.vos.fastpath.plugins.module_utils._entries import Wanted as Entries
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note, overlay
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved

__all__ = ("ListKeeper",)


class ListKeeper:
    """Keeps one list. C(found) is what a task says; with V(exact) it becomes what the kernel is to have, notes included."""

    def __init__(self, saved: Saved, name: str, found: Collected, state: str, local: str) -> None:
        if local == "remove" and state != "exact":
            raise FastpathError("local: remove", "it is about all of the list, and state=%s is not" % state, "Use state=exact")
        self._saved = saved
        self._kept: t.Optional[t.ContextManager[None]] = None
        self._notes: t.List[Note] = []
        self._forget: t.List[Note] = []
        self._made: t.List[Note] = []
        if not saved.installed():
            return
        self._notes = [note for note in saved.local.notes().values() if note.what == name]
        managed = _managed(saved, name, found, state)
        self._kept = saved.keep_entries(name, *managed)
        if self._kept is not None and drop_expired(managed[0], time.time()):  # no change by itself, but there has to be an end to it
            self._kept = saved.keep_entries(name, *managed)
        self._forget = self._notes if local == "remove" else _overruled(self._notes, found.wanted, state)
        if state == "exact":
            gone = {note.key for note in self._forget}
            self._made = overlay(found.wanted, {note.key: note for note in self._notes if note.key not in gone}, name)

    @property
    def differs(self) -> bool:
        """Whether something else is kept."""
        return self._kept is not None or bool(self._forget)

    @contextlib.contextmanager
    def kept(self) -> t.Iterator[None]:
        """Keep it for what is done within."""
        with self._kept or contextlib.nullcontext(), self._saved.local.without(self._forget):
            yield

    def tell(self, result: t.Dict[str, t.Any]) -> None:
        """Add to a result what was kept."""
        gone = {note.key for note in self._forget}
        result["local"] = {
            "kept": [str(note) for note in self._notes if note.key not in gone],
            "removed": [str(note) for note in self._forget],
        }
        if self.differs and not result["changed"]:
            result.update(changed=True, actions=["save the list"])


def _managed(saved: Saved, name: str, found: Collected, state: str) -> t.Tuple[Entries, Comments]:
    """Return what Ansible manages of a list once this task is done."""
    if state == "exact":
        return found.wanted, found.comments
    managed = saved.entries(name)
    for table, keys in found.wanted.items():
        if state == "present":
            managed.wanted[table].update(keys)
            managed.comments[table].update(found.comments[table])
        else:
            managed.wanted[table] = {key: when for key, when in managed.wanted[table].items() if key not in keys}
    return managed.wanted, managed.comments


def _overruled(notes: t.Iterable[Note], wanted: Entries, state: str) -> t.List[Note]:
    """Return the notes against which a task names an entry; a list as a whole speaks against none."""
    if state == "exact":
        return []
    found = []
    for note in notes:
        prefix = parse_prefix(note.name)
        if prefix.key in wanted[prefix.table] and note.value is not (state == "present"):
            found.append(note)
    return found
