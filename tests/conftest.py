# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the checkout importable as C(ansible_collections.vos.fastpath), wherever it lies and whatever it is called."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
WHERE = Path("ansible_collections", "vos", "fastpath")


def collections_tree() -> Path:
    """The folder that holds C(ansible_collections/vos/fastpath): our own where we lie in one, else one made of a link."""
    if ROOT.parts[-3:] == WHERE.parts:
        return ROOT.parents[2]
    keeper = tempfile.TemporaryDirectory(prefix="vos-fastpath-tree-")
    KEEPERS.append(keeper)
    link = Path(keeper.name, WHERE)
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT, target_is_directory=True)
    return Path(keeper.name)


KEEPERS: list[tempfile.TemporaryDirectory[str]] = []
"""They live as long as the test run, and take their folder with them."""

TREE = collections_tree()
sys.path.insert(0, str(TREE))
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(TREE)  # for the ansible-playbook that a test starts
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".cache" / "hypothesis"))  # else a folder in the checkout
settings.register_profile("checkout", deadline=None, print_blob=True)  # a busy machine is slow now and then: no finding
settings.load_profile("checkout")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def collections_path() -> Path:
    """What C(ANSIBLE_COLLECTIONS_PATH) is to be."""
    return TREE


@pytest.fixture
def note(capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says what was measured: on the screen, and in the report."""

    def noted(text: str) -> None:
        record_property("note", text)
        with capsys.disabled():
            print(f"\n  {text}")

    return noted
