# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath) C(stats) and C(top): what the filters counted, once or live."""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._stats_summary import summary
from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task

__all__ = ("stats_command", "top_command")

_CLEAR = "\x1b[H\x1b[2J"


def stats_command(call: Call) -> Answer:
    """Counters, with rates where an interval is given; again and again with --watch."""
    if call.options.watch is None:
        facts = _asked(call, call.options.interval, 0)
        return Answer(facts, summary(facts))
    rounds = _rounds(call, max(call.options.watch, 0.1))
    if call.options.json:
        return Answer(rounds, ())
    return Answer({}, _screens(rounds))


def _asked(call: Call, interval: float, top: int) -> t.Dict[str, t.Any]:
    params = {"interfaces": call.options.interfaces or None, "interval": interval, "top": top, "reset": False, "query": None}
    facts: t.Dict[str, t.Any] = stats_task(params, False, call.kernel)["ansible_facts"]["vos_fastpath"]
    return facts


def _rounds(call: Call, interval: float) -> t.Iterator[t.Dict[str, t.Any]]:
    while True:
        yield _asked(call, interval, 5)


def _screens(rounds: t.Iterable[t.Dict[str, t.Any]]) -> t.Iterator[str]:
    for facts in rounds:
        yield (_CLEAR if sys.stdout.isatty() else "") + "\n".join(summary(facts))


def top_command(call: Call) -> Answer:
    """The sources that are dropped most, of all interfaces."""
    facts = _asked(call, 0.0, call.options.number)
    sources = [{**source, "interface": name} for name, found in facts["interfaces"].items() for source in found.get("top_sources", ())]
    sources.sort(key=lambda source: -source["packets"])
    del sources[call.options.number:]
    lines = ["%-39s %12d  %-20s %s, %.0f s ago" % _row(source) for source in sources]
    return Answer({"top_sources": sources}, lines or ["nothing was dropped yet"])


def _row(source: t.Dict[str, t.Any]) -> t.Tuple[t.Any, ...]:
    return tuple(source[key] for key in ("address", "packets", "reason", "interface", "seconds_ago"))
