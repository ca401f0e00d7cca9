# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout's own Ansible, for which the checkout looks as if it were an installed collection."""

from __future__ import annotations

import os
from pathlib import Path

from lab.errors import LabError
from lab.place import FILES, ROOT
from lab.progress import Progress

COLLECTIONS = ROOT / ".cache" / "collections"
PROGRAMS = ROOT / ".venv" / "bin"


def set_up(progress: Progress) -> None:
    """Ansible in a virtual environment of the checkout."""
    with progress.step("setting up Ansible (script/setup run)") as log:
        if log.run([str(ROOT / "script" / "setup"), "run"]):
            raise LabError(f"script/setup run failed:\n{log.tail()}")


def environment(own_settings: bool) -> dict[str, str]:
    """The caller's, with a link where Ansible looks for collections; C(own_settings) keeps the caller's ANSIBLE_* and ansible.cfg."""
    link = COLLECTIONS / "ansible_collections" / "vos" / "fastpath"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.resolve() != ROOT:
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT, target_is_directory=True)
    kept = {k: v for k, v in os.environ.items() if own_settings or not k.startswith("ANSIBLE_")}
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": ":".join([str(COLLECTIONS), *filter(None, [kept.get("ANSIBLE_COLLECTIONS_PATH")])]),
        "LC_ALL": "C.UTF-8",
        **({} if own_settings else {"ANSIBLE_CONFIG": str(FILES / "ansible.cfg")}),
    }


def program(name: str, progress: Progress) -> Path:
    """One of Ansible's programs, which is there then."""
    found = PROGRAMS / name
    if not PROGRAMS.is_dir():
        set_up(progress)
    if not found.is_file():
        known = sorted(path.name for path in PROGRAMS.glob("ansible*"))
        raise LabError(f"'{name}' is no program of Ansible's: {', '.join(known)}")
    return found
