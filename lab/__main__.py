# SPDX-License-Identifier: GPL-3.0-or-later
"""Run as a folder: ``python3 lab up``."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from lab.cli import main  # the folder above has to be on the path first

sys.exit(main(sys.argv[1:]))
