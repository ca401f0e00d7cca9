# SPDX-License-Identifier: GPL-3.0-or-later

"""Run Molecule, and keep how long each step of its sequence took, since it doesn't say.

steps REPORT COMMAND [ARGUMENT…]     its output is passed on; REPORT is a JUnit file with a case for each step; the last line has all times
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

TOLD = re.compile(r"\S+\s+\[(?P<scenario>\S+) > (?P<step>\S+)\] (?P<what>Executing|Executed: (?P<end>.+))")
"""How Molecule announces a step, and says how it ended."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Of a step that failed Molecule speaks in colours, to a pipe too."""

GOOD = "Successful"
NOTHING_TO_DO = ("cleanup", "Missing playbook")
"""It cleans up after a failure, whether the scenario has anything for that or not. Of any other step that is a playbook that was not found."""

RECAP = re.compile(r"(?P<host>\S+)\s+: ok=\d+\s+changed=(?P<changed>\d+)\s+unreachable=")
FORETELLING = "check"
"""The step that comes after converge and idempotence: it has nothing to foretell, and Molecule does not look."""

HEAD = "Steps: "
"""What the last line begins with."""


@dataclass(frozen=True)
class Step:
    """A step that was begun."""

    name: str
    end: str
    """In Molecule's word; empty where it came to no end."""
    seconds: float


def main(arguments: Sequence[str]) -> int:
    """Do what the module says; the exit status is the command's."""
    report, *argv = arguments
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # it is the command's to end, and ours to tell how far it came
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        assert process.stdout is not None
        steps = list(timed(passed_on(process.stdout)))
    write(Path(report), steps)
    print(HEAD + ", ".join(f"{step.name} {step.seconds:.0f} s" for step in steps))
    return process.returncode


def passed_on(lines: Iterable[str]) -> Iterator[str]:
    """The lines, as they come, on our own output too."""
    for line in lines:
        sys.stdout.write(line)
        sys.stdout.flush()
        yield line


def timed(lines: Iterable[str]) -> Iterator[Step]:
    """The steps that the lines tell of, each when it is over."""
    name, begin, foretold = "", 0.0, ""
    for line in map(plain, lines):
        told, recap = TOLD.match(line), RECAP.match(line)
        if recap and name == FORETELLING and recap["changed"] != "0":
            foretold = f"{recap['host']}: {recap['changed']} changes are foretold where there are none"
        if told and told["end"] is None:
            name, begin, foretold = told["step"], time.monotonic(), ""
        elif told and name:
            step = Step(name, foretold or told["end"].strip(), time.monotonic() - begin)
            if not (step.name == NOTHING_TO_DO[0] and step.end.startswith(NOTHING_TO_DO[1])):
                yield step
            name = ""
    if name:
        yield Step(name, "", time.monotonic() - begin)


def plain(line: str) -> str:
    """Without colours."""
    return COLOURS.sub("", line)


def write(report: Path, steps: Iterable[Step]) -> None:
    """As JUnit has it."""
    suite = ElementTree.Element("testsuite", name="molecule")
    for step in steps:
        case = ElementTree.SubElement(suite, "testcase", name=step.name, time=f"{step.seconds:.1f}")
        if step.end != GOOD:
            ElementTree.SubElement(case, "failure", message=step.end or "it came to no end")
    ElementTree.ElementTree(suite).write(report, encoding="unicode")
