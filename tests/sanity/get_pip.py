# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the place of get-pip.py, which ansible-test would download: Python carries a pip of its own to begin with.

ansible-test runs it in an empty virtual environment, with C(pip==VERSION) among the options of C(pip install).
"""

from __future__ import annotations

import subprocess
import sys

UNKNOWN_TO_PIP = ("--no-setuptools", "--no-wheel")
"""Options of get-pip.py itself."""


def main(arguments: list[str]) -> int:
    """Unpack the pip that Python brings, and let it install the one that is asked for."""
    # In a process of its own: it switches off, in its environment, all that is set for pip (mirrors, certificates).
    subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
    wanted = [argument for argument in arguments if argument not in UNKNOWN_TO_PIP]
    return subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
