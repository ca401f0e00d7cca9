# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbers that a filter counts, and their names."""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import (
    COUNTERS,
    METHODS,
    REASON_SLOTS,
    REASONS,
    STATS_NUMBERS,
)
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map, of_cpus, possible_cpus

__all__ = ("Numbers", "counted_on", "described", "grown", "per_second", "read", "total")

Numbers = t.Sequence[float]
"""The slots of C(xdp_counters), then the numbers of C(struct sip_stats): whole ones, or how many of each came per second."""

_NAMES = tuple(key for key, words in COUNTERS)
_NONE: Numbers = (0,) * (len(COUNTERS) + STATS_NUMBERS)


def read(kernel: Kernel, program: Program) -> Numbers:
    """Return what a program has counted, on all CPUs together."""
    return total(_per_cpu(kernel, program))


def counted_on(kernel: Kernel, program: Program, cpus: t.Container[int]) -> t.List[int]:
    """Return those of the CPUs that have counted anything."""
    return [cpu for cpu, numbers in zip(possible_cpus(), _per_cpu(kernel, program)) if cpu in cpus and any(numbers)]


def total(all_numbers: t.Iterable[Numbers]) -> Numbers:
    """Add up, place by place."""
    return tuple(map(sum, zip(_NONE, *all_numbers)))


def grown(before: Numbers, after: Numbers) -> Numbers:
    """Return what came in between. Where one went back, counting was begun anew: then what is there is what came."""
    numbers = [new - old for old, new in zip(before, after)]
    return after if min(numbers) < 0 else numbers


def per_second(numbers: Numbers, seconds: float) -> Numbers:
    """Return how many of each that is in a second."""
    return [round(number / seconds, 3) for number in numbers]


def _per_cpu(kernel: Kernel, program: Program) -> t.List[Numbers]:
    """Return what each CPU has counted; what an older version did not count yet is 0."""
    with kernel.map_by_id(program.maps["xdp_counters"]) as counters:
        parts = [_slot(counters, slot, 1) for slot in range(len(COUNTERS))]
    if "xdp_stats" in program.maps:
        with kernel.map_by_id(program.maps["xdp_stats"]) as stats:
            parts.append(_slot(stats, 0, STATS_NUMBERS))
    else:
        parts.append([(0,) * STATS_NUMBERS] * len(parts[0]))
    return [sum(numbers, ()) for numbers in zip(*parts)]


def _slot(opened: Map, slot: int, size: int) -> t.List[t.Tuple[int, ...]]:
    """Return so many numbers of each CPU."""
    value = opened.lookup(struct.pack("=I", slot)) or bytes(opened.value_size)
    return [struct.unpack("=%dQ" % size, each) for each in of_cpus(opened, value, 8 * size)]


def described(numbers: Numbers) -> t.Dict[str, t.Dict[str, t.Any]]:
    """Return the numbers by name: counters, reasons, would_drop, methods."""
    stats = numbers[len(COUNTERS):]
    return {
        "counters": dict(zip(_NAMES, numbers)),
        "reasons": _by_reason(stats[: 2 * REASON_SLOTS]),
        "would_drop": _by_reason(stats[2 * REASON_SLOTS: 4 * REASON_SLOTS], "drop"),
        "methods": dict(zip(METHODS, stats[4 * REASON_SLOTS:])),
    }


def _by_reason(numbers: Numbers, only: str = "") -> t.Dict[str, t.Dict[str, float]]:
    """Return packets and bytes by reason; the reasons that are never counted are left out."""
    counted = ((i, reason) for i, reason in enumerate(REASONS) if reason.counter and reason.verdict.startswith(only))
    return {reason.name: {"packets": numbers[2 * i], "bytes": numbers[2 * i + 1]} for i, reason in counted}
