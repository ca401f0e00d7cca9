# SPDX-License-Identifier: GPL-3.0-or-later

"""Python in a process of its own, where something is missing that the tests themselves have loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_HEAD = """
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
try:
%s
except FastpathError as error:
    print(error)
"""


def message_of(code: str, collections_path: Path, *wrapper: str) -> str:
    """Run code that uses the collection, and return what it printed, or the message of its error."""
    text = _HEAD % "\n".join("    " + line for line in code.splitlines())
    environment = {**os.environ, "PYTHONPATH": str(collections_path)}
    command = (*wrapper, sys.executable, "-c", text)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def without(path: str) -> tuple[str, ...]:
    """Return the words before a command that hide a file from it."""
    return ("unshare", "--mount", "sh", "-ec", 'mount --bind /dev/null "$0"; exec "$@"', path)
