# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hook may do, and doing it: to the kernel at once, and noted beside what was changed by hand, so that it lives on.

A hook adds, for a time, what no list says of a source yet, and takes back what it added. It never overrules: neither what Ansible
manages, nor what a person said by hand, nor one list by the other.
"""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._clock import ticks_of, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._few import Few
from ansible_collections.vos.fastpath.plugins.module_utils._hook_calls import Call
from ansible_collections.vos.fastpath.plugins.module_utils._lists import ListKernel
from ansible_collections.vos.fastpath.plugins.module_utils._local import Local, Note, Notes
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix

__all__ = ("Asked", "Book", "HOOK", "Policy")

Clock = t.Callable[[], t.Tuple[float, float]]
"""Tells the time in seconds since 1970, and that of CLOCK_MONOTONIC, which the kernel's ticks go by."""

HOOK = "hook "
"""What C(by) of a hook's notes starts with; the name of the user follows."""

_SHORTEST = {"v4": 32, "v6": 64}  # a hook sees a source; of IPv6 a site has a /64 at least
_GRAIN = 20  # an entry lasts up to a twentieth longer, so that 200 phones behind one address are not 200 changes
_SPARE_LINES = 20000


class Policy(t.NamedTuple):
    """What callers may do."""

    lists: t.FrozenSet[str]
    max_seconds: int
    max_entries: int


class Asked(t.NamedTuple):
    """A call, and the user who made it."""

    call: Call
    who: str


def _clock() -> t.Tuple[float, float]:
    return time.time(), time.clock_gettime(time.CLOCK_MONOTONIC)


class Book:
    """The entries that hooks made. Everything here is done under the lock."""

    def __init__(self, kernel: ListKernel, local: Local, policy: Policy, clock: Clock = _clock) -> None:
        self._kernel = kernel
        self._local = local
        self._policy = policy
        self._clock = clock
        self._notes: Notes = {}
        self._ended: t.List[Note] = []
        self._lines = 0
        self._read: t.Optional[t.Tuple[int, int, int]] = None

    def answer(self, asked: t.Sequence[Asked]) -> t.List[t.Optional[FastpathError]]:
        """Do what is asked. Returns for each call why it was refused, V(none) where it was not."""
        self._refresh()
        refused: t.List[t.Optional[FastpathError]] = []
        before = {key: self._notes[key] for key in map(_key, asked) if key in self._notes}
        notes: t.List[Note] = []
        with Few(self._kernel) as few:
            for call, who in asked:
                try:
                    notes += self._carry_out(_Now(few, *self._clock()), call, HOOK + who)
                    refused.append(None)
                except FastpathError as error:
                    refused.append(error)
                except OSError as error:  # the others of this batch are noted all the same
                    refused.append(FastpathError(str(call.source), reason_of(error), "See the journal of vos-fastpath-verify"))
            try:
                self._keep(notes)
            except FastpathError as error:
                self._undo(_Now(few, *self._clock()), notes, before)
                return [error] * len(asked)
        return refused

    def sweep(self) -> None:
        """Take out of the kernel what has expired, and out of the file what is no longer true, where that is much."""
        self._refresh()
        self._set_aside(self._notes)
        if self._ended:
            with Few(self._kernel) as few:
                for note in self._ended:
                    _Now(few, *self._clock()).drop(note)
            self._ended = []
        if self._lines > len(self._notes) + _SPARE_LINES:
            self._local.compact()
            self._lines, self._read = len(self._notes), self._state()

    def _carry_out(self, now: _Now, call: Call, who: str) -> t.Tuple[Note, ...]:
        """Change the kernel, and return the note of it; none where there was nothing to do. Raises FastpathError."""
        self._check(call)
        mine = self._notes.get(_key(Asked(call, who)))
        if mine is not None and not mine.by.startswith(HOOK):
            raise FastpathError(str(call.source), "somebody said by hand what is to be", "See vos-fastpath list --local")
        if call.seconds is None:
            return self._take_back(now, call, mine, who)
        until = _rounded(now.time + call.seconds, call.seconds)
        there = now.until(call)
        if there is not None and (there == 0 or there >= until - 1):
            return ()
        if there is not None and mine is None:
            raise FastpathError(str(call.source), "Ansible put it on the %slist for less time" % call.name, "Change it there")
        self._check_room(now, call, mine)
        now.put(call.name, call.source, until)
        return self._noted(Note(call.name, str(call.source), True, until, call.comment, who, round(now.time, 3)))

    def _take_back(self, now: _Now, call: Call, mine: t.Optional[Note], who: str) -> t.Tuple[Note, ...]:
        if mine is None:
            if now.until(call) is not None:
                raise FastpathError(str(call.source), "Ansible put it on the %slist" % call.name, "Take it off there")
            return ()
        now.drop(mine)
        return self._noted(Note(call.name, str(call.source), None, by=who, at=round(now.time, 3)))

    def _check(self, call: Call) -> None:
        if call.name not in self._policy.lists:
            raise FastpathError(call.name, "the hook of this host may not %s" % call.name, "See vos_fastpath_hook_lists")
        if call.source.length < _SHORTEST[call.source.family]:
            raise FastpathError(str(call.source), "a hook names a source: an address, or an IPv6 network of /64 or longer", "Use Ansible")
        if call.seconds is not None and call.seconds > self._policy.max_seconds:
            reason = "a hook may say so for %d seconds at most" % self._policy.max_seconds
            raise FastpathError("%d seconds" % call.seconds, reason, "See vos_fastpath_hook_max_seconds")

    def _check_room(self, now: _Now, call: Call, mine: t.Optional[Note]) -> None:
        decides = now.decides(call)
        if decides not in (None, call.name):
            raise FastpathError(str(call.source), "it is on the %slist, which no hook overrules" % decides, "Take it off there first")
        if mine is None and len(self._notes) >= self._policy.max_entries:
            reason = "%d entries were made on this host, and no hook makes more" % len(self._notes)
            raise FastpathError(str(call.source), reason, "See vos_fastpath_hook_max_entries")

    def _noted(self, note: Note) -> t.Tuple[Note]:
        if note.value is None:
            self._notes.pop(note.key, None)
        else:
            self._notes[note.key] = note
        return (note,)

    def _undo(self, now: _Now, notes: t.Sequence[Note], before: Notes) -> None:
        """Have in the kernel again what was there before: what could not be noted would be gone with the next restart."""
        for note in notes:
            if note.value:
                now.drop(note)
            self._notes.pop(note.key, None)
        for note in before.values():
            now.put(note.what, parse_prefix(note.name), note.until)
        self._notes.update(before)

    def _keep(self, notes: t.Sequence[Note]) -> None:
        """Write the notes down: as far as the system's cache, which outlives this process; nobody waits for a disk."""
        if notes:
            self._local.record(notes, sync=False)
            self._lines += len(notes)
            self._read = self._state()

    def _refresh(self) -> None:
        """Read the file anew if somebody else wrote to it."""
        if self._read is None or self._read != self._state():
            self._set_aside(self._notes)
            self._notes = self._local.notes(self._clock()[0])
            self._lines, self._read = len(self._notes), self._state()

    def _set_aside(self, notes: Notes) -> None:
        """Part from what has expired, and remember to take it out of the kernel."""
        now, _monotonic = self._clock()
        for key in [key for key, note in notes.items() if note.what in LISTS and 0 < note.until <= now]:
            self._ended.append(notes.pop(key))

    def _state(self) -> t.Tuple[int, int, int]:
        try:
            found = os.stat(self._local.path)
        except FileNotFoundError:
            return 0, 0, 0
        return found.st_ino, found.st_size, found.st_mtime_ns


def _key(asked: Asked) -> t.Tuple[str, str]:
    return asked.call.name, str(asked.call.source)


class _Now:
    """The lists at a time, in seconds since 1970 instead of ticks."""

    def __init__(self, few: Few, now: float, monotonic: float) -> None:
        self.time = now
        self._few = few
        self._boot = now - monotonic

    def until(self, call: Call) -> t.Optional[float]:
        """Return until when a source is on the list, 0 for good; V(none) where it isn't on it now."""
        tick = self._few.expires(call.source, call.name)
        if tick is None or 0 < tick <= self._tick(self.time):
            return None
        return self.time + (tick - self._tick(self.time)) / ticks_per_second() if tick else 0.0

    def decides(self, call: Call) -> t.Optional[str]:
        """Return the list that decides about a source."""
        return self._few.decides(call.source, self._tick(self.time))

    def put(self, name: str, source: Prefix, until: float) -> None:
        """Have it on the list until then."""
        self._few.put(source, name, self._tick(until))

    def drop(self, note: Note) -> None:
        """Take off what a note put there; what was made to last longer since then is not the note's any more."""
        prefix = parse_prefix(note.name)
        tick = self._few.expires(prefix, note.what)
        if tick and tick <= self._tick(note.until + 1):
            self._few.take(prefix, note.what)

    def _tick(self, when: float) -> int:
        return ticks_of(when - self._boot)


def _rounded(until: float, seconds: int) -> float:
    """Return the next whole multiple of a small part of the time."""
    grain = max(1, seconds // _GRAIN)
    return float(-(-until // grain) * grain)
