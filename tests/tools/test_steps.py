# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario's steps are counted and timed one by one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workshop import steps, tally

PROGRAM = """
print('INFO     [default > create] Executing')
print('PLAY [Start the machines]')
print('INFO     [default > create] Executed: Successful', flush=True)
print('INFO     [default > verify] Executing', flush=True)
if {fails}:
    sys.exit(3)
print('INFO     [default > verify] Executed: {end}')
"""


def run(report: Path, end: str = "Successful", fails: bool = False) -> int:
    program = "import sys" + PROGRAM.format(end=end, fails=fails)
    return steps.main([str(report), sys.executable, "-c", program])


FAILED = """
print('INFO     [lab > verify] Executing')
print('ERROR    [lab > verify] \\x1b[31mExecuted: Failed\\x1b[0m')
print('INFO     [lab > cleanup] Executing')
print('WARNING  [lab > cleanup] Executed: Missing playbook (Remove from test_sequence to suppress)')
print('INFO     [lab > destroy] Executing')
print('INFO     [lab > destroy] Executed: Successful')
"""


def test_a_step_that_fails_in_red_is_named_and_no_other(tmp_path: Path) -> None:
    report = tmp_path / "steps.xml"
    steps.main([str(report), sys.executable, "-c", FAILED])
    found = tally.of_check(1, [report])
    assert (str(found), found.failures) == ("1 passed, 1 failed, 0 skipped", ("verify: Failed",))


CHECKED = """
print('INFO     [lab > idempotence] Executing')
print('sbc1      : ok=9    changed=2    unreachable=0    failed=0')
print('INFO     [lab > idempotence] Executed: Successful')
print('INFO     [lab > check] Executing')
print('sbc1      : ok=9    changed=0    unreachable=0    failed=0')
print('sbc2      : ok=9    changed=2    unreachable=0    failed=0')
print('INFO     [lab > check] Executed: Successful')
"""


def test_a_change_that_check_mode_foretells_where_there_is_none_is_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "steps.xml"
    steps.main([str(report), sys.executable, "-c", CHECKED])
    assert tally.of_check(0, [report]).failures == ("check: sbc2: 2 changes are foretold where there are none",)


def test_a_step_whose_playbook_is_not_there_has_failed(tmp_path: Path) -> None:
    """Molecule goes on, and ends with 0: verify would be left out, and nobody would know."""
    report = tmp_path / "steps.xml"
    assert run(report, "Missing playbook (Remove from test_sequence to suppress)") == 0
    assert tally.of_check(0, [report]).failures == ("verify: Missing playbook (Remove from test_sequence to suppress)",)


def test_each_step_is_a_test_and_the_last_line_has_its_time(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "steps.xml"
    assert run(report) == 0
    assert str(tally.of_check(0, [report])) == "2 passed, 0 failed, 0 skipped"
    lines = capfd.readouterr().out.splitlines()
    assert lines[1] == "PLAY [Start the machines]"
    assert lines[-1] == "Steps: create 0 s, verify 0 s"


@pytest.mark.parametrize(("end", "fails", "why"), [("Failed", False, "Failed"), ("", True, "it came to no end")])
def test_a_step_that_fails_or_never_ends_is_named(tmp_path: Path, end: str, fails: bool, why: str) -> None:
    report = tmp_path / "steps.xml"
    status = run(report, end, fails)
    assert status == (3 if fails else 0)
    assert tally.of_check(status, [report]).failures == (f"verify: {why}",)
