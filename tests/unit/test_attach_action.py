# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of attach_action.py, in a process of their own: with its controller part loaded, Ansible's modules warn elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).with_name("attach_action.py")


def test_a_change_is_confirmed_by_the_controller(root: Path) -> None:
    options = ("--import-mode=importlib", "-q", "-p", "no:cacheprovider")
    command = (sys.executable, "-m", "pytest", *options, str(EXAMPLES))
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
