# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the proof: what each checks, what it needs, and when there is something to check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop import demo, integration, package, places, pytests, sanity, scenarios, static
from workshop.check import Check
from workshop.workspace import Workspace


@dataclass(frozen=True)
class Part:
    """A named group of checks."""

    name: str
    checks: Callable[[Workspace], Iterator[Check]]
    subject: str
    """The files that it is about, as a pattern: without one there is no such part yet."""
    needs: tuple[str, ...]
    """Parts of script/setup."""
    root: bool = False
    lacks: Callable[[], str] = str
    """What the machine lacks for it, in words."""

    def exists(self) -> bool:
        """Is there anything to check?"""
        return any(places.ROOT.glob(self.subject))


KNOWN = (
    Part("lint", static.lint, ".ansible-lint", ("lint",)),
    Part("types", static.types, "pyproject.toml", ("lint",)),
    Part("docs", static.docs, "plugins/modules/[!_]*.py", ("docs",)),
    Part("changelog", static.changelog, "changelogs/config.yaml", ("docs",)),
    Part("tools", pytests.plain("tools"), "tests/tools/**/test_*.py", ("test",)),
    Part("unit", pytests.unit, "tests/unit/**/test_*.py", ("test",)),
    Part("monitoring", pytests.plain("monitoring"), "tests/monitoring/**/test_*.py", ("test",)),
    Part("package", package.checks, "galaxy.yml", ("run",)),
    Part("bpf", pytests.private("bpf"), "tests/bpf/**/test_*.py", ("test",), root=True),
    Part("live", pytests.plain("live"), "tests/live/**/test_*.py", ("test",), root=True),
    Part("faults", pytests.plain("faults"), "tests/faults/**/test_*.py", ("test",), root=True),
    Part("modules", integration.checks, "tests/integration/targets/*/tasks/main.yml", ("test",), root=True),
    Part("sanity", sanity.checks, "tests/config.yml", ("test",)),
    Part("lab", pytests.plain("lab"), "tests/lab/**/test_*.py", ("run", "test"), root=True),
    Part("molecule", scenarios.molecule("molecule", "lab"), "molecule/lab/molecule.yml", ("molecule",), root=True),
    Part("demo", demo.checks, "script/demo", ("run", "test"), root=True),
    Part("vms", scenarios.molecule("vms", "default"), "molecule/default/molecule.yml", ("molecule",), root=True, lacks=scenarios.lacks_for_machines),
)
"""Quick ones first. What would touch the machine's network runs in namespaces of its own, or makes them (live, faults, lab, molecule, demo, vms)."""

NO_PYTESTS = {"integration", "output", "sanity"}
"""Folders of tests/ that are of other tools."""


def all_parts() -> list[Part]:
    """Those that exist, and one for each other folder of tests, so that none is forgotten."""
    names = {part.name for part in KNOWN}
    folders = {Path(test).relative_to(places.ROOT / "tests").parts[0] for test in (places.ROOT / "tests").glob("*/**/test_*.py")}
    strangers = sorted(folders - names - NO_PYTESTS)
    return [part for part in KNOWN if part.exists()] + [_stranger(name) for name in strangers]


def _stranger(name: str) -> Part:
    return Part(name, pytests.private(name), f"tests/{name}/**/test_*.py", ("test",), root=True)
