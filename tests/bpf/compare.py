# SPDX-License-Identifier: GPL-3.0-or-later

"""Model and program side by side: the same world, the same frames, the same verdicts and the same counters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import NamedTuple

import grammar
import harness
from model import Entry, Model, Outcome, Settings, network

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

BATCH = 200
"""Counters are read once for so many frames; where they differ, each frame is run again on its own."""

SCOPES = ("off", "untrusted", "untrusted", "all")
STEALTH = (frozenset[bytes](), frozenset((b"OPTIONS",)), frozenset((b"OPTIONS",)), frozenset((b"other", b"OPTIONS")), frozenset((b"SUBSCRIBE",)))
EVERYTHING = frozenset(name.encode() for name in abi.METHODS)

_REASONS = {reason.name: index for index, reason in enumerate(abi.REASONS)}
_COUNTERS = {reason.name: reason.counter for reason in abi.REASONS}
_SLOTS = {key: index for index, (key, _words) in enumerate(abi.COUNTERS)}
_METHODS = {name: index for index, name in enumerate(abi.METHODS)}
_METHODS_AT = 4 * abi.REASON_SLOTS
_COUNTERS_AT = _METHODS_AT + abi.METHOD_SLOTS


class Difference(NamedTuple):
    """A frame on which they disagree."""

    frame: bytes
    wanted: str
    got: str
    linear: int | None = None


def expected(totals: list[int], outcome: Outcome, size: int) -> None:
    """Add to C(Program.totals()) what one packet adds."""
    if outcome.counted is None:
        return
    at = 2 * _REASONS[outcome.reason] + (2 * abi.REASON_SLOTS if outcome.counted == "would_drop" else 0)
    totals[at] += 1
    totals[at + 1] += size
    if outcome.method is not None:
        totals[_METHODS_AT + _METHODS[outcome.method]] += 1
    counter = "passed" if outcome.counted == "would_drop" else _COUNTERS[outcome.reason]
    assert counter is not None, outcome
    totals[_COUNTERS_AT + _SLOTS[counter]] += 1


def some_settings(random: Random) -> Settings:
    """A world: what is set and who is listed."""
    lists = {}
    for prefix in random.sample(grammar.PREFIXES, random.choice((0, 0, 1, 2, 6))):
        lists[network(prefix)] = random.choice(
            (Entry(allow_until=harness.FOREVER), Entry(allow_until=harness.FOREVER), Entry(block_until=harness.FOREVER),
             Entry(harness.FOREVER, harness.FOREVER), Entry(allow_until=1.0), Entry(1.0, harness.FOREVER), Entry(harness.FOREVER, 1.0))
        )  # fmt: skip
    return Settings(
        ports=grammar.PORTS,
        stealth=EVERYTHING if random.random() < 0.1 else random.choice(STEALTH),
        malformed=random.choice(SCOPES),
        audit=random.random() < 0.2,
        lists=lists,
    )


def apply(program: harness.Program, settings: Settings) -> None:
    """Make the kernel what the model is told."""
    program.forget()
    program.set(
        flags=abi.SETTING_AUDIT if settings.audit else 0,
        stealth_methods=harness.mask(*(name.decode() for name in settings.stealth)),
        malformed_scope=abi.MALFORMED_SCOPES.index(settings.malformed),
        rate_per_second=settings.rate,
        rate_burst=settings.burst,
    )
    for prefix, entry in settings.lists.items():
        program.list(str(prefix), allow=entry.allow_until, block=entry.block_until)


def one_by_one(program: harness.Program, model: Model, frame: bytes, now: float, linear: int | None = None) -> Difference | None:
    """Run one frame and look at everything."""
    before = program.totals()
    got = program.run(frame, linear=linear)
    outcome = model.judge(frame, now)
    wanted = [0] * len(before)
    expected(wanted, outcome, len(frame))
    added = [after - old for after, old in zip(program.totals(), before, strict=True)]
    if got == outcome.action and added == wanted:
        return None
    names = [reason.name for reason in abi.REASONS]
    counted = [names[at // 2 % abi.REASON_SLOTS] for at in range(0, _METHODS_AT, 2) if added[at]]
    methods = [abi.METHODS[at] for at in range(abi.METHOD_SLOTS) if added[_METHODS_AT + at]]
    slots = [abi.COUNTERS[at][0] for at in range(len(abi.COUNTERS)) if added[_COUNTERS_AT + at]]
    return Difference(frame, str(tuple(outcome)), f"{got} {counted} {methods} {slots}", linear)


def compare(program: harness.Program, settings: Settings, made: Iterable[tuple[bytes, int | None]], now: float) -> Difference | None:
    """Run frames, each with the size of its first buffer, and return the first on which they disagree."""
    model = Model(settings)
    apply(program, settings)
    batch: list[tuple[bytes, int | None]] = []
    wanted = [0] * len(program.totals())
    for frame, linear in made:
        outcome = model.judge(frame, now)
        if program.run(frame, linear=linear) != outcome.action:
            return one_by_one(program, model, frame, now, linear)
        expected(wanted, outcome, len(frame))
        batch.append((frame, linear))
        if len(batch) == BATCH:
            if program.totals() != tuple(wanted):
                break
            batch.clear()
    if program.totals() == tuple(wanted):
        return None
    found = (one_by_one(program, model, frame, now, linear) for frame, linear in batch)
    return next(difference for difference in found if difference)


def shrink(frame: bytes, differs: Callable[[bytes], bool]) -> bytes:
    """Return a smallest frame that still differs: without each stretch of bytes, or with it made plain."""
    size = max(1, len(frame) // 2)
    while size:
        at = 0
        while at < len(frame):
            shorter = frame[:at] + frame[at + size :]
            plain = frame[:at] + b"a" * len(frame[at : at + size]) + frame[at + size :]
            if len(shorter) >= 14 and differs(shorter):
                frame = shorter
            else:
                if plain != frame and differs(plain):
                    frame = plain
                at += size
        size //= 2
    return frame


def explain(program: harness.Program, settings: Settings, found: Difference, seed: str, now: float) -> str:
    """What a person needs to see a difference again."""
    model = Model(settings)

    def differs(frame: bytes) -> bool:
        return one_by_one(program, model, frame, now, found.linear) is not None

    smallest = shrink(found.frame, differs) if found.linear is None else found.frame
    again = one_by_one(program, model, smallest, now, found.linear) or found
    return (
        f"SIP_FUZZ_SEED={seed}\n{replace(settings, lists={})}\n{dict(settings.lists)}\nmodel:   {again.wanted}\n"
        f"program: {again.got}\nlinear:  {again.linear}\nsmallest frame ({len(smallest)} bytes): {smallest.hex()}\n{smallest!r}"
    )
