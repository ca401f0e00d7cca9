# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring a host back to what is saved of it: after a boot, when a device comes back, and where something drifted.

The lists come first: a filter that does not know yet whom to trust is attached to nothing. What somebody else attached is reported
and left alone, and so is an interface that is not there.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _files, _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._compare import Difference, difference, slower, taken_off
from ansible_collections.vos.fastpath.plugins.module_utils._compare_lists import WRONG_SIZES, compare_list
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._keep import digest_of
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._local import Notes
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted, read_live
from ansible_collections.vos.fastpath.plugins.module_utils._repairs import COMPARED
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved, SavedInterface, with_local

__all__ = (
    "Report",
    "bring_back",
    "lists_are_due",
    "lists_are_known",
    "lists_were_compared",
)

_SHARE = 100  # comparing a million entries takes seconds: it may take a hundredth of the time
_LITTLE = 0.5  # seconds; what takes less is done each time


class Report(t.NamedTuple):
    """What was found, and what became of it."""

    repaired: t.List[Difference]
    """What was put right; in check mode what would be."""
    left: t.List[Difference]
    """What is not ours to put right, or could not be."""
    expired: int = 0
    """So many entries had expired, and were removed from the tables."""
    off: t.Tuple[str, ...] = ()
    """Interfaces that somebody detached by hand: as is wanted, and without a filter."""


def bring_back(
    kernel: AttachingKernel, saved: Saved, names: t.Optional[t.Sequence[str]] = None, check: bool = False, lists: bool = True
) -> Report:
    """Compare everything (or these interfaces, with the lists or without) with what is saved, and put it right unless this is a check."""
    now, begin = time.time(), time.monotonic()
    notes = saved.local.notes(now)
    repaired: t.List[Difference] = []
    left: t.List[Difference] = []
    lists = lists or not lists_are_known(kernel)
    expired = _lists_back(kernel, saved, notes, check, repaired, left) if lists else 0
    trusted = not left
    if lists and not check:
        _remember(kernel, trusted, time.monotonic() - begin)
    if saved.settle(kernel.unconfirmed()):
        return Report(repaired, left, expired)  # a play waits to see whether it still gets through: nothing is drift yet
    interfaces = {name: wanted for name, wanted in saved.interfaces().items() if names is None or name in names}
    for name, wanted in interfaces.items():
        _interface_back(kernel, saved, name, wanted, notes, check, trusted, repaired, left)
    return Report(repaired, left, expired, tuple(name for name in interfaces if taken_off(name, notes)))


def _lists_back(
    kernel: AttachingKernel, saved: Saved, notes: Notes, check: bool, repaired: t.List[Difference], left: t.List[Difference]
) -> int:
    expired, wrong_sizes = 0, False
    try:
        current = _lists.read(kernel)
        for name in LISTS:
            found = compare_list(kernel, saved, name, notes, current)
            if (found.changes or found.wrong_sizes) and not check:
                _lists.apply(kernel, current, found.changes, found.gates)
                current = _lists.read(kernel)
            expired += found.expired
            wrong_sizes = wrong_sizes or found.wrong_sizes
            if found.words:
                repaired.append(Difference(name + "list", found.words, "list"))
        if wrong_sizes and not repaired:
            repaired.append(Difference("lists", WRONG_SIZES, "list"))
    except (FastpathError, OSError) as error:
        left.append(Difference("lists", _words(error), "list"))
    return expired


def _interface_back(
    kernel: AttachingKernel,
    saved: Saved,
    name: str,
    wanted: SavedInterface,
    notes: Notes,
    check: bool,
    trusted: bool,
    repaired: t.List[Difference],
    left: t.List[Difference],
) -> None:
    found = difference(kernel, name, wanted, notes)
    if found is None:
        return
    # The settings of a filter that is live are no question of its lists: above all, audit mode has to be to be had.
    ours = found.kind == "settings" or trusted and found.kind not in ("missing", "foreign")
    if check or not ours:
        (repaired if ours else left).append(found)
        return
    try:
        # That the allowlist may be empty was accepted once; now an entry that expired is no reason to stay without a filter.
        live = Wanted(wanted.object, _mode(kernel, name, wanted), wanted.config, with_local(wanted.settings, notes), allow_empty_allowlist=True)
        [outcome] = attach(kernel, [name], live, False)
    except (FastpathError, OSError) as error:
        left.append(found._replace(words="%s, and it can't be repaired: %s" % (found.words, _words(error))))
        return
    words, digest = found.words, digest_of(wanted.object)
    if slower(wanted, outcome.after["mode"]):
        words += "; it is generic now, and was native when the play attached it"
    if digest != wanted.sha256:
        words += "; the object is not the one that was applied last"
    repaired.append(found._replace(words=words))
    try:
        # Another kernel may digest the same instructions to another tag.
        with saved.keep_interfaces({**saved.interfaces(), name: wanted._replace(tag=outcome.after["tag"], sha256=digest)}):
            pass
    except FastpathError as error:  # a disk that is full keeps no other interface from its filter
        left.append(Difference(name, str(error), "saved"))


def _mode(kernel: AttachingKernel, name: str, wanted: SavedInterface) -> str:
    """Return the mode to ask for. Where auto came to generic, a device that is not set up yet could take native all the same.

    That would keep it from being set up: the kernel lets no slave without native XDP into a bond that has it, and no driver that can't do
    both a large MTU on a NIC that has it. What is live keeps its mode.
    """
    unset = (wanted.mode, wanted.reached) == ("auto", "generic") and read_live(kernel, name).program is None
    return wanted.reached if unset else wanted.mode


def _words(error: Exception) -> str:
    return reason_of(error) if isinstance(error, OSError) else str(error)


def lists_are_due(kernel: AttachingKernel, path: t.Optional[str] = None) -> bool:
    """Whether the lists are to be compared again: small ones each time, large ones at times, and where their sizes changed."""
    when, took, gate = ((_files.read(path or COMPARED) or "") + "\n\n").split("\n")[:3]
    try:
        return gate != _gate(kernel) or float(took) < _LITTLE or time.monotonic() - float(when) >= _SHARE * float(took)
    except ValueError:
        return True


def lists_are_known(kernel: AttachingKernel, path: t.Optional[str] = None) -> bool:
    """Whether the lists of this boot were once brought to what is saved: else there is nothing to attach a filter with."""
    return os.path.exists(path or COMPARED) and _lists.read_gate(kernel) is not None


def _remember(kernel: AttachingKernel, known: bool, took: float) -> None:
    """Note how it stands with the lists. Where that can't be noted, they are compared the next time: no reason to stay without a filter."""
    with contextlib.suppress(FastpathError):
        if known:
            lists_were_compared(kernel, took)
        else:
            _files.remove(COMPARED)


def lists_were_compared(kernel: AttachingKernel, took: float, path: t.Optional[str] = None) -> None:
    """Remember when this was, and what it took."""
    _files.write(path or COMPARED, "%f\n%f\n%s\n" % (time.monotonic(), took, _gate(kernel)), 0o600)


def _gate(kernel: AttachingKernel) -> str:
    return (_lists.read_gate(kernel) or b"").hex() or "none"
