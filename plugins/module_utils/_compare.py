# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this host is as it is to be: each interface against what is saved. It only reads."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._attach import shares_lists
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._local import Notes
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Live, read_live
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved, SavedInterface, with_local

__all__ = ("Difference", "difference", "differences", "slower", "taken_off")


class Difference(t.NamedTuple):
    """What is not as it is to be."""

    subject: str
    """The interface or the list."""
    words: str
    kind: str
    """V(missing) (no such interface), V(foreign) (somebody else's program), V(program), V(settings), V(list), V(saved) (what is written down of it)."""

    def __str__(self) -> str:
        return "%s: %s" % (self.subject, self.words)


def taken_off(name: str, notes: Notes) -> bool:
    """Whether somebody detached it by hand."""
    note = notes.get(("attached", name))
    return note is not None and note.value is False


def slower(wanted: SavedInterface, mode: str) -> bool:
    """Whether it was native when the play attached it, and is generic now: V(auto) allows that, where a driver refuses what it could do once."""
    return (wanted.mode, wanted.reached, mode) == ("auto", "native", "generic")


def differences(kernel: AttachingKernel, saved: Saved, notes: t.Optional[Notes] = None) -> t.Dict[str, t.Optional[Difference]]:
    """Return what is different, by interface; V(none) where one is as it is to be."""
    notes = saved.local.notes(time.time()) if notes is None else notes
    return {name: difference(kernel, name, wanted, notes) for name, wanted in saved.interfaces().items()}


def difference(kernel: AttachingKernel, name: str, wanted: SavedInterface, notes: Notes) -> t.Optional[Difference]:
    """Compare an interface with what it is to have."""
    if name not in kernel.interfaces():
        return Difference(name, "there is no such interface", "missing")
    try:
        live = read_live(kernel, name)
    except FastpathError as error:  # gone meanwhile
        return Difference(name, str(error), "missing")
    if taken_off(name, notes):
        return None
    words = _program(kernel, live, wanted)
    if words is not None:
        foreign = live.program is not None and not live.program.ours
        return Difference(name, words, "foreign" if foreign else "program")
    if live.settings != with_local(wanted.settings, notes):
        return Difference(name, "its settings are not those that are saved", "settings")
    return None


def _program(kernel: AttachingKernel, live: Live, wanted: SavedInterface) -> t.Optional[str]:
    program = live.program
    if program is None:
        return "nothing is attached"
    if not program.ours:
        return "program %d (%s) is attached, which is not ours" % (program.prog_id, program.name or "no name")
    if wanted.mode not in ("auto", program.mode):
        return "it is attached in mode %s instead of %s" % (program.mode, wanted.mode)
    if program.tag != wanted.tag or live.config != wanted.config:
        return "another version of our program is attached, tag %s instead of %s" % (program.tag, wanted.tag)
    if not shares_lists(kernel, live):
        return "its program goes by other lists than those of this host"
    return None
