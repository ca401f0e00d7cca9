# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the tarball of the collection, and what an installation of it can tell: two checks of the part C(package)."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from workshop import places, tree

MADE_BY_THE_BUILD = {"MANIFEST.json", "FILES.json"}
NOT_SHIPPED = ("galaxy.yml", ".ci/", ".gitignore")
"""What belongs to the checkout only (galaxy.yml becomes MANIFEST.json)."""

NAME = "vos.fastpath"


def main(arguments: Sequence[str]) -> int:
    """contents TARBALL, or docs ANSIBLE-DOC; says what is wrong, a line for each."""
    check, path = arguments
    wrong = list(contents(Path(path)) if check == "contents" else undocumented(Path(path)))
    print("\n".join(wrong) or "all is well")
    return 1 if wrong else 0


def contents(tarball: Path) -> Iterable[str]:
    """All that git knows, and nothing else."""
    with tarfile.open(tarball) as archive:
        shipped = {member.name for member in archive if member.isfile()} - MADE_BY_THE_BUILD
    expected = {name for name in tree.files() if not name.startswith(NOT_SHIPPED)}
    yield from (f"shipped, though git does not know it: {name}" for name in sorted(shipped - expected))
    yield from (f"not shipped: {name}" for name in sorted(expected - shipped))


def undocumented(program: Path) -> Iterable[str]:
    """Modules and roles of the checkout that the installed collection cannot explain."""
    modules = [path.stem for path in sorted((places.ROOT / "plugins" / "modules").glob("[!_]*.py"))]
    roles = [path.parent.parent.name for path in sorted((places.ROOT / "roles").glob("*/meta/argument_specs.yml"))]
    for kind, names in (("module", modules), ("role", roles)):
        for name in names:
            answer = _ask(program, kind, f"{NAME}.{name}")
            if f"{NAME}.{name}" not in answer:
                yield f"ansible-doc knows no {kind} {NAME}.{name}"


def _ask(program: Path, kind: str, name: str) -> dict[str, object]:
    asked = subprocess.run([program, "--json", "-t", kind, name], capture_output=True, text=True, check=False)
    sys.stderr.write(asked.stderr)
    answer: dict[str, object] = json.loads(asked.stdout or "{}")
    return {key: value for key, value in answer.items() if value and "error" not in str(value)[:12]}
