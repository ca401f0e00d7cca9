# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was changed on the host, by hand or by a hook, kept apart from what Ansible manages.

A file of lines, one JSON object each, that only grows: a thousand changes a second cost a thousand lines. The last line about a
thing counts, and C(compact) leaves only those.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _files
from ansible_collections.vos.fastpath.plugins.module_utils._entries import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix

__all__ = ("Local", "Note", "Notes", "overlay")


class Note(t.NamedTuple):
    """What somebody said of one thing."""

    what: str
    """V(allow) or V(block) (an entry), V(audit), V(attached) (an interface)."""
    name: str
    """The entry or the interface; empty where it is about the host."""
    value: t.Optional[bool]
    """Whether it is to be; V(none) takes back what was said before."""
    until: float = 0.0
    """When this ends (seconds since 1970), 0 for never."""
    comment: str = ""
    by: str = ""
    at: float = 0.0

    @property
    def key(self) -> t.Tuple[str, str]:
        """What it is about."""
        return self.what, self.name

    def __str__(self) -> str:
        verb = {"attached": ("detach", "attach"), "audit": ("audit off", "audit on")}.get(self.what, ("un" + self.what, self.what))[bool(self.value)]
        until = time.strftime("until %Y-%m-%dT%H:%M:%SZ", time.gmtime(round(self.until))) if self.until else ""
        who = "(%s)" % ", ".join(filter(None, (self.by, self.comment))) if self.by or self.comment else ""
        return " ".join(filter(None, (verb, self.name, until, who)))


Notes = t.Dict[t.Tuple[str, str], Note]


class Local:
    """The file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def notes(self, now: t.Optional[float] = None) -> Notes:
        """Return what holds now."""
        now = time.time() if now is None else now
        found: Notes = {}
        for note in _parse(self.path, self._read()):
            if note.value is None:
                found.pop(note.key, None)
            else:
                found[note.key] = note
        return {key: note for key, note in found.items() if not note.until or note.until > now}

    def _read(self) -> str:
        """Return the lines. One that is torn can end within a letter: it is no line, and no reason to know nothing of the others."""
        return _files.read(self.path, "replace") or ""

    def record(self, notes: t.Iterable[Note], sync: bool = True) -> t.Callable[[], None]:
        """Write notes down. Returns what takes them back, for when the kernel refuses; under the same lock."""
        size = _files.append(self.path, "".join(map(_line, notes)), sync)
        return lambda: os.truncate(self.path, size)

    @contextlib.contextmanager
    def without(self, notes: t.Sequence[Note]) -> t.Iterator[None]:
        """Take notes back for what is done within, and write them again where that fails."""
        if not notes:
            yield
            return
        undo = self.record(note._replace(value=None) for note in notes)
        try:
            yield
        except BaseException:
            undo()
            raise

    def compact(self, keep: t.Callable[[Note], bool] = lambda note: True) -> int:
        """Leave what holds now and is to be kept, and return how many lines went."""
        lines = self._read().count("\n")
        notes = [note for note in self.notes().values() if keep(note)]
        if len(notes) != lines:
            _files.write(self.path, "".join(map(_line, notes)))
        return lines - len(notes)


def overlay(wanted: Wanted, notes: Notes, name: str) -> t.List[Note]:
    """Change what Ansible wants of a list into what is to be in the kernel; returns the notes that made a difference.

    Of two times the later counts: nobody blocks for less by blocking for an hour what is blocked for good.
    """
    made = []
    for note in notes.values():
        if note.what != name:
            continue
        prefix = parse_prefix(note.name)
        entries = wanted[prefix.table]
        old = entries.get(prefix.key)
        if not note.value:
            entries.pop(prefix.key, None)
        else:
            entries[prefix.key] = note.until if old is None else max(old, note.until) if old and note.until else 0.0
        if entries.get(prefix.key) != old:
            made.append(note)
    return made


def _line(note: Note) -> str:
    return json.dumps({key: value for key, value in note._asdict().items() if value or key == "value"}, ensure_ascii=False) + "\n"


def _parse(path: str, text: str) -> t.Iterator[Note]:
    for number, line in enumerate(text.split("\n"), 1):
        try:
            plain = json.loads(line)
        except ValueError:
            continue  # empty, or a power cut tore it: what it said was not done yet
        try:
            yield _note(plain)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            reason = "it is no note of what was changed by hand: %s" % error
            raise FastpathError("%s line %d" % (path, number), reason, "Remove the line") from error


def _note(found: t.Dict[str, t.Any]) -> Note:
    value, until = found.pop("value"), float(found.pop("until", 0.0))
    if value not in (True, False, None):
        raise ValueError("value is %r" % (value,))
    words = {"name": "", **{key: str(text) for key, text in found.items() if key != "at"}}
    return Note(value=value, until=until, at=float(found.get("at", 0.0)), **words)
