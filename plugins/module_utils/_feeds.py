# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files with entries: one per line with comments, CSV, or JSON, as blocklists are published."""

from __future__ import annotations

import csv
import datetime
import itertools
import json
import os
import re
import socket
import stat
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES, Collected, Item, empty
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of

__all__ = ("read_feed", "read_hosts", "read_text")

_ADDRESS = ("address", "ip", "ipaddress", "prefix", "cidr", "network")
_EXPIRES = ("expires", "expiry", "until")
_COMMENT = ("comment", "description", "reason")
_MARKED = re.compile(r'((?:[^"#;]|"[^"]*")*)[#;](.*)\Z', re.DOTALL)
"""What is in front of a mark that begins a comment, and the comment; between quotes nothing is a mark."""
_BYTES = 1 << 28
_BYTES_OF_JSON = 1 << 26
"""The most that is read. What is made of JSON can take twenty times as much memory."""
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]+)?\Z", re.ASCII)
_LONG_AGO = 1.0  # 0 would be never
_LATEST = 253402300799.0  # the end of 9999: what is saved in ISO 8601 is to be read again
_REMEDY = "Nothing was changed"


def read_hosts(text: str, expires: float = 0.0) -> t.Optional[Collected]:
    """Read at once what most long files are: IPv4 hosts, a line each, none twice. V(none) for any other, which read_feed() is for."""
    lines = text.rstrip("\n").split("\n")
    try:
        keys = dict.fromkeys(map(socket.inet_pton, itertools.repeat(socket.AF_INET), lines), expires)
    except (OSError, ValueError):
        return None
    return Collected({**empty(), "hosts_v4": keys}, {table: {} for table in TABLES}, 0, []) if len(keys) == len(lines) else None


def read_feed(name: str, text: str, expires: float = 0.0) -> t.Iterator[Item]:
    """Return the entries of a file; C(expires) is for those that have no time of their own. Raises FastpathError.

    A line is an address or a prefix, or these in CSV: address, time, comment. Behind C(#) or C(;) is a comment. JSON is a list of
    texts or of objects with C(address) (or C(ip), C(prefix), C(cidr)), C(expires) and C(comment); or one object with such a list.
    """
    text = text.lstrip("\ufeff")  # some editors mark UTF-8 so
    if text.lstrip()[:1] in ("[", "{"):
        return _json(name, text, expires)
    return _lines(name, text, expires)


def read_text(path: str) -> str:
    """Return what is in a file. Raises FastpathError for what is no text file, or a very large one."""
    remedy = "Name a text file with one entry per line, CSV or JSON"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # nobody may ever write into a pipe
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FastpathError("src: %s" % path, "it is no regular file", remedy)
            raw = stream.read(_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with a zero byte
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise FastpathError("src: %s" % path, reason, remedy) from error
    if len(raw) > _BYTES:
        raise FastpathError("src: %s" % path, "it is larger than %d MiB" % (_BYTES >> 20), remedy)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = "src: %s line %d" % (path, raw.count(b"\n", 0, error.start) + 1)
        raise FastpathError(place, "it is no UTF-8: %s" % error, remedy) from error


def _lines(name: str, text: str, default: float) -> t.Iterator[Item]:
    where = name.replace("%", "%%") + " line %d"
    comment = ""
    for number, line in enumerate(text.split("\n"), 1):
        if "#" in line or ";" in line:
            line, comment = _without_comment(line)
        line = line.strip()
        if "," in line or line[:1] == '"':
            place = where % number
            address, when, column = _columns(place, line)
            if address.lower() not in _ADDRESS:  # the names of the columns
                yield place, address, _time(place, when, default), column or comment
        elif line:
            yield where % number, line, default, comment
        comment = ""


def _columns(place: str, line: str) -> t.Tuple[str, str, str]:
    """Return the first three of CSV."""
    try:
        fields = next(csv.reader([line], skipinitialspace=True))
    except csv.Error as error:
        raise FastpathError(place, "it is no CSV: %s" % error, _REMEDY) from error
    address, when, comment = (field.strip() for field in (fields + ["", "", ""])[:3])
    return address, when, comment


def _without_comment(line: str) -> t.Tuple[str, str]:
    found = _MARKED.match(line)
    return (found.group(1), found.group(2)) if found else (line, "")


def _json(name: str, text: str, default: float) -> t.Iterator[Item]:
    if len(text) > _BYTES_OF_JSON:
        raise FastpathError(name, "as JSON it is larger than %d MiB" % (_BYTES_OF_JSON >> 20), "Write one entry per line. " + _REMEDY)
    try:
        found = json.loads(text, parse_int=float)  # of a number with a million digits C(int) takes minutes
    except (ValueError, RecursionError) as error:
        raise FastpathError(name, "it is no JSON: %s" % error, _REMEDY) from error
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        if len(lists) != 1:
            raise FastpathError(name, "the object has %d lists in it instead of one" % len(lists), _REMEDY)
        found = lists[0]
    for number, item in enumerate(found, 1):
        yield _item("%s item %d" % (name, number), item, default)


def _item(place: str, item: t.Any, default: float) -> Item:
    """Return an entry of JSON."""
    if isinstance(item, str):
        return place, item.strip(), default, ""
    fields = {key.lower(): value for key, value in item.items()} if isinstance(item, dict) else {}
    address = next((fields[key] for key in _ADDRESS if isinstance(fields.get(key), str)), None)
    if address is None:
        raise FastpathError(place, "it is neither a text nor an object with an address", _REMEDY)
    when = next((fields[key] for key in _EXPIRES if fields.get(key) is not None), "")
    comment = next((fields[key] for key in _COMMENT if isinstance(fields.get(key), str)), "")
    return place, address.strip(), _time(place, str(when), default), comment


def _time(place: str, text: str, default: float) -> float:
    """Return seconds since 1970. A time without a zone is UTC."""
    if not text:
        return default
    if _SECONDS.match(text):
        return min(float(text), _LATEST)
    try:
        when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        remedy = "Write seconds since 1970, or ISO 8601 as in 2026-11-23T12:00:00Z. " + _REMEDY
        raise FastpathError("%s: %s" % (place, text), "it is no time", remedy) from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.timezone.utc)
    return min(max(when.timestamp(), _LONG_AGO), _LATEST)
