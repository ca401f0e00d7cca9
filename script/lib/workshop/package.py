# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as others get it: built from the checkout, installed from the tarball, used by its full names elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from workshop import places
from workshop.check import Check
from workshop.workspace import Workspace

HELPER = (sys.executable, "-B", places.ROOT / "script" / "lib", "tarball")
NAME = "vos.fastpath"


def checks(workspace: Workspace) -> Iterator[Check]:
    """Built where the environments and logs are, so that it shows when one of them slips in."""
    galaxy = places.venv("run") / "bin" / "ansible-galaxy"
    folder = workspace.folder_for("package")
    yield Check("build", (galaxy, "collection", "build", "--output-path", folder, places.ROOT), folder)
    tarball = next(iter(folder.glob("*.tar.gz")), folder / "no tarball was built")
    yield Check("contents", (*HELPER, "contents", tarball), folder)
    installed = folder / "collections"
    yield Check("install", (galaxy, "collection", "install", "--offline", "-p", installed, tarball), folder)
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "ANSIBLE_HOME": str(folder / "home")}
    yield Check("ansible-doc", (*HELPER, "docs", places.venv("run") / "bin" / "ansible-doc"), folder, environment)
    for playbook in sorted((places.ROOT / "playbooks").glob("*.yml")):
        yield _syntax(playbook, folder, environment)


def _syntax(playbook: Path, folder: Path, environment: dict[str, str]) -> Check:
    name = f"{NAME}.{playbook.stem}"
    argv = (places.venv("run") / "bin" / "ansible-playbook", "--syntax-check", "-i", "localhost,", name)
    return Check(f"syntax of {name}", argv, folder, environment)
