# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things of a lab are: its run folder, its sockets, its cgroup. Two checkouts have two labs."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

ROOT = Path(__file__).resolve().parent.parent
FILES = Path(__file__).resolve().parent / "files"


@dataclass(frozen=True)
class Place:
    """The paths of one lab, all of which ``down`` removes."""

    run: Path

    @property
    def identity(self) -> str:
        """Tells this lab from that of another checkout on the same machine."""
        return hashlib.sha256(str(self.run).encode()).hexdigest()[:8]

    @property
    def record(self) -> Path:
        """Who runs the lab, written by ``up``."""
        return self.run / "lab.json"

    @property
    def state(self) -> Path:
        """How each host is doing, written by the supervisor."""
        return self.run / "state.json"

    @property
    def log(self) -> Path:
        """What the supervisor has to say."""
        return self.run / "supervisor.log"

    @property
    def ssh_config(self) -> Path:
        """For ssh and Ansible: how each host is reached."""
        return self.run / "ssh_config"

    @property
    def sockets(self) -> Path:
        """Of the shared ssh connections; short, since a socket's path is 107 bytes at most."""
        return Path(f"/run/vos-fastpath-lab-{self.identity}")

    @property
    def cgroup(self) -> Path:
        """The lab's folder in the machine's cgroup2 tree."""
        return cgroup2() / f"vos-fastpath-lab-{self.identity}"

    def console(self, host: str) -> Path:
        """What a host prints while it boots."""
        return self.run / f"console-{host}.log"


def here() -> Place:
    """The lab of this checkout, or the one that VOS_FASTPATH_RUN names."""
    return Place(Path(os.environ.get("VOS_FASTPATH_RUN") or ROOT / "lab" / "run").resolve())


def cgroup2() -> Path:
    """Where the machine has its cgroup2 tree: a systemd machine at /sys/fs/cgroup or, older, in unified/ below it."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return Path(fields[4])
    raise LabError("this machine has no cgroup2 mounted: mount it with 'mount -t cgroup2 cgroup2 /sys/fs/cgroup'")
