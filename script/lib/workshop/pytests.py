# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts that are pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from workshop import places
from workshop.check import Check
from workshop.workspace import Workspace

PRIVATE = places.ROOT / "script" / "lib" / "workshop" / "private.sh"
"""Runs a command in namespaces of its own."""

ENVIRONMENTS = {"test": "pyroute2 0.9", "test-old": "pyroute2 0.7"}
"""Both kinds of pyroute2 there are: before 0.9.1 the XDP flags are encoded wrongly."""

COVERAGE = ("--cov=plugins", "--cov-branch", "--cov-report=term-missing:skip-covered")


def pytest(part: str, environment: str, *options: str, wrapper: tuple[str | Path, ...] = ()) -> Check:
    """pytest on the tests of a part, by the interpreter of an environment."""
    report = places.OUTPUT / part / f"{environment}.xml"
    program: tuple[str | Path, ...] = (*wrapper, places.python(environment), "-m", "pytest")
    argv = (*program, f"tests/{part}", "--durations=5", f"--junit-xml={report}", *options)
    return Check(f"pytest, {ENVIRONMENTS[environment]}", argv, report=report)


def unit(_workspace: Workspace) -> Iterator[Check]:
    """Every line and branch of plugins/; the least that pyproject.toml asks for fails the run."""
    yield pytest("unit", "test", *COVERAGE)
    yield pytest("unit", "test-old")


def private(part: str) -> Callable[[Workspace], Iterator[Check]]:
    """Tests that load programs and make interfaces: as root, where they cannot hurt the machine."""

    def checks(_workspace: Workspace) -> Iterator[Check]:
        yield pytest(part, "test", wrapper=(PRIVATE,))

    return checks


def plain(part: str) -> Callable[[Workspace], Iterator[Check]]:
    """Tests that make and remove their own namespaces."""

    def checks(_workspace: Workspace) -> Iterator[Check]:
        yield pytest(part, "test")

    return checks
