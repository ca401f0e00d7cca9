# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario that is interrupted is ended with all that it has begun."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from workshop import check, places, scenarios, tree
from workshop.workspace import Workspace

MOLECULE = """#!{python}
import time
print('begun', flush=True)
try:
    time.sleep(1000)
except KeyboardInterrupt:
    print('cleaned', flush=True)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's folders, with a Molecule that waits until it is interrupted."""
    monkeypatch.setattr(places, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(places, "OUTPUT", tmp_path / "output")
    monkeypatch.setattr(places, "venv", lambda _name: tmp_path)
    monkeypatch.setattr(tree, "copy", lambda target: (target / tree.WHERE).mkdir(parents=True))
    molecule = tmp_path / "bin" / "molecule"
    molecule.parent.mkdir()
    molecule.write_text(MOLECULE.format(python=sys.executable))
    molecule.chmod(0o755)
    (tmp_path / "output" / "part").mkdir(parents=True)
    return tmp_path


def test_molecule_may_clean_up_when_the_run_is_interrupted(place: Path) -> None:
    def interrupt(_seconds: float, words: str) -> None:
        if words == "begun":
            raise check.Interrupted("SIGINT")

    log = place / "log"
    with Workspace() as workspace:
        (each,) = scenarios.molecule("part", "lab")(workspace)
        with pytest.raises(check.Interrupted):
            check.run(each, log, interrupt)
    assert log.read_text().splitlines()[1] == "cleaned"
    assert not [p for p in Path("/proc").iterdir() if p.name.isdigit() and str(place).encode() in _arguments(p)]


def _arguments(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes() if int(process.name) != os.getpid() else b""
    except OSError:
        return b""
