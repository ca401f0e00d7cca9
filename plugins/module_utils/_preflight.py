# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known before an attachment is changed, and what of it forbids the change."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._holders import check_ours, removal_of, words_of
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_surveying import SurveyingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._outlook import Outlook, outlook
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Live, Outcome, Wanted, predicted
from ansible_collections.vos.fastpath.plugins.module_utils._stack import above, below

__all__ = ("check_way", "foretold", "in_the_way", "notes_of", "outlook_of")

_CHANGES = {"attach", "detach", "replace"}
"""Steps that change what is attached."""

_Steps = t.Tuple[str, ...]


def outlook_of(kernel: SurveyingKernel, interface: Interface) -> Outlook:
    """Return which mode to expect on an interface, and why."""
    return outlook(kernel.device(interface), kernel.release())


def notes_of(kernel: SurveyingKernel, interface: Interface, mode: str) -> t.Tuple[str, ...]:
    """Return what an operator should know of an interface whose program is in this mode, or would be."""
    found = outlook_of(kernel, interface)
    if mode == "generic" and found.mode == "generic":
        return (("native is not possible: %s. %s" % (found.why, found.remedy)).rstrip(". "),)
    return ()


def foretold(kernel: SurveyingKernel, live: Live, wanted: Wanted, tag: str, steps: _Steps) -> Outcome:
    """Return what would be done; with C(mode=auto) the driver's own words say which mode to expect."""
    if not ("attach" in steps and wanted.mode == "auto"):
        return predicted(live, wanted, tag, steps)
    found = outlook_of(kernel, live.interface)
    outcome = predicted(live, wanted._replace(mode=found.mode), tag, steps)
    return outcome._replace(notes=("%s expected: %s" % (found.mode, found.why),))


def check_way(kernel: SurveyingKernel, planned: t.Sequence[t.Tuple[Live, _Steps]], wanted: Wanted) -> None:
    """Raise FastpathError, with every reason, where an attachment is to change and something is in the way."""
    changing = [(live.interface, steps) for live, steps in planned if _CHANGES & set(steps)]
    names = [live.interface.name for live, _steps in planned]
    errors = [error for interface, _steps in changing for error in in_the_way(kernel, interface, names, wanted.force)]
    errors += [error for change in changing for error in _gap_for_nothing(kernel, *change, wanted.mode)]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        lines = "".join("\n- %s" % error for error in errors)
        problems = [str(error) for error in errors]
        raise FastpathError("These interfaces", "something is in the way:" + lines, "Nothing was changed", problems=problems)


def in_the_way(kernel: SurveyingKernel, interface: Interface, wanted: t.Sequence[str] = (), force: bool = False) -> t.List[FastpathError]:
    """Return what keeps a program from being attached or replaced there; C(wanted) are interfaces that get one as well."""
    name, errors = interface.name, list(_blind(kernel, interface))
    try:
        check_ours(name, kernel.attached(interface.ifindex), force)
    except FastpathError as error:
        errors.append(error)
    errors += [error for upper in above(kernel, name) for error in _held_above(kernel, name, upper, wanted)]
    return errors + [error for lower in below(kernel, name) for error in _held_below(kernel, name, lower, force)]


def _blind(kernel: SurveyingKernel, interface: Interface) -> t.Iterator[FastpathError]:
    """The kernel takes a program there all the same, and everything would pass it by, uncounted."""
    device = kernel.device(interface)
    if not device.ethernet:
        reason = "its packets have no Ethernet header (kind %s), and the filter would find no SIP in them" % device.kind
        yield FastpathError(interface.name, reason, "Leave it out, and filter there with a firewall (nftables)")
    elif device.kind == "vrf":
        reason = "it is a VRF, which gets its packets behind the place where a program would see them"
        yield FastpathError(interface.name, reason, "Name what is in it: %s" % (", ".join(device.lowers) or "nothing is yet"))


def _held_above(kernel: SurveyingKernel, name: str, upper: Interface, wanted: t.Sequence[str]) -> t.Iterator[FastpathError]:
    over = upper.name
    program = kernel.attached(upper.ifindex)
    if over in wanted:
        reason = "%s lies above it, so that packets would be judged and counted on both" % over
        yield FastpathError(name, reason, "Name one of them")
    elif program is not None and program.ours:
        reason = "%s above it carries our filter already: packets would be judged and counted twice" % over
        yield FastpathError(name, reason, "Take it off there first (state=absent for %s)" % over)
    elif program is not None and over in kernel.neighbours(name).uppers:
        reason = "on %s above it is %s, and the kernel lets nothing be changed below a program" % (over, words_of(program))
        yield FastpathError(name, reason, "Remove that first (%s), or name %s" % (removal_of(over, program), over))


def _held_below(kernel: SurveyingKernel, name: str, lower: Interface, force: bool) -> t.Iterator[FastpathError]:
    under = lower.name
    program = kernel.attached(lower.ifindex)
    if program is None:
        return
    if program.ours:
        reason = "%s below it carries our filter already: packets would be judged and counted twice" % under
        yield FastpathError(name, reason, "Name %s instead, or take it off there first (state=absent)" % under)
    elif not force:
        reason = "on %s below it is %s: it sees the packets first, and with ours above it nobody could replace it or take it off"
        remedy = "Remove it (%s), or set force=true if both are meant" % removal_of(under, program)
        yield FastpathError(name, reason % (under, words_of(program)), remedy)


def _gap_for_nothing(kernel: SurveyingKernel, interface: Interface, steps: _Steps, mode: str) -> t.Iterator[FastpathError]:
    """A live filter does not come off for a mode that the driver will refuse."""
    found = outlook_of(kernel, interface)
    if mode == "native" and "detach" in steps and found.mode == "generic":
        reason = "native is not possible: " + found.why
        yield FastpathError(interface.name, reason, found.remedy or "Leave it in generic mode (mode=auto)")
