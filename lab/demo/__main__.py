# SPDX-License-Identifier: GPL-3.0-or-later
"""Run as a folder: ``python3 lab/demo``."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from lab.demo.cli import main  # the folder two above has to be on the path first

sys.exit(main(sys.argv[1:]))
