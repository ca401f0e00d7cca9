# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said to the hook: a line (C(allow 192.0.2.7 3600 registered alice)), or an event of OpenSIPS, which is JSON-RPC."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix

__all__ = ("Call", "LONGEST", "parse_call")

LONGEST = 512
"""So many bytes a call can have."""

_COMMENT = 200
_BACK = "un"
_LISTS = ("allow", "block")
_USAGE = "Say: allow|block SOURCE SECONDS [COMMENT], or unallow|unblock SOURCE"


class Call(t.NamedTuple):
    """What somebody wants of one source."""

    name: str
    """The list: V(allow) or V(block)."""
    source: Prefix
    seconds: t.Optional[int]
    """For how long; V(none) takes back what was said before."""
    comment: str = ""


def parse_call(raw: bytes) -> Call:
    """Read a line or a datagram. Raises FastpathError."""
    if len(raw) > LONGEST:
        raise FastpathError("%d bytes" % len(raw), "a call has %d at most" % LONGEST, "Shorten the comment")
    text = raw.decode("utf-8", "replace").strip()
    return _event(text) if text.startswith("{") else _words(text)


def _words(text: str) -> Call:
    verb, _space, rest = text.partition(" ")
    source, _space, rest = rest.strip().partition(" ")
    seconds, _space, comment = rest.strip().partition(" ")
    return _call(verb, source, seconds, comment)


def _event(text: str) -> Call:
    """Read a JSON-RPC notification, as event_datagram of OpenSIPS sends it; its method ends in the verb."""
    try:
        found = json.loads(text)
        values = found["params"]
        verb = str(found["method"]).rpartition("_")[2].lower()
        return _call(verb, *(str(values.get(key, "")) for key in ("source", "seconds", "comment")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = "it is no notification with the params source, seconds and comment"
        raise FastpathError(_shown(text), reason, _USAGE) from error


def _call(verb: str, source: str, seconds: str, comment: str) -> Call:
    name = verb[len(_BACK):] if verb.startswith(_BACK) else verb
    if name not in _LISTS:
        raise FastpathError(_shown(verb), "it is no call", _USAGE)
    prefix = parse_prefix(source.strip("[]"))
    if name != verb:
        return Call(name, prefix, None)
    if not (seconds.isascii() and seconds.isdigit() and 0 < len(seconds) < 10 and int(seconds)):
        raise FastpathError(_shown(seconds), "it is no number of seconds", _USAGE)
    return Call(name, prefix, int(seconds), _shown(comment))


def _shown(text: str) -> str:
    """Return text that can't do anything to a terminal or a log."""
    return "".join(character if character.isprintable() else "?" for character in text.strip()[:_COMMENT])
