# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel limit that all namespaces share: each systemd takes some inotify instances, all of root's."""

from __future__ import annotations

from pathlib import Path

from lab.plan import Fleet
from lab.progress import Progress

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
PER_HOST = 16


def lend(fleet: Fleet, progress: Progress) -> int:
    """Add what this fleet takes, beside whatever else runs here; how much that is, for ``take_back``."""
    share = PER_HOST * len(fleet.hosts)
    former = _change(share)
    progress.say(f"  fs.inotify.max_user_instances: {former + share} while the lab is up, {former} without")
    return share


def take_back(share: int) -> None:
    """What ``lend`` added; another lab keeps its own."""
    _change(-share)


def _change(by: int) -> int:
    former = int(INSTANCES.read_text())
    INSTANCES.write_text(str(former + by))
    return former
