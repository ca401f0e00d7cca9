# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel limit that all namespaces share: each systemd takes some inotify instances, all of root's."""

from __future__ import annotations

from pathlib import Path

from lab.plan import Fleet
from lab.progress import Progress

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
PER_HOST = 16
OF_THE_MACHINE = 32


def raise_inotify(fleet: Fleet, progress: Progress) -> int | None:
    """Make room for the fleet; the former limit if it had to be raised, for ``down`` to put back."""
    former = int(INSTANCES.read_text())
    needed = OF_THE_MACHINE + PER_HOST * len(fleet.hosts)
    if former >= needed:
        return None
    INSTANCES.write_text(str(needed))
    progress.say(f"  fs.inotify.max_user_instances raised from {former} to {needed} while the lab is up")
    return former


def restore_inotify(former: int | None) -> None:
    """Put back what ``raise_inotify`` found."""
    if former is not None:
        INSTANCES.write_text(str(former))
