# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts for people: a few aligned lines without the zeros."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import REASONS

__all__ = ("summary",)

Facts = t.Mapping[str, t.Any]

_VERDICTS = {reason.name: reason.verdict for reason in REASONS}
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_NUMBERS = (2, 3, 4)  # columns


def summary(facts: Facts) -> t.List[str]:
    """Return the lines: each interface, then the lists."""
    lines: t.List[str] = []
    for name, found in facts["interfaces"].items():
        others = [other for other in found["carries"] if other != name]
        asked = "%s, for %s" % (name, ", ".join(others)) if others else name
        lines += ["%s: %s" % (asked, _title(found)), *_body(found)]
    return lines + [_lists(facts)] if lines else ["No interface carries a filter", _lists(facts)]


def _title(found: Facts) -> str:
    if found["prog_id"] is None:
        return "no filter"
    if not found["attached"]:
        return "program %d of somebody else, %s" % (found["prog_id"], found["mode"])
    words = [found["mode"], found["driver"], "program %d" % found["prog_id"], "up " + _span(found["uptime"])]
    return ", ".join(words + ["AUDIT: nothing is dropped"] * found["audit"])


def _body(found: Facts) -> t.List[str]:
    """Return what was counted, who was dropped, and where sockets are."""
    if not found["attached"]:
        return []
    rows = _counted(found, "reasons", "%s") + _counted(found, "would_drop", "would %s")
    lines = _aligned(rows) or ["  no SIP packet yet"]
    methods = ["%s %s" % (name, format(number, ",")) for name, number in found["methods"].items() if number]
    if methods:
        lines.append("  requests: " + ", ".join(methods))
    for key, words in (("af_xdp_queues", "AF_XDP sockets"), ("af_xdp_misplaced", "LOST, AF_XDP socket of another queue")):
        if found[key]:
            lines.append("  %s: queue %s" % (words, ", ".join(map(str, found[key]))))
    if found["top_sources"]:
        lines.append("  dropped most:")
        lines += _aligned([
            ("", source["address"], format(source["packets"], ","), source["reason"], _span(source["seconds_ago"]) + " ago")
            for source in found["top_sources"]
        ], numbers=(2,))
    return lines


def _counted(found: Facts, key: str, words: str) -> t.List[t.Tuple[str, ...]]:
    """Return a row for each reason that was counted: drops first, the most frequent first."""
    counted = [(reason, both) for reason, both in found[key].items() if both["packets"]]
    counted.sort(key=lambda each: (_VERDICTS[each[0]], -each[1]["packets"]))
    rates = found["rates"][key] if found["rates"] else None
    return [
        (words % _VERDICTS[reason], reason, format(both["packets"], ","), _size(both["bytes"]))
        + (("%s/s" % format(rates[reason]["packets"], ",.1f"),) if rates else ())
        for reason, both in counted
    ]


def _aligned(rows: t.Sequence[t.Sequence[str]], numbers: t.Sequence[int] = _NUMBERS) -> t.List[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  " + "  ".join(cell.rjust(width) if i in numbers else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows
    ]


def _lists(facts: Facts) -> str:
    sizes = ", ".join("%s %s" % (name, format(number, ",")) for name, number in facts["lists"].items())
    full = ["%s %.0f %% full" % (name, 100 * table["fill"]) for name, table in facts["tables"].items() if table["fill"] >= 0.005]
    return "lists: " + "; ".join([sizes, *full])


def _size(number: float) -> str:
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return "%.*f %s" % (1 if unit else 0, number, _UNITS[unit])


def _span(seconds: float) -> str:
    """Return the two largest units: C(3 d 4 h)."""
    left, words = int(seconds), []
    for size, unit in _SPANS:
        if left >= size:
            words.append("%d %s" % (left // size, unit))
            left %= size
    return " ".join(words[:2]) or "0 s"
