# SPDX-License-Identifier: GPL-3.0-or-later

"""Model and program agree on generated frames, on the verdict and on every counter.

C(SIP_FUZZ_FRAMES) says how many (1,000,000), C(SIP_FUZZ_SEED) repeats one world that was found to differ.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import compare
import grammar
import harness
import pytest
from compare import Difference, explain, shrink, some_settings
from compare import compare as run

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

FRAMES = int(os.environ.get("SIP_FUZZ_FRAMES", "1000000"))
ONLY = os.environ.get("SIP_FUZZ_SEED")
PER_WORLD = 2000
IN_BUFFERS = 10
"""One frame in so many also runs in several buffers."""


def seeds(frames: int, start: str) -> Iterator[str]:
    """Names of worlds: the one that is asked for, or fresh ones."""
    if ONLY:
        yield ONLY
        return
    fresh = f"{start}-{time.time_ns():x}"
    for number in range(max(1, frames // PER_WORLD)):
        yield f"{fresh}-{number}"


def fuzz(program: harness.Program, frames: int, start: str, buffers: bool) -> Counter[str]:
    """Compare so many frames; fail with the smallest that differs. Return how often each reason was given."""
    seen: Counter[str] = Counter()
    for seed in seeds(frames, start):
        random = Random(seed)
        settings = some_settings(random)
        frames = (grammar.frame(random) for _time in range(PER_WORLD))
        if buffers:
            made = ((frame, random.randint(14, min(len(frame), harness.LINEAR_MAX))) for frame in frames)
        else:
            made = ((frame[: harness.LINEAR_MAX], None) for frame in frames)
        now = time.monotonic()
        found = run(program, settings, made, now)
        assert found is None, explain(program, settings, found, seed, now)
        counts = program.counts()
        seen.update(counts.reasons)
        seen.update(counts.would_drop)
    return seen


def test_they_agree(object_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with harness.load(object_file, grammar.PORTS) as program:
        began = time.monotonic()
        seen = fuzz(program, FRAMES, "plain", buffers=False)
    with capsys.disabled():
        print(f"\n{FRAMES} frames compared in {time.monotonic() - began:.0f} s: {dict(seen.most_common())}")
    if not ONLY and FRAMES >= 100_000:
        counted = {reason.name for reason in abi.REASONS if reason.counter} - {"rate_limit", "redirect"}
        assert set(seen) == counted, "the grammar no longer reaches every row"


def test_they_agree_on_several_buffers(object_file: Path) -> None:
    with harness.load(object_file, grammar.PORTS, frags=True) as program:
        fuzz(program, FRAMES // IN_BUFFERS, "buffers", buffers=True)


def test_a_difference_is_found_and_shrunk(object_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the model that OPTIONS is no registered method, and the comparison has to notice."""
    monkeypatch.setattr("model.REGISTERED", frozenset((b"INVITE",)))
    with harness.load(object_file, grammar.PORTS) as program, pytest.raises(AssertionError, match="smallest frame") as failure:
        fuzz(program, 20_000, "wrong", buffers=False)
    assert "SIP_FUZZ_SEED=wrong-" in str(failure.value) or ONLY


def test_a_seed_makes_the_same_frames_again() -> None:
    once, again = Random("seed"), Random("seed")
    assert [grammar.frame(once) for _time in range(100)] == [grammar.frame(again) for _time in range(100)]


def test_shrinking_keeps_what_matters() -> None:
    found = shrink(b"x" * 100 + b"OPTIONS" + b"y" * 100, lambda frame: b"OPTIONS" in frame)
    assert found.replace(b"a", b"").replace(b"x", b"").replace(b"y", b"") == b"OPTIONS"
    assert len(found) == 14


def test_what_one_packet_adds_is_told_apart() -> None:
    totals = [0] * (4 * abi.REASON_SLOTS + abi.METHOD_SLOTS + len(abi.COUNTERS))
    compare.expected(totals, compare.Outcome("drop", "stealth", "reasons", "OPTIONS"), 100)
    assert sum(totals) == 1 + 100 + 1 + 1
    assert Difference(b"", "", "").linear is None
