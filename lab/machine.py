# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as systemd-nspawn runs it: an overlay on the shared tree, a network namespace, a bpffs, a cgroup.

Runs inside the fleet's namespaces only; everything here is in the fleet's own /run and goes with it.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import network, seed
from lab.place import Place
from lab.plan import Fleet, Host
from lab.shell import run

FLEET = Path("/run/fleet")
TREE = FLEET / "tree"
CGROUP = Path("/sys/fs/cgroup")
REBOOT = 133
"""How systemd-nspawn says that the host wants to be started again."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    # The host may set its own network's sysctls. Never 1: that makes all of the machine's /proc/sys writable.
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
}


@dataclass(frozen=True)
class Machine:
    """A host and its folder."""

    host: Host

    @property
    def folder(self) -> Path:
        """Holds upper, work, root and bpf."""
        return FLEET / self.host.name

    def prepare(self, fleet: Fleet, place: Place) -> None:
        """The file system, once: it stays the same over reboots."""
        for name in ("upper", "work", "root", "bpf"):
            (self.folder / name).mkdir(parents=True)
        layers = f"lowerdir={TREE},upperdir={self.folder}/upper,workdir={self.folder}/work"
        run(["mount", "-t", "overlay", self.host.name, "-o", layers, str(self.folder / "root")])
        seed.seed(self.host, fleet, place, self.folder / "root")
        (CGROUP / self.host.name).mkdir()

    def boot(self, console: Path) -> int:
        """Plug it in and start it; the process id."""
        network.plug(self.host)
        run(["mount", "-t", "bpf", "bpf", str(self.folder / "bpf")])
        with console.open("ab") as output:
            process = subprocess.Popen(
                self._command(),
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: (CGROUP / self.host.name / "cgroup.procs").write_text(f"{os.getpid()}"),
            )
        return process.pid

    def unplug(self) -> None:
        """What a power cycle takes away: interfaces, and everything pinned."""
        network.unplug(self.host)
        run(["umount", str(self.folder / "bpf")])

    def _command(self) -> list[str]:
        return [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            f"--machine={self.host.name}",
            f"--directory={self.folder}/root",
            f"--network-namespace-path=/run/netns/{self.host.name}",
            f"--bind={self.folder}/bpf:/sys/fs/bpf",
            "--capability=all",
            "--system-call-filter=bpf perf_event_open",
            "--register=no",
            "--keep-unit",
            "--settings=no",
            "--console=passive",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
        ]
