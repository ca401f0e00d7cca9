# SPDX-License-Identifier: GPL-3.0-or-later

"""One build for the whole run, one load for each way of loading, and a clean program for each test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import harness


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for objects and vmlinux.h."""
    return tmp_path_factory.mktemp("bpf")


@pytest.fixture(scope="session")
def object_file(workplace: Path) -> Path:
    """The program, compiled from files/; or another one, for the mutation check."""
    given = os.environ.get("SIP_OBJECT")
    return Path(given) if given else harness.build(workplace)


@pytest.fixture(scope="session")
def loaded(object_file: Path) -> Iterator[harness.Program]:
    with harness.load(object_file, af_xdp=True) as program:
        yield program


@pytest.fixture(scope="session")
def loaded_with_frags(object_file: Path) -> Iterator[harness.Program]:
    with harness.load(object_file, af_xdp=True, frags=True) as program:
        yield program


def clean(program: harness.Program) -> harness.Program:
    """Nothing listed, nothing counted, settings as the role has them."""
    program.forget()
    program.set(stealth_methods=harness.mask("OPTIONS"), malformed_scope=1)
    return program


@pytest.fixture
def program(loaded: harness.Program) -> harness.Program:
    return clean(loaded)


@pytest.fixture
def frags_program(loaded_with_frags: harness.Program) -> harness.Program:
    return clean(loaded_with_frags)
