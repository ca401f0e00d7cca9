# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath status)."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._command_line import DIFFERENT, SUCCESS
from ansible_collections.vos.fastpath.plugins.module_utils._compare import difference, slower, taken_off
from ansible_collections.vos.fastpath.plugins.module_utils._compare_lists import WRONG_SIZES, compare_list
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._local import Notes
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, locked
from ansible_collections.vos.fastpath.plugins.module_utils._plan import read_live
from ansible_collections.vos.fastpath.plugins.module_utils._saved import SavedInterface

__all__ = ("status_command",)

_PATIENCE = 10  # seconds; a run that changes a million entries takes about as long


def status_command(call: Call) -> Answer:
    """Every interface that is to be filtered, the lists, and what was changed by hand."""
    notes = call.saved.local.notes(time.time())
    interfaces = {name: _interface(call, name, wanted, notes) for name, wanted in call.saved.interfaces().items()}
    sizes, lists = _lists_found(call)
    result = {
        "installed": call.saved.installed(),
        "interfaces": interfaces,
        "lists": sizes,
        "list_differences": lists,
        "local": [note._asdict() for note in notes.values()],
    }
    wrong = any(each["difference"] or each["detached_by_hand"] for each in interfaces.values()) or _differ(lists)
    return Answer(result, _lines(result, notes), SUCCESS if interfaces and not wrong else DIFFERENT)


def _interface(call: Call, name: str, wanted: SavedInterface, notes: Notes) -> t.Dict[str, t.Any]:
    """Return what is on an interface, and how that stands to what is wanted."""
    wrong = difference(call.kernel, name, wanted, notes)
    live: t.Dict[str, t.Any] = {"attached": False} if wrong and wrong.kind == "missing" else read_live(call.kernel, name).describe()
    return {
        **live,
        "difference": str(wrong) if wrong else None,
        "detached_by_hand": taken_off(name, notes),
        "slower": slower(wanted, live.get("mode", "")),
    }


_Lists = t.Tuple[t.Dict[str, int], t.Dict[str, t.Dict[str, t.Any]]]
"""How many entries each list has, and how it differs from what is saved."""


def _lists_found(call: Call) -> _Lists:
    """Compare the lists. Where one differs they are looked at again under the lock: another run may be changing them right now."""
    sizes, lists = _compared(call)
    if not _differ(lists):
        return sizes, lists
    try:
        with locked(LOCK, _PATIENCE):
            return _compared(call)
    except FastpathError as error:
        busy = {name: each["difference"] and "%s; another run is at work: %s" % (each["difference"], error) for name, each in lists.items()}
        return sizes, {name: {**each, "difference": busy[name]} for name, each in lists.items()}


def _differ(lists: t.Dict[str, t.Dict[str, t.Any]]) -> bool:
    return any(each["difference"] or each["wrong_sizes"] for each in lists.values())


def _compared(call: Call) -> _Lists:
    current, notes = _lists.read(call.kernel), call.saved.local.notes()
    names = LISTS if call.saved.installed() else ()
    return _lists.sizes(current), {name: _list_difference(call, name, notes, current) for name in names}


def _list_difference(call: Call, name: str, notes: Notes, current: _lists.Heads) -> t.Dict[str, t.Any]:
    try:
        found = compare_list(call.kernel, call.saved, name, notes, current)
    except FastpathError as error:
        return {"difference": str(error), "wrong_sizes": False}
    numbers = {"missing": found.missing, "extra": found.extra, "other_time": found.other_time}
    return {**numbers, "difference": found.words, "wrong_sizes": found.wrong_sizes}


def _lines(result: t.Dict[str, t.Any], notes: Notes) -> t.Iterator[str]:
    if not result["interfaces"]:
        yield "No interface is to be filtered" + ("." if result["installed"] else ": vos.fastpath.xdp_host has not been run here.")
    for name, found in result["interfaces"].items():
        yield "%-15s %s" % (name, _words(found))
    yield "%-15s %d allowed, %d blocked" % ("lists", result["lists"]["allow"], result["lists"]["block"])
    lists = {name: each["difference"] for name, each in result["list_differences"].items() if each["difference"]}
    for name, words in lists.items():
        yield "%-15s WRONG, %s" % (name + "list", words)
    if not lists and _differ(result["list_differences"]):
        yield "%-15s WRONG, %s" % ("lists", WRONG_SIZES)
    if notes:
        yield "%-15s %d, see 'vos-fastpath list --local'" % ("by hand", len(notes))


def _words(found: t.Dict[str, t.Any]) -> str:
    if found["detached_by_hand"]:
        return "NOT FILTERED, detached by hand; 'vos-fastpath attach' puts it back"
    if found["difference"]:
        return "WRONG, %s" % found["difference"].partition(": ")[2]
    mode = found["mode"] + (", native when the play attached it" if found["slower"] else "")
    if found["audit"]:
        return "audit only, %s, tag %s: nothing is dropped" % (mode, found["tag"])
    return "filtered, %s, tag %s" % (mode, found["tag"])
