# SPDX-License-Identifier: GPL-3.0-or-later

"""The scenarios of molecule/: the fleet of namespaces, and virtual machines where there is what they take."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from workshop import packages, places
from workshop.check import Check
from workshop.workspace import Workspace

LIMIT = "35m"
"""Some ten minutes on an idle machine of two cores without KVM; more on one that is busy, or has to make the disks first. This ends what hangs."""

PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "debootstrap": "debootstrap"}
"""What script/lab installs where it is missing, and the packages that bring it."""

MEMORY = 4 << 30
DISK = 12 << 30
"""What the machines take, and the trees that their disks are made of; in bytes."""


def molecule(part: str, name: str) -> Callable[[Workspace], Iterator[Check]]:
    """All of a scenario, which is a part; its hosts are taken down however it ends."""

    def checks(workspace: Workspace) -> Iterator[Check]:
        tools = places.venv("molecule") / "bin"
        surroundings = {
            "ANSIBLE_COLLECTIONS_PATH": str(workspace.collections),
            "HOME": str(workspace.home),
            "PATH": f"{tools}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "VOS_FASTPATH_CACHE": str(cache()),
            "VOS_FASTPATH_RUN": str(places.CACHE / f"molecule-{name}"),
        }
        report = places.OUTPUT / part / "steps.xml"
        # timeout comes first: leading the session it stays in our group, so that an interrupt reaches all that it has begun.
        timed = ("timeout", "--signal=INT", "--kill-after=60", LIMIT, sys.executable, "-B", places.ROOT / "script" / "lib", "steps", report)
        argv = (*timed, tools / "molecule", "test", "--scenario-name", name)
        try:
            yield Check(name, argv, workspace.collection, surroundings, report)
        finally:
            subprocess.run([places.ROOT / "script" / "lab", "down"], env={**os.environ, **surroundings}, check=False, capture_output=True)

    return checks


def cache() -> Path:
    """Where script/lab keeps trees and disks, whatever home it is given."""
    return Path(os.environ.get("VOS_FASTPATH_CACHE") or Path.home() / ".cache" / "vos-fastpath").resolve()


def lacks_for_machines() -> str:
    """What virtual machines would take and is not there, in words; empty where all is."""
    if os.uname().machine != "x86_64":
        return f"the machines are x86_64, and this is {os.uname().machine}"
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None and not packages.available(package):
            return f"no {program}, and no package {package} that would bring it"
    if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < MEMORY:
        return f"less than {MEMORY >> 30} GB of memory"
    there = next(folder for folder in (cache(), *cache().parents) if folder.is_dir())
    if shutil.disk_usage(there).free < DISK:
        return f"less than {DISK >> 30} GB are free below {there}"
    return ""
