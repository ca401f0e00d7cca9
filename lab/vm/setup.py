# SPDX-License-Identifier: GPL-3.0-or-later
"""What virtual machines are started with, found out before the fleet is: the supervisor reads it from the run folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from lab.place import Place
from lab.plan import Fleet
from lab.progress import Progress
from lab.vm import accelerator, image

PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
    "xz": "xz-utils",
    "zstd": "zstd",
}
"""Program, and the Debian package that brings it."""


@dataclass(frozen=True)
class Setup:
    """How guests run, and the folder of each release's image."""

    accelerator: str
    images: dict[str, str]


def make(fleet: Fleet, progress: Progress) -> Setup:
    """The images, made if they are not there; and the accelerator that works."""
    systems = [host.system for host in fleet.hosts if host.system]
    images = {suite: image.ensure(suite, progress) for suite in dict.fromkeys(s.suite for s in systems)}
    chosen = accelerator.best(*image.kernel(images[systems[0].suite], systems[0]))
    progress.say(f"  virtual machines run by {chosen.upper()}")
    return Setup(chosen, {suite: str(folder) for suite, folder in images.items()})


def keep(place: Place, setup: Setup) -> None:
    """For the supervisor."""
    (place.run / "vms.json").write_text(json.dumps(asdict(setup)))


def read(place: Place) -> Setup:
    """In the supervisor."""
    return Setup(**json.loads((place.run / "vms.json").read_text()))
