# SPDX-License-Identifier: GPL-3.0-or-later

"""A broken environment is met, explained, and repaired by the next run; docs/faults.md says how, and is held to it."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.tests.faults.broken import FAULTS, Place
from ansible_collections.vos.fastpath.tests.faults.host import Host
from ansible_collections.vos.fastpath.tests.live.world import Outside

_FOREIGN = '#include <linux/bpf.h>\n__attribute__((section("xdp"), used)) int theirs(struct xdp_md *context) { return context ? 2 : 1; }\n'


@pytest.fixture(scope="session")
def documented(root: Path) -> dict[str, tuple[str, str]]:
    """The table of docs/faults.md."""
    lines = [line for line in (root / "docs" / "faults.md").read_text().splitlines() if line.startswith("| ")][1:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {name: (said, then) for name, said, then in rows}


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Somebody else's program."""
    target = str(tmp_path_factory.mktemp("foreign") / "foreign.bpf.o")
    command = ("clang", "-target", "bpf", "-O2", f"-I/usr/include/{platform.machine()}-linux-gnu", "-x", "c", "-", "-c", "-o", target)
    subprocess.run(command, input=_FOREIGN, text=True, check=True)
    return target


@pytest.fixture
def place(host: Host, outside: Outside, tmp_path: Path, foreign: str) -> Place:
    """Where it goes wrong."""
    return Place(host, outside, tmp_path, foreign)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_met_as_documented(place: Place, name: str, documented: dict[str, tuple[str, str]]) -> None:
    said, then = FAULTS[name](place)
    print(f"| {name} | {said} | {then} |")
    assert (said, then) == documented.get(name), "docs/faults.md says something else"


def test_every_fault_that_is_documented_is_tested(documented: dict[str, tuple[str, str]]) -> None:
    assert list(documented) == list(FAULTS)
