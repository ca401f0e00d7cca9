# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is saved of interfaces is kept in step: written before the kernel is changed, put back where the kernel refuses.

Nothing is kept, and nothing is different, on a host where vos.fastpath.xdp_host was not run.
"""

from __future__ import annotations

import contextlib
import hashlib
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._local import Note, Notes
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Outcome, Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved, SavedInterface, with_local

__all__ = ("InterfaceKeeper", "digest_of")

_AUDIT = ("audit", "")


class InterfaceKeeper:
    """Keeps what interfaces are to have."""

    def __init__(self, saved: Saved) -> None:
        self._saved = saved
        self._installed = saved.installed()
        self._notes: Notes = saved.local.notes() if self._installed else {}
        self._old = saved.interfaces() if self._installed else {}
        self._new = self._old
        self._forget: t.List[Note] = []
        self._keep_lists = True

    @property
    def names(self) -> t.Set[str]:
        """The interfaces that something is kept of, and those that they carry the filter for."""
        return {*self._old, *(name for each in self._old.values() for name in each.carries)}

    def want(self, carries: t.Mapping[str, t.Sequence[str]], wanted: Wanted, local: str) -> Wanted:
        """Keep this for the interfaces; returns what the kernel is to have, with what was changed by hand."""
        if not self._installed:
            return wanted
        self._forget_attached(carries)
        if local == "remove" and _AUDIT in self._notes:
            self._forget.append(self._notes[_AUDIT])
        digest = digest_of(wanted.object_path)
        self._new = {**self._old, **{name: self._interface(name, wanted, digest, names) for name, names in carries.items()}}
        return wanted if local == "remove" else wanted._replace(settings=with_local(wanted.settings, self._notes))

    def _interface(self, name: str, wanted: Wanted, digest: str, names: t.Sequence[str]) -> SavedInterface:
        old = self._old.get(name)
        tag = old.tag if old is not None and old.sha256 == digest else ""
        carries = tuple(names) if tuple(names) != (name,) else ()
        reached = old.reached if old is not None and old.mode == wanted.mode else ""
        return SavedInterface(wanted.mode, wanted.object_path, digest, tag, wanted.config, wanted.settings, carries, reached)

    def drop(self, carries: t.Mapping[str, t.Sequence[str]], keep_lists: bool) -> None:
        """Keep nothing for the interfaces, nor of the lists unless these are to stay."""
        self._forget_attached(carries)
        self._keep_lists = keep_lists
        named = {name for names in carries.values() for name in names}
        self._new = {
            name: each
            for name, each in self._old.items()
            if name not in carries and not (each.carries and named.issuperset(each.carries))
        }  # fmt: skip

    def _forget_attached(self, names: t.Container[str]) -> None:
        self._forget = [note for note in self._notes.values() if note.what == "attached" and note.name in names]

    @contextlib.contextmanager
    def kept(self) -> t.Iterator[t.List[Outcome]]:
        """Keep it for what is done within, whose outcomes are put into the list: they tell the tags."""
        outcomes: t.List[Outcome] = []
        with self._keeping(self._new), self._saved.local.without(self._forget):
            yield outcomes
            self._hold(outcomes)
        if self._installed and not self._keep_lists:
            self._saved.forget_lists()
        done = {outcome.before.interface.name: outcome for outcome in outcomes}
        self._new = {name: _applied(each, done[name]) if name in done else each for name, each in self._new.items()}
        with self._keeping(self._new):
            pass

    def _hold(self, outcomes: t.Iterable[Outcome]) -> None:
        """Remember what to want again if the change is undone; where that can't be written, it is wanted at once, and the timer goes off."""
        if not self._installed:
            return
        self._saved.confirmed()  # whatever waited: this change takes its place
        for token in {outcome.rollback for outcome in outcomes if outcome.rollback}:
            self._saved.hold(self._old, token)

    def _keeping(self, interfaces: t.Dict[str, SavedInterface]) -> t.ContextManager[None]:
        return self._saved.keep_interfaces(interfaces) if self._installed else contextlib.nullcontext()

    def tell(self, result: t.Dict[str, t.Any]) -> None:
        """Add to a result what was kept."""
        gone = {note.key for note in self._forget}
        result["local"] = {
            "kept": [str(note) for note in self._notes.values() if note.key == _AUDIT and note.key not in gone],
            "removed": [str(note) for note in self._forget],
        }
        if (self._forget or self._new != self._old) and not result["changed"]:
            result.update(changed=True, actions=["save what the interfaces are to have"])


def digest_of(path: str) -> str:
    """Return the SHA-256 of an object; empty where there is none."""
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return ""


def _applied(wanted: SavedInterface, outcome: Outcome) -> SavedInterface:
    """Return it with what came of it. In which mode it is where it was attached already, others may have brought about."""
    before, mode = outcome.before.program, outcome.after["mode"]
    stays = before is not None and before.mode == mode
    return wanted._replace(tag=outcome.after["tag"], reached=wanted.reached if stays and wanted.reached else mode)
