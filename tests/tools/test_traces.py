# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that leaves something behind is told of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workshop import traces


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of which the machinery believes that it is its own; the rest of the machine is not looked at."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr("workshop.places.ROOT", tmp_path)
    monkeypatch.setattr(traces, "LOOKS", {"file": traces.LOOKS["file"]})
    return tmp_path


def test_a_new_file_is_seen(checkout: Path) -> None:
    before = traces.found()
    (checkout / "forgotten").touch()
    assert traces.left(before, patience=0) == ["file ?? forgotten"]


def test_what_was_there_before_is_not_ours(checkout: Path) -> None:
    (checkout / "older").touch()
    assert traces.left(traces.found(), patience=0) == []


def test_what_goes_away_in_time_is_not_left(checkout: Path) -> None:
    before = traces.found()
    (checkout / "passing").touch()
    remover = subprocess.Popen(["sh", "-c", f"sleep 0.7; rm '{checkout}/passing'"])
    assert traces.left(before, patience=5) == []
    assert remover.wait() == 0


@pytest.mark.parametrize("kind", ["mount", "interface"])
def test_every_machine_has_some(kind: str) -> None:
    assert traces.LOOKS[kind]()
