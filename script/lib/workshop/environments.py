# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual environments, one for each family of tools: a single big one makes the resolver search for minutes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from workshop import places

FAMILIES = {
    "run": ("run",),
    "test": ("test", "test-old"),
    "lint": ("lint", "types"),
    "docs": ("docs",),
    "molecule": ("molecule",),
}
"""The environments of each part of script/setup; each is requirements/NAME.txt, pinned from NAME.in."""

STAMP = "requirements.sha256"
OLDEST = (3, 11)


class Unusable(Exception):
    """No environment can be made here."""


def interpreter() -> str:
    """The Python of the environments: the distribution's own, which is what an operator has; else the one that runs this."""
    for candidate in ("/usr/bin/python3", sys.executable):
        if Path(candidate).exists() and _version(candidate) >= OLDEST:
            return candidate
    raise Unusable("ansible-core 2.19 needs Python 3.11 or newer: run this by such a python3")


def _version(candidate: str) -> tuple[int, ...]:
    words = subprocess.run([candidate, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True)
    return tuple(int(word) for word in words.stdout.split())


def make(name: str, base: str) -> bool:
    """Make the environment unless it is as it should be; says whether there was anything to do."""
    stamp = places.venv(name) / STAMP
    state = _state(name, base)
    if stamp.is_file() and stamp.read_text() == state and places.python(name).exists():
        return False
    shutil.rmtree(places.venv(name), ignore_errors=True)
    _run(_uv(base), "venv", "--quiet", "--python", base, "--no-python-downloads", places.venv(name))
    requirements = places.REQUIREMENTS / f"{name}.txt"
    _run(_uv(base), "pip", "install", "--quiet", "--python", places.python(name), "-r", requirements)
    stamp.write_text(state)
    return True


def _state(name: str, base: str) -> str:
    """What an environment depends on; its scripts name the folder they are in, so a moved checkout makes it anew."""
    parts = (base, str(_version(base)), str(places.venv(name)), (places.REQUIREMENTS / f"{name}.txt").read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _uv(base: str) -> Path:
    """The installer, itself installed by pip in an environment of its own."""
    home = places.CACHE / "uv"
    program = home / "bin" / "uv"
    stamp = home / STAMP
    pinned = (places.REQUIREMENTS / "uv.txt").read_text()
    if not (stamp.is_file() and stamp.read_text() == pinned + str(home) and program.exists()):
        shutil.rmtree(home, ignore_errors=True)
        _run(base, "-m", "venv", home)
        _run(home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", places.REQUIREMENTS / "uv.txt")
        stamp.write_text(pinned + str(home))
    return program


def _run(*argv: str | Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")}
    done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = " ".join(str(word) for word in argv)
        raise Unusable(f"{words} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
