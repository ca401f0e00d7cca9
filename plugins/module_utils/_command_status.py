# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath status)."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._command_line import DIFFERENT, SUCCESS
from ansible_collections.vos.fastpath.plugins.module_utils._compare import differences, list_sizes, taken_off
from ansible_collections.vos.fastpath.plugins.module_utils._local import Notes
from ansible_collections.vos.fastpath.plugins.module_utils._plan import read_live

__all__ = ("status_command",)


def status_command(call: Call) -> Answer:
    """Every interface that is to be filtered, the lists, and what was changed by hand."""
    notes = call.saved.local.notes(time.time())
    found = {name: str(wrong) if wrong else None for name, wrong in differences(call.kernel, call.saved, notes).items()}
    there = set(call.kernel.interfaces())
    interfaces = {name: {**_live(call, name, name in there), "difference": words} for name, words in found.items()}
    for name in found:
        interfaces[name]["detached_by_hand"] = taken_off(name, notes)
    lists = list_sizes(call.kernel)
    result = {
        "installed": call.saved.installed(),
        "interfaces": interfaces,
        "lists": lists,
        "local": [note._asdict() for note in notes.values()],
    }
    protected = bool(found) and not any(found.values()) and not any(each["detached_by_hand"] for each in interfaces.values())
    return Answer(result, _lines(result, notes), SUCCESS if protected else DIFFERENT)


def _live(call: Call, name: str, there: bool) -> t.Dict[str, t.Any]:
    return read_live(call.kernel, name).describe() if there else {"attached": False}


def _lines(result: t.Dict[str, t.Any], notes: Notes) -> t.Iterator[str]:
    if not result["interfaces"]:
        yield "No interface is to be filtered" + ("." if result["installed"] else ": vos.fastpath.xdp_host has not been run here.")
    for name, found in result["interfaces"].items():
        yield "%-15s %s" % (name, _words(found))
    yield "%-15s %d allowed, %d blocked" % ("lists", result["lists"]["allow"], result["lists"]["block"])
    if notes:
        yield "%-15s %d, see 'vos-fastpath list --local'" % ("by hand", len(notes))


def _words(found: t.Dict[str, t.Any]) -> str:
    if found["detached_by_hand"]:
        return "NOT FILTERED, detached by hand; 'vos-fastpath attach' puts it back"
    if found["difference"]:
        return "WRONG, %s" % found["difference"].partition(": ")[2]
    if found["audit"]:
        return "audit only, %s, tag %s: nothing is dropped" % (found["mode"], found["tag"])
    return "filtered, %s, tag %s" % (found["mode"], found["tag"])
