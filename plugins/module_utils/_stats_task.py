# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_stats: facts, with rates where time is given, and zeroing where it is asked for."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _counts, _stats
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_counting import CountingKernel

__all__ = ("ARGUMENT_SPEC", "stats_task")

ARGUMENT_SPEC: t.Dict[str, t.Any] = {
    "interfaces": {"type": "list", "elements": "str", "aliases": ["interface"]},
    "interval": {"type": "float", "default": 0.0},
    "top": {"type": "int", "default": 10},
    "reset": {"type": "bool", "default": False},
    "query": {"type": "str"},
}

_LONGEST = 3600


def stats_task(
    params: t.Dict[str, t.Any],
    check: bool,
    kernel: t.Optional[CountingKernel] = None,
    clock: t.Callable[[], float] = time.monotonic,
) -> t.Dict[str, t.Any]:
    """Return the facts. Without names, of every interface that carries a program. Raises FastpathError."""
    kernel = kernel or CountingKernel()
    _check(params)
    before = None
    if params["interval"]:
        before = _stats.read(kernel, params["interfaces"], clock)
        time.sleep(params["interval"])
    now = _stats.read(kernel, params["interfaces"], clock)
    result: t.Dict[str, t.Any] = {"changed": False}
    if params["reset"]:
        result["changed"] = any(any(seen.numbers) or seen.sources for seen in now.interfaces.values())
        _check_cpus(kernel, now)
        now = now if check else _taken(kernel, now)
        result["diff"] = _diff(now)
    facts = _stats.facts(kernel, now, before, params["top"])
    return {**result, "ansible_facts": {"vos_fastpath": facts}, "warnings": _warnings(facts)}


def _check(params: t.Dict[str, t.Any]) -> None:
    if not 0 <= params["interval"] <= _LONGEST:
        reason = "it has to be 0 to %d seconds" % _LONGEST
        raise FastpathError("interval: %s" % params["interval"], reason, "A second or ten are long enough to see a flood")
    if params["top"] < 0:
        raise FastpathError("top: %d" % params["top"], "it has to be a number of sources", "Set it to 0 for none")


def _check_cpus(kernel: CountingKernel, now: _stats.Reading) -> None:
    """Refuse to zero a part only."""
    unreachable = kernel.unreachable_cpus()
    for name, seen in now.interfaces.items():
        counted = _counts.counted_on(kernel, seen.program, unreachable) if seen.program and seen.numbers else []
        if counted:
            reason = "CPU %s has counted, and nothing can be run there now to zero that" % ", ".join(map(str, counted))
            raise FastpathError("reset: %s" % name, reason, "Bring it online, or run this outside of a cpuset. Nothing was changed")


def _taken(kernel: CountingKernel, now: _stats.Reading) -> _stats.Reading:
    """Zero what the filters have counted. Returns the reading with the numbers that were zeroed, to the last packet."""
    with contextlib.ExitStack() as stack:
        take = {}
        for name, seen in now.interfaces.items():
            if seen.program and seen.numbers:
                take[name] = stack.enter_context(kernel.taking(*_counted_in(name, seen.program)))
        # From here on nothing can be refused any more.
        taken = {name: now.interfaces[name]._replace(numbers=each()) for name, each in take.items()}
    return now._replace(interfaces={**now.interfaces, **taken})


def _counted_in(name: str, program: Program) -> t.Iterator[int]:
    """Return the maps that are zeroed."""
    for each in ("xdp_counters", "xdp_stats", "top_sources"):
        if each not in program.maps:
            reason = "the filter there is of another version, without %s" % each
            raise FastpathError("reset: %s" % name, reason, "Upgrade it with vos.fastpath.xdp_attach. Nothing was changed")
        yield program.maps[each]


def _diff(taken: _stats.Reading) -> t.Dict[str, t.Any]:
    """Show the counters before and after."""
    numbers = {name: seen.numbers for name, seen in taken.interfaces.items() if seen.numbers}
    before = {name: _counts.described(each)["counters"] for name, each in numbers.items()}
    return {"before": before, "after": {name: dict.fromkeys(each, 0) for name, each in before.items()}}


def _warnings(facts: t.Dict[str, t.Any]) -> t.List[str]:
    return [
        "%s: the packets of queue %d are lost: xsks_map has a socket there that is bound to another queue" % (name, queue)
        for name, found in facts["interfaces"].items()
        for queue in found.get("af_xdp_misplaced", ())
    ]
