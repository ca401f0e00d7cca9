# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests notice mistakes: every broken copy of the program is caught by what is named for it.

C(cases): the named cases, also in audit and in several buffers. C(fuzz): generated frames. Anything else is a module of
tests, which runs on the broken object up to its first failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import cases
import compare
import grammar
import harness
import pytest
from model import Model, Settings
from mutants import MUTANTS, Mutant

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

HERE = Path(__file__).resolve().parent
WORLDS, FRAMES = 60, 1000


def caught_by_cases(broken: Path) -> bool:
    everything = [case.frame for case in cases.LAWFUL + cases.DROPPED]
    with harness.load(broken) as program:
        for settings in (Settings(), Settings(audit=True)):
            compare.apply(program, settings)
            if any(compare.one_by_one(program, Model(settings), frame, 0.0) for frame in everything):
                return True
    with harness.load(broken, frags=True) as program:
        compare.apply(program, Settings())
        return any(compare.one_by_one(program, Model(Settings()), frame, 0.0, max(14, len(frame) // 2)) for frame in everything)


def caught_by_fuzz(broken: Path) -> bool:
    with harness.load(broken, grammar.PORTS) as program:
        for seed in range(WORLDS):
            random = Random(seed)
            settings = compare.some_settings(random)
            made = ((grammar.frame(random)[: harness.LINEAR_MAX], None) for _time in range(FRAMES))
            if compare.compare(program, settings, made, time.monotonic()):
                return True
    return False


def caught_by_module(broken: Path, module: str, folder: Path) -> bool:
    argv = (sys.executable, "-m", "pytest", "-x", "-q", "--no-header", f"--basetemp={folder}", str(HERE / f"test_{module}.py"))
    environment = {**os.environ, "SIP_OBJECT": str(broken)}
    result = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, cwd=HERE.parents[1])
    assert result.returncode in (0, 1), result.stdout + result.stderr
    return "1 failed" in result.stdout


def caught(broken: Path, tests: str, folder: Path) -> bool:
    try:
        if tests == "cases":
            return caught_by_cases(broken)
        if tests == "fuzz":
            return caught_by_fuzz(broken)
    except FastpathError as refused:
        pytest.fail(f"the verifier caught it, so it is no mutant for a test: {refused}")
    return caught_by_module(broken, tests, folder)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(harness.FILES, tmp_path / "files"))
    text = (broken / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, "the mutation does not fit the source"
    (broken / mutant.file).write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    broken = harness.build_without_vmlinux(tmp_path / "broken.o", "clang", broken, "-w")
    assert caught(broken, mutant.tests, tmp_path / "run")


@pytest.mark.parametrize("tests", ["cases", "fuzz", "afxdp"])
def test_the_right_program_is_not_caught(object_file: Path, tests: str, tmp_path: Path) -> None:
    assert not caught(object_file, tests, tmp_path / "run")


def test_there_are_enough() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
