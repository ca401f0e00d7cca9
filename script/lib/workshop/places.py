# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are in the checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".cache"
REQUIREMENTS = ROOT / "requirements"
OUTPUT = ROOT / "tests" / "output"


def venv(name: str) -> Path:
    """The virtual environment of a tool family; the one that runs playbooks has the usual name."""
    return ROOT / (".venv" if name == "run" else f".venv-{name}")


def python(name: str) -> Path:
    """The interpreter of a tool family."""
    return venv(name) / "bin" / "python"
