# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration, as an operator runs it: twice, for the second run is to work like the first."""

from __future__ import annotations

from collections.abc import Iterator

from workshop import places
from workshop.check import Check
from workshop.workspace import Workspace


def checks(_workspace: Workspace) -> Iterator[Check]:
    """It ends with 0 only where every one of its own checks held."""
    for name in ("first run", "second run"):
        reports = places.OUTPUT / "demo" / name.replace(" ", "-")
        yield Check(name, (places.ROOT / "script" / "demo", "--reports", reports))
