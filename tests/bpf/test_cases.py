# SPDX-License-Identifier: GPL-3.0-or-later

"""Lawful traffic passes, evasions do not: every named case on the model and on the program, counted where it belongs."""

from __future__ import annotations

import cases
import harness
import pytest
from compare import one_by_one
from model import DROPS, UNCOUNTED, Model, Settings

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

EVERY = pytest.mark.parametrize("case", cases.LAWFUL + cases.DROPPED, ids=lambda case: case.name)


@EVERY
def test_the_model_says_what_the_case_says(case: cases.Case) -> None:
    outcome = Model(Settings()).judge(case.frame)
    assert outcome.reason == case.reason, case.source


@EVERY
def test_the_program_says_what_the_case_says(program: harness.Program, case: cases.Case) -> None:
    assert program.run(case.frame) == ("drop" if case in cases.DROPPED else "pass"), case.source
    counted = {} if case.reason in UNCOUNTED else {case.reason: 1}
    assert program.counts().reasons == counted, case.source


@EVERY
def test_in_audit_nothing_is_dropped(program: harness.Program, case: cases.Case) -> None:
    program.set(flags=abi.SETTING_AUDIT, stealth_methods=harness.mask("OPTIONS"), malformed_scope=1)
    assert program.run(case.frame) == "pass"
    counts = program.counts()
    assert counts.would_drop == ({case.reason: 1} if case.reason in DROPS else {})
    assert counts.counters == ({} if case.reason in UNCOUNTED else {"passed": 1})


@EVERY
def test_several_buffers_make_no_difference(frags_program: harness.Program, case: cases.Case) -> None:
    for linear in sorted({14, 15, 33, 34, 41, 42, 43, 50, 62, len(case.frame) // 2, len(case.frame) - 1}):
        if 14 <= linear <= len(case.frame):
            found = one_by_one(frags_program, Model(Settings()), case.frame, 0.0, linear)
            assert found is None, f"first buffer of {linear} bytes: model {found.wanted}, program {found.got}"


def test_each_reason_has_a_case() -> None:
    named = {case.reason for case in cases.LAWFUL + cases.DROPPED}
    elsewhere = {"blocklist", "rate_limit", "redirect"}
    assert named == {reason.name for reason in abi.REASONS} - elsewhere


def test_case_names_are_unique() -> None:
    names = [case.name for case in cases.LAWFUL + cases.DROPPED]
    assert len(names) == len(set(names))
