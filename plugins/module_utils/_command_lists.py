# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath) C(allow), C(block), C(unallow), C(unblock) and C(list): entries by hand, kept apart from what Ansible manages."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._clock import boot_time, current_tick, ticks_of
from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._controller import controller_address
from ansible_collections.vos.fastpath.plugins.module_utils._entries import Collected, empty, texts_of
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._few import Few
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note, Notes, overlay
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, locked
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._who import who

__all__ = ("allow_command", "block_command", "list_command", "unallow_command", "unblock_command")

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_TIME = re.compile(r"([0-9]{1,9})([smhdw]?)\Z", re.ASCII)


def allow_command(call: Call) -> Answer:
    """Trust sources, for a time or until the play removes it."""
    return _changed(call, "allow", True)


def block_command(call: Call) -> Answer:
    """Drop sources, for a time or until the play removes it."""
    prefixes = [parse_prefix(text) for text in call.options.entries]
    own = controller_address()
    mine = parse_prefix(own) if own and not call.options.force else None
    for prefix in prefixes:
        if mine is not None and mine.family == prefix.family and mine.length >= prefix.length and mine.network(prefix.length) == prefix:
            raise FastpathError(str(prefix), "you are connected from %s, which would be blocked" % own, "Add --force if this is meant")
    return _changed(call, "block", True)


def unallow_command(call: Call) -> Answer:
    """Take sources off the allowlist, those that Ansible manages included."""
    return _changed(call, "allow", False)


def unblock_command(call: Call) -> Answer:
    """Take sources off the blocklist, those that Ansible manages included."""
    return _changed(call, "block", False)


def _changed(call: Call, name: str, value: bool) -> Answer:
    if not call.saved.installed():
        raise FastpathError(call.saved.folder, "this host keeps nothing", "Run the play with the role vos.fastpath.vos_fastpath")
    now = time.time()
    until = now + seconds_of_words(call.options.time) if value and call.options.time else 0.0
    comment = call.options.comment if value else ""
    prefixes = [parse_prefix(text) for text in call.options.entries]
    with locked(LOCK):
        managed = call.saved.entries(name).wanted
        notes = []
        for prefix in prefixes:
            keep = value or prefix.key in managed[prefix.table]  # what Ansible manages needs an exception
            notes.append(Note(name, str(prefix), value if keep else None, until, comment, who(), round(now, 3)))
        undo = call.saved.local.record(notes)
        try:
            lines = [line for note, prefix in zip(notes, prefixes) for line in _put(call, name, note, prefix, managed[prefix.table])]
        except (FastpathError, OSError):
            undo()  # verify takes out again what of several entries was made
            raise
    return Answer({"notes": [note._asdict() for note in notes], "said": lines}, lines)


def _put(call: Call, name: str, note: Note, prefix: Prefix, managed: t.Mapping[bytes, float]) -> t.Iterator[str]:
    """Have in the kernel what note and Ansible say of an entry together, and say how it stands now."""
    entries = empty()
    if prefix.key in managed:
        entries[prefix.table][prefix.key] = managed[prefix.key]
    overlay(entries, {note.key: note} if note.value is not None else {}, name)
    when, boot = entries[prefix.table].get(prefix.key), boot_time()
    with Few(call.kernel) as few:
        there = few.expires(prefix, name)
        if when is not None:
            few.put(prefix, name, ticks_of(when - boot) if when else 0)
        elif there is not None:
            few.take(prefix, name)
        verb = {"allow": "allowed", "block": "blocked"}[name]
        yield "%s is %s%s" % (prefix, "" if when is not None else "not ", verb + _until(when))
        decides = few.decides(prefix, current_tick())
        if decides == "block" and (name == "allow" or when is None):
            yield "but it is blocked still, by the entry %s: see 'vos-fastpath unblock'" % _covering(few, "block", prefix)
        if decides == "allow" and name == "block":
            yield "but it is allowed, by the entry %s, which is longer: see 'vos-fastpath unallow'" % _covering(few, "allow", prefix)


def _covering(few: Few, name: str, prefix: Prefix) -> str:
    """Return the narrowest entry of a list that this one falls under."""
    wider = (prefix.network(length) for length in range(prefix.length, -1, -1))
    return str(next(each for each in wider if few.expires(each, name) is not None))


def seconds_of_words(text: str) -> int:
    """Read a time such as C(90), C(5m), C(2h), C(1d). Raises FastpathError."""
    found = _TIME.match(text)
    if not found or not int(found.group(1)):
        raise FastpathError("--for %s" % text, "it is no time", "Write seconds, or a number with m, h, d or w: 90, 5m, 2h, 1d")
    return int(found.group(1)) * _UNITS[found.group(2)]


def _until(when: t.Optional[float]) -> str:
    return time.strftime(" until %Y-%m-%dT%H:%M:%SZ", time.gmtime(round(when))) if when else ""


def list_command(call: Call) -> Answer:
    """The entries of both lists, with who put them there."""
    notes = call.saved.local.notes()
    names = [call.options.list] if call.options.list else list(LISTS)
    address = parse_prefix(call.options.covering) if call.options.covering else None
    found = [entry for name in names for entry in _entries(call, name, notes) if address is None or _covers(entry["entry"], address)]
    others = [note for note in notes.values() if note.what not in LISTS] if not call.options.list and address is None else []
    lines = [_line(entry) for entry in found] + [str(note) for note in others]
    return Answer({"entries": found, "changed": [note._asdict() for note in others]}, lines)


def _entries(call: Call, name: str, notes: Notes) -> t.Iterator[t.Dict[str, t.Any]]:
    for note in notes.values():
        if note.what == name:
            yield _entry(name, note.name, note.until, note.comment, note.by or "hand", note.value is False)
    if call.options.local:
        return
    managed: Collected = call.saved.entries(name)
    for table, keys in managed.wanted.items():
        for text, (key, until) in zip(texts_of(table, keys, len(keys)), keys.items()):
            if (name, text) not in notes:
                yield _entry(name, text, until, managed.comments[table].get(key, ""), "ansible", False)


def _entry(name: str, text: str, until: float, comment: str, by: str, exception: bool) -> t.Dict[str, t.Any]:
    return {"list": name, "entry": text, "until": until or None, "comment": comment, "by": by, "exception": exception}


def _covers(entry: str, address: Prefix) -> bool:
    prefix = parse_prefix(entry)
    return prefix.family == address.family and prefix.length <= address.length and address.network(prefix.length) == prefix


def _line(entry: t.Dict[str, t.Any]) -> str:
    verb = ("un" if entry["exception"] else "") + entry["list"]
    words = "%-8s %-43s %-12s %s" % (verb, entry["entry"] + _until(entry["until"]), entry["by"], entry["comment"])
    return words.rstrip()
