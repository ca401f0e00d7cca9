# SPDX-License-Identifier: GPL-3.0-or-later

"""The count at the end of script/test is right, whatever the tools leave behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from workshop import tally
from workshop.tally import Tally

JUNIT = """<testsuites><testsuite name="s">
<testcase classname="t" name="good"/>
<testcase classname="t" name="bad"><failure message="assert 1 == 2">much more</failure></testcase>
<testcase classname="t" name="broken"><error message="no such fixture"/></testcase>
<testcase classname="t" name="left"><skipped message="no such card"/></testcase>
<testcase classname="" name="t.file"><skipped message="collection skipped">('t/file.py', 3, 'Skipped: no data')</skipped></testcase>
<testcase classname="sanity" name="pslint"><skipped>No tests applicable.</skipped></testcase>
<testcase classname="sanity" name="pep8"><failure message="The test failed with 2 errors:">a.py:1: long
b.py:2: long</failure></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def junit(tmp_path: Path) -> Path:
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT)
    return path


def test_a_command_counts_one() -> None:
    assert str(tally.of_check(0, None)) == "1 passed, 0 failed, 0 skipped"
    assert str(tally.of_check(3, None)) == "0 passed, 1 failed, 0 skipped"


def test_a_report_counts_its_cases_and_keeps_their_reasons(junit: Path) -> None:
    found = tally.of_check(1, [junit])
    assert (found.passed, found.failed, found.skipped) == (1, 3, 2)
    assert found.failures == ("t.bad: assert 1 == 2", "t.broken: no such fixture", "sanity.pep8: a.py:1: long | b.py:2: long")
    assert found.skips == ("t.left: no such card", "t.file: ('t/file.py', 3, 'Skipped: no data')")


def test_a_test_that_takes_a_minute_is_named_whatever_its_end(tmp_path: Path) -> None:
    report = tmp_path / "slow.xml"
    report.write_text(
        '<testsuite><testcase classname="t" name="quick" time="59.94"/><testcase classname="t" name="long" time="2597.3"/>'
        '<testcase classname="t" name="bad" time="60"><failure message="no"/></testcase></testsuite>'
    )
    found = tally.of_check(1, [report])
    assert found == Tally(2, 1, 0, ("t.bad: no",), (), ("t.long: 2597 s", "t.bad: 60 s"))


def test_a_tool_that_fails_without_a_failing_test_has_failed(tmp_path: Path) -> None:
    """Coverage below its limit is like that, and so is a crash before the report."""
    green = tmp_path / "green.xml"
    green.write_text('<testsuite><testcase classname="t" name="good"/></testsuite>')
    assert str(tally.of_check(1, [green])) == "1 passed, 1 failed, 0 skipped"
    assert str(tally.of_check(1, [])) == "0 passed, 1 failed, 0 skipped"


def test_no_test_at_all_is_a_failure(tmp_path: Path) -> None:
    empty = tmp_path / "empty.xml"
    empty.write_text("<testsuite/>")
    assert tally.of_check(0, [empty]).failures == ("no test was found",)
    assert tally.of_check(0, []).failures == ("no test was found",)


def test_half_a_report_is_a_failure(tmp_path: Path) -> None:
    half = tmp_path / "half.xml"
    half.write_text("<testsuite><testcase")
    assert tally.of_check(0, [half]).failed == 1


def test_tallies_add_up() -> None:
    total = sum([tally.success(), tally.failure("a"), tally.skip("b"), tally.success()], Tally())
    assert total == Tally(2, 1, 1, ("a",), ("b",))
