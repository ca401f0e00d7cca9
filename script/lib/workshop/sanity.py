# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test sanity, with every Python that is found here and a pip that comes with it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from workshop import places
from workshop.check import Check
from workshop.workspace import Workspace

VERSIONS = tuple(f"3.{minor}" for minor in range(9, 15))
"""Managed hosts from 3.9 on (tests/config.yml); ansible-test leaves out those it does not know."""

NO_SUCH_FILES = ("pslint",)
"""Tests of languages that nothing here is written in (PowerShell)."""

PIP = re.compile(r"\bpip='([0-9.]+)'")
"""How the source of ansible-test names the pip that it installs."""


def checks(workspace: Workspace) -> Iterator[Check]:
    """All of it; each test of each Python is counted by the JUnit files that it leaves."""
    tools = places.venv("test") / "bin"
    pythons = workspace.folder_for("pythons")
    for version in VERSIONS:
        found = find_python(version)
        if found:
            (pythons / f"python{version}").symlink_to(found)
    stand_in(workspace.home)
    environment = {"HOME": str(workspace.home), "PATH": f"{tools}:{pythons}:/usr/sbin:/usr/bin:/sbin:/bin"}
    argv: tuple[str | Path, ...] = (tools / "ansible-test", "sanity", "--local", "--junit", "--color", "no")
    for name in NO_SUCH_FILES:
        argv += ("--skip-test", name)
    yield Check("ansible-test", argv, workspace.collection, environment, report=workspace.collection / "tests" / "output" / "junit")


def find_python(version: str) -> Path | None:
    """An interpreter of this version: on the path, or among those that pyenv or uv keep (a shim of pyenv's is none)."""
    homes = (Path.home() / ".pyenv" / "versions", Path.home() / ".local" / "share" / "uv" / "python")
    kept = [path for home in homes for path in sorted(home.glob(f"*/bin/python{version}"))]
    on_path = [Path(folder, f"python{version}") for folder in os.get_exec_path() if "shims" not in folder]
    return next((path for path in (*on_path, *kept) if os.access(path, os.X_OK)), None)


def stand_in(home: Path) -> None:
    """Put get_pip.py where ansible-test looks before it downloads one, once for each pip that it may want."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in wanted_pips():
        shutil.copyfile(places.ROOT / "tests" / "sanity" / "get_pip.py", cache / f"get_pip_{version.replace('.', '_')}.py")


def wanted_pips() -> set[str]:
    """The versions that this ansible-test installs, in the words of its own source."""
    (source,) = (places.venv("test") / "lib").glob("python3*/site-packages/ansible_test/_internal/python_requirements.py")
    return set(PIP.findall(source.read_text()))
