# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of Debian packages that are not to be installed, because the package would start a server on the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def find_program(name: str, package: str, cache: Path) -> Path | None:
    """Return the root of the package's files: of the machine, if the program is there, or of the package, unpacked in the cache."""
    if shutil.which(name):
        return Path("/")
    if not (cache / "root").exists():
        cache.mkdir(parents=True, exist_ok=True)
        if not _download(package, cache):
            return None
    return cache / "root"


def _download(package: str, cache: Path) -> bool:
    """Fetch and unpack the package of this release; apt checks its signature. False where apt can't."""
    for command in (["apt-get", "download", package], ["apt-get", "update", "-q"], ["apt-get", "download", package]):
        subprocess.run(command, cwd=cache, capture_output=True, check=False)
        packages = sorted(cache.glob(f"{package}_*.deb"))
        if packages:
            unpacked = cache / "unpacked"
            done = subprocess.run(["dpkg-deb", "-x", str(packages[-1]), str(unpacked)], check=False).returncode == 0
            if done:
                unpacked.rename(cache / "root")
            packages[-1].unlink()
            return done
    return False
