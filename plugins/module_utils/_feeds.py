# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files with entries: one per line with comments, CSV, or JSON, as blocklists are published."""

from __future__ import annotations

import csv
import datetime
import json
import re
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._entries import Item
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("read_feed",)

_ADDRESS = ("address", "ip", "ipaddress", "prefix", "cidr", "network")
_EXPIRES = ("expires", "expiry", "until")
_COMMENTS = ("#", ";")
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]+)?\Z", re.ASCII)
_LONG_AGO = 1.0  # 0 would be never
_REMEDY = "Nothing was changed"


def read_feed(name: str, text: str, expires: float = 0.0) -> t.Iterator[Item]:
    """Return the entries of a file; C(expires) is for those that have no time of their own. Raises FastpathError.

    A line is an address or a prefix, or these in CSV: address, time, comment. Behind C(#) or C(;) is a comment. JSON is a list of
    texts or of objects with C(address) (or C(ip), C(prefix), C(cidr)) and C(expires); or one object with such a list in it.
    """
    text = text.lstrip("\ufeff")  # some editors mark UTF-8 so
    if text.lstrip()[:1] in ("[", "{"):
        return _json(name, text, expires)
    return _lines(name, text, expires)


def _lines(name: str, text: str, default: float) -> t.Iterator[Item]:
    where = name.replace("%", "%%") + " line %d"
    for number, line in enumerate(text.split("\n"), 1):
        if "#" in line or ";" in line:
            line = _without_comment(line)
        line = line.strip()
        if "," in line:
            place = where % number
            address, when = _columns(place, line)
            if address.lower() not in _ADDRESS:  # the names of the columns
                yield place, address, _time(place, when, default)
        elif line:
            yield where % number, line, default


def _columns(place: str, line: str) -> t.Tuple[str, str]:
    """Return the first two of CSV."""
    try:
        fields = next(csv.reader([line]))
    except csv.Error as error:
        raise FastpathError(place, "it is no CSV: %s" % error, _REMEDY) from error
    return fields[0].strip(), fields[1].strip() if len(fields) > 1 else ""


def _without_comment(line: str) -> str:
    for mark in _COMMENTS:
        line = line.partition(mark)[0]
    return line


def _json(name: str, text: str, default: float) -> t.Iterator[Item]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FastpathError(name, "it is no JSON: %s" % error, _REMEDY) from error
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        if len(lists) != 1:
            raise FastpathError(name, "the object has %d lists in it instead of one" % len(lists), _REMEDY)
        found = lists[0]
    for number, item in enumerate(found, 1):
        place = "%s item %d" % (name, number)
        if isinstance(item, str):
            yield place, item.strip(), default
            continue
        fields = {key.lower(): value for key, value in item.items()} if isinstance(item, dict) else {}
        address = next((fields[key] for key in _ADDRESS if isinstance(fields.get(key), str)), None)
        if address is None:
            raise FastpathError(place, "it is neither a text nor an object with an address", _REMEDY)
        when = next((fields[key] for key in _EXPIRES if fields.get(key) is not None), "")
        yield place, address.strip(), _time(place, str(when), default)


def _time(place: str, text: str, default: float) -> float:
    """Return seconds since 1970. A time without a zone is UTC."""
    if not text:
        return default
    if _SECONDS.match(text):
        return float(text)
    try:
        when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        remedy = "Write seconds since 1970, or ISO 8601 as in 2026-11-23T12:00:00Z. " + _REMEDY
        raise FastpathError("%s: %s" % (place, text), "it is no time", remedy) from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.timezone.utc)
    return max(when.timestamp(), _LONG_AGO)
