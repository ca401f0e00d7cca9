# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run of the tests makes for itself, and removes at its end."""

from __future__ import annotations

import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from types import TracebackType

from workshop import places, tree


class Workspace:
    """A temporary folder, and the copy of the collection in it that Ansible's tools work on."""

    def __enter__(self) -> Workspace:
        self.folder = Path(tempfile.mkdtemp(prefix="vos-fastpath-test-"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @cached_property
    def collections(self) -> Path:
        """The folder that holds ansible_collections; copied when first asked for."""
        target = self.folder / "tree"
        tree.copy(target)
        return target

    @property
    def collection(self) -> Path:
        """The copy itself."""
        return self.collections / tree.WHERE

    def folder_for(self, name: str) -> Path:
        """A fresh folder in the workspace."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder

    @cached_property
    def home(self) -> Path:
        """A home folder for tools that write to it. It stays: what they make there takes a minute."""
        home = places.CACHE / "home"
        home.mkdir(parents=True, exist_ok=True)
        return home
