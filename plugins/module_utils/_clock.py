# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of the XDP program: ticks, the kernel's jiffies64, and what they are in seconds.

The kernel's tick is what the coarse clocks have as their resolution (clock_getres(2)); it counts them on from
C(INITIAL_JIFFIES) (linux/jiffies.h), five minutes before 2**32, in step with CLOCK_MONOTONIC.
"""

from __future__ import annotations

import time
import typing as t

__all__ = ("boot_time", "current_tick", "in_ticks", "ticks_of", "ticks_per_second", "seconds_of")

_CLOCK_MONOTONIC_COARSE = 6  # linux/time.h


def ticks_per_second() -> int:
    """Return the kernel's C(HZ)."""
    return round(1 / time.clock_getres(_CLOCK_MONOTONIC_COARSE))


def ticks_of(monotonic: float) -> int:
    """Return the tick at this time of CLOCK_MONOTONIC, in seconds."""
    hz = ticks_per_second()
    return (1 << 32) - 300 * hz + int(monotonic * hz)


def current_tick() -> int:
    """Return the tick that it is."""
    return ticks_of(time.clock_gettime(time.CLOCK_MONOTONIC))


def seconds_of(ticks: int) -> float:
    """Return the time of CLOCK_MONOTONIC, in seconds, at this tick."""
    hz = ticks_per_second()
    return (ticks - (1 << 32) + 300 * hz) / hz


def boot_time() -> float:
    """Return when CLOCK_MONOTONIC was 0, in seconds since 1970."""
    return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)


def in_ticks(entries: t.Mapping[str, t.Mapping[bytes, float]]) -> t.Dict[str, t.Mapping[bytes, int]]:
    """Return the entries (by table: key, and when it expires, in seconds since 1970, 0 for never) with ticks in place of times."""
    boot = boot_time()
    ticks: t.Dict[str, t.Mapping[bytes, int]] = {}
    for table, keys in entries.items():
        of = {when: ticks_of(when - boot) if when else 0 for when in set(keys.values())}
        ticks[table] = dict.fromkeys(keys, *of.values()) if len(of) == 1 else dict(zip(keys, map(of.__getitem__, keys.values())))
    return ticks
