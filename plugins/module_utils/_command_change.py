# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath) C(verify), C(restore), C(attach), C(detach) and C(audit): the filter itself."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._attach import detach
from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._command_line import DIFFERENT, FAILURE, SUCCESS
from ansible_collections.vos.fastpath.plugins.module_utils._compare import Difference
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, LONG_PATIENCE, locked
from ansible_collections.vos.fastpath.plugins.module_utils._repairs import count_repairs
from ansible_collections.vos.fastpath.plugins.module_utils._restore import Report, bring_back, lists_are_due
from ansible_collections.vos.fastpath.plugins.module_utils._saved import SavedInterface
from ansible_collections.vos.fastpath.plugins.module_utils._who import who

__all__ = ("attach_command", "audit_command", "detach_command", "loud", "restore_command", "said", "verify_command")

_POLL = 0.1


def verify_command(call: Call) -> Answer:
    """What differs; with --repair what did, and what still does."""
    repair = call.options.repair
    with locked(LOCK):
        lists = not repair or lists_are_due(call.kernel)
        report = bring_back(call.kernel, call.saved, check=not repair, lists=lists)
        counters = _counted(call, report) if repair else {}
    wrong = report.left if repair else report.repaired + report.left
    result = {**_result(report, "repaired" if repair else "different"), **counters}
    return Answer(result, said(report, "repaired" if repair else "different"), DIFFERENT if wrong else SUCCESS)


def _counted(call: Call, report: Report) -> t.Dict[str, t.Any]:
    """Count what was repaired. Where that can't be written, what was done is said all the same."""
    try:
        counters = count_repairs([each.kind for each in report.repaired], blind=any(each.kind == "list" for each in report.left))
        call.saved.local.compact()
    except (FastpathError, OSError) as error:
        report.left.append(Difference("counters", str(error), "saved"))
        return {}
    return counters


def restore_command(call: Call) -> Answer:
    """Bring everything, or these interfaces, back."""
    names = list(_wanted(call, call.options.interfaces)) if call.options.interfaces else None
    _wait(call, names or (), call.options.wait)
    with locked(LOCK, LONG_PATIENCE):
        report = bring_back(call.kernel, call.saved, names)
    return Answer(_result(report, "restored"), said(report, "restored"), DIFFERENT if report.left else SUCCESS)


def _wait(call: Call, names: t.Sequence[str], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not set(names) <= set(call.kernel.interfaces()):
        time.sleep(_POLL)


def _result(report: Report, verb: str) -> t.Dict[str, t.Any]:
    return {
        verb: [each._asdict() for each in report.repaired],
        "left": [each._asdict() for each in report.left],
        "expired": report.expired,
        "detached_by_hand": list(report.off),
    }


def said(report: Report, verb: str) -> t.Iterator[str]:
    """Say what became of what was found."""
    for each in report.repaired:
        yield loud(4, "%s: %s" % (verb, each))
    for each in report.left:
        yield loud(3, "NOT as it is to be: " + str(each))
    if report.expired:
        yield "%d entries had expired and were removed" % report.expired
    for name in report.off:
        yield loud(4, "%s: NOT FILTERED, detached by hand; 'vos-fastpath attach' puts it back" % name)
    if not report.repaired and not report.left and not report.off:
        yield "all is as it is to be"


def loud(priority: int, line: str) -> str:
    """Give the line a priority where the journal reads it (sd-daemon(3))."""
    return "<%d>%s" % (priority, line) if "JOURNAL_STREAM" in os.environ else line


def attach_command(call: Call) -> Answer:
    """Undo a detach by hand."""
    names = list(_wanted(call, call.options.interfaces))
    with locked(LOCK):
        undo = call.saved.local.record(_attached(names))
        report = bring_back(call.kernel, call.saved, names)
        left = {each.subject for each in report.left}
        if left:
            undo()
            call.saved.local.record(_attached(name for name in names if name not in left))
    if left:
        return Answer(_result(report, "attached"), said(report, "attached"), FAILURE if left.issuperset(names) else DIFFERENT)
    return Answer(_result(report, "attached"), ("%s is filtered" % name for name in names))


def _attached(names: t.Iterable[str]) -> t.Iterator[Note]:
    return (Note("attached", name, None, at=time.time()) for name in names)


def detach_command(call: Call) -> Answer:
    """Take our filter off; verify leaves it off. An interface that is not there keeps nobody from calming the others."""
    names = list(_wanted(call, call.options.interfaces))
    with locked(LOCK):
        undo = call.saved.local.record(Note("attached", name, False, by=who(), at=time.time()) for name in names)
        try:
            there = set(call.kernel.interfaces())
            outcomes = detach(call.kernel, [name for name in names if name in there], False, True, False) if there & set(names) else []
        except (FastpathError, OSError):
            undo()
            raise
    actions = [action for outcome in outcomes for action in outcome.actions]
    late = ["%s: there is no such interface; it stays without a filter when it comes" % name for name in names if name not in there]
    return Answer({"actions": actions}, actions + late or ["nothing of ours was attached"])


def audit_command(call: Call) -> Answer:
    """Change the settings of every interface. It stays wanted where an interface is not there or another's program is on it."""
    value = {"on": True, "off": False, "managed": None}[call.options.mode]
    _wanted(call, ())
    with locked(LOCK):
        call.saved.local.record([Note("audit", "", value, by=who(), at=time.time())])
        report = bring_back(call.kernel, call.saved)
    return Answer(_result(report, "changed"), said(report, "changed"), DIFFERENT if report.left else SUCCESS)


def _wanted(call: Call, names: t.Sequence[str]) -> t.Dict[str, SavedInterface]:
    """Return what is saved of the interfaces. Raises FastpathError where there is nothing."""
    saved: t.Dict[str, SavedInterface] = call.saved.interfaces()
    if not saved:
        raise FastpathError("interfaces", "none is to be filtered on this host", "Run the play with the role vos.fastpath.vos_fastpath")
    for name in names:
        if not call.saved.behind([name]):
            remedy = "This host filters %s; others belong into the play (vos_fastpath_interfaces)" % ", ".join(saved)
            raise FastpathError(name, "it is not among the interfaces that are to be filtered", remedy)
    return {name: saved[name] for name in call.saved.behind(names)} if names else saved
