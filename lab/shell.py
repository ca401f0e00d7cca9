# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs: run one, and when it fails say which, how, and what it said."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from lab.errors import LabError


def run(argv: Sequence[str], stdin: str | None = None, timeout: float = 60) -> str:
    """The standard output of a program that has to succeed."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise LabError(f"the program {argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv)}: no end after {timeout:.0f} s") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or "it said nothing"
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {said}")
    return done.stdout
