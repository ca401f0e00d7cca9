# SPDX-License-Identifier: GPL-3.0-or-later

"""Counting: what a check found, from its exit status and from the JUnit files that it leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

NOTHING_TO_DO = "No tests applicable."
"""What ansible-test says where no file is of the kind that a test looks at: neither passed nor left out."""

WHOLE_FILE = "collection skipped"
"""What pytest says where a test file skips itself."""

SLOW = 60.0
"""Seconds from which on a single test is named: where a run takes long, one wants to know why."""


@dataclass(frozen=True)
class Tally:
    """How many, and the words about those that did not pass."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.failures + other.failures,
            self.skips + other.skips,
            self.slow + other.slow,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def success() -> Tally:
    """One check, passed."""
    return Tally(passed=1)


def failure(why: str) -> Tally:
    """One check, failed."""
    return Tally(failed=1, failures=(why,))


def skip(why: str) -> Tally:
    """One check, not made."""
    return Tally(skipped=1, skips=(why,))


def of_check(status: int, reports: Iterable[Path] | None) -> Tally:
    """What a check's end means; without reports it is one test, with them it is as many as they tell of."""
    if reports is None:
        return success() if status == 0 else failure(f"exit status {status}")
    try:
        tally = sum((of_report(path) for path in reports), Tally())
    except ElementTree.ParseError as error:
        return failure(f"exit status {status}, and its report is broken: {error}")
    if status != 0 and not tally.failed:
        return tally + failure(f"exit status {status}, though no test in it failed")
    if not (tally.passed or tally.failed or tally.skipped):
        return failure("no test was found")
    return tally


def of_report(path: Path) -> Tally:
    """The test cases of a JUnit file."""
    return sum((_of_case(case) for case in ElementTree.parse(path).iter("testcase")), Tally())


def _of_case(case: ElementTree.Element) -> Tally:
    name = ".".join(word for word in (case.get("classname"), case.get("name")) if word)
    seconds = float(case.get("time", 0.0))
    return replace(_end_of(case, name), slow=(f"{name}: {seconds:.0f} s",) if seconds >= SLOW else ())


def _end_of(case: ElementTree.Element, name: str) -> Tally:
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            return failure(f"{name}: {_first_line(found)}")
    found = case.find("skipped")
    if found is not None and NOTHING_TO_DO in (found.text or ""):
        return Tally()
    if found is not None:
        return skip(f"{name}: {_first_line(found)}")
    return success()


def _first_line(element: ElementTree.Element) -> str:
    """The reason in one line; ansible-test's message ends in a colon, and what it announces is the text, as pytest's is of a whole file."""
    message = (element.get("message") or "").strip()
    text = (element.text or "").strip()
    if message.endswith(":") or message == WHOLE_FILE:
        return " | ".join(text.splitlines()) or message
    return next(iter((message or text).splitlines()), "no reason given")
