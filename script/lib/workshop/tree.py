# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection where Ansible's tools want it: ansible_collections/vos/fastpath, and nothing in it that git does not know."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from workshop import places

WHERE = Path("ansible_collections", "vos", "fastpath")


def files() -> list[str]:
    """What belongs to the checkout: tracked, or new and not ignored; deleted files are not there any more."""
    listing = ["git", "-c", f"safe.directory={places.ROOT}", "ls-files", "-coz", "--exclude-standard"]
    names = subprocess.run(listing, cwd=places.ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({name for name in names if name and (places.ROOT / name).is_file()})


def copy(target: Path) -> Path:
    """Copy the checkout into a folder; ansible-test resolves links, so a link would not do."""
    collection = target / WHERE
    for name in files():
        destination = collection / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(places.ROOT / name, destination, follow_symlinks=False)
    return collection
