# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of the XDP program, and that of everybody else."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick, seconds_of, ticks_of, ticks_per_second


def test_the_tick_is_one_that_linux_can_be_built_with() -> None:
    assert ticks_per_second() in (100, 250, 300, 1000)


def test_the_kernel_is_at_that_tick_now_or_was_a_moment_ago(real_host: None) -> None:
    timers = Path("/proc/timer_list")
    if not timers.exists():
        pytest.skip("this kernel does not tell its jiffies")
    now = re.search(r"^jiffies: (\d+)$", timers.read_text(), re.MULTILINE)
    assert now is not None
    late = ticks_of(time.monotonic()) - int(now.group(1))
    assert -2 <= late < ticks_per_second(), "ticks begin with the first one, some tenths of a second after the clock"


@given(st.floats(0, 1e9))
def test_a_time_comes_back_as_it_was_but_for_a_tick(monotonic: float) -> None:
    assert 0 <= monotonic - seconds_of(ticks_of(monotonic)) < 1.01 / ticks_per_second()


def test_the_current_tick_is_that_of_now() -> None:
    before = ticks_of(time.monotonic())
    assert before <= current_tick() <= ticks_of(time.monotonic())


def test_a_second_has_its_ticks() -> None:
    assert ticks_of(101) - ticks_of(100) == ticks_per_second()
    assert seconds_of(ticks_of(100)) == 100
