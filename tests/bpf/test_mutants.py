# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests notice mistakes: each broken copy of the program fails the module of tests that is named for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from mutants import MUTANTS, Mutant

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "files"
FUZZ_FRAMES = "60000"


@pytest.fixture(scope="module")
def header(workplace: Path) -> Path:
    """One vmlinux.h for all of them."""
    return harness.vmlinux(workplace)


def tests(module: str, sources: Path, header: Path) -> subprocess.CompletedProcess[str]:
    """Run a module of tests on these sources, up to the first failure."""
    environment = {**os.environ, "SIP_SOURCES": str(sources), "SIP_VMLINUX": str(header), "SIP_FUZZ_FRAMES": FUZZ_FRAMES, "SIP_FUZZ_SEED": ""}
    argv = (sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", str(HERE / f"test_{module}.py"))
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, cwd=HERE.parents[1])


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_is_caught(mutant: Mutant, tmp_path: Path, header: Path) -> None:
    broken = Path(shutil.copytree(SOURCES, tmp_path / "files"))
    text = (broken / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, "the mutation does not fit the source"
    (broken / mutant.file).write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    harness.build(tmp_path, sources=broken)
    result = tests(mutant.tests, broken, header)
    assert result.returncode == 1, result.stdout + result.stderr
    assert " failed" in result.stdout or "smallest frame" in result.stdout, result.stdout


def test_there_are_enough() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
