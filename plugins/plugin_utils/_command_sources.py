# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the command for the host is made of: the units that the modules are made of, without Ansible."""

from __future__ import annotations

import pathlib
import typing as t

__all__ = ("sources",)

UNITS = pathlib.Path(__file__).resolve().parents[1] / "module_utils"
PACKAGE = pathlib.PurePath("ansible_collections", "vos", "fastpath", "plugins", "module_utils")
NOT_FOR_THE_COMMAND = ("_tasks.py",)
"""What imports Ansible."""

MAIN = """\
import sys
from ansible_collections.vos.fastpath.plugins.module_utils._command import main
sys.exit(main())
"""


def sources() -> t.Dict[str, str]:
    """Return what the command is made of, by path in its zip."""
    found = {str(PACKAGE / path.name): path.read_text("utf-8") for path in UNITS.glob("_*.py") if path.name not in NOT_FOR_THE_COMMAND}
    packages = (PACKAGE, *PACKAGE.parents[:-1])
    return {"__main__.py": MAIN, **found, **{str(package / "__init__.py"): "" for package in packages}}
