# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules keep in step what is saved of a host: written before the kernel is changed, put back where the kernel refuses.

Nothing is kept, and nothing is different, on a host where vos.fastpath.xdp_host was not run.
"""

from __future__ import annotations

import contextlib
import hashlib
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._entries import Collected, Comments
from ansible_collections.vos.fastpath.plugins.module_utils._entries import Wanted as Entries
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note, Notes, overlay
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Outcome, Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved, SavedInterface, with_local

__all__ = ("InterfaceKeeper", "ListKeeper", "digest_of")

_AUDIT = ("audit", "")


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
        self._kept = saved.keep_entries(name, *_managed(saved, name, found, state))
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
        with self._kept or contextlib.nullcontext(), _forgetting(self._saved, self._forget):
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
        return SavedInterface(wanted.mode, wanted.object_path, digest, tag, wanted.config, wanted.settings, carries)

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
        with self._keeping(self._new), _forgetting(self._saved, self._forget):
            yield outcomes
        if self._installed and not self._keep_lists:
            self._saved.forget_lists()
        self._new = {name: each._replace(tag=_tag(outcomes, name, each.tag)) for name, each in self._new.items()}
        with self._keeping(self._new):
            pass
        if self._installed:
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


def _tag(outcomes: t.Iterable[Outcome], name: str, default: str) -> str:
    tags = (outcome.after.get("tag") for outcome in outcomes if outcome.before.interface.name == name)
    return str(next(tags, default))


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


@contextlib.contextmanager
def _forgetting(saved: Saved, notes: t.Sequence[Note]) -> t.Iterator[None]:
    if not notes:
        yield
        return
    undo = saved.local.record(note._replace(value=None) for note in notes)
    try:
        yield
    except BaseException:
        undo()
        raise
