# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send the collection's C files along with xdp_build, so that one task on the host does it all."""

from __future__ import annotations

import pathlib
import typing as t

from ansible.plugins.action import ActionBase

FILES = pathlib.Path(__file__).resolve().parents[2] / "files"


class ActionModule(ActionBase):
    """Fills in C(sources)."""

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module with the sources."""
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("sources") is None and arguments.get("state") != "absent":
            arguments["sources"] = {path.name: path.read_text("utf-8") for path in sorted(FILES.glob("*.[ch]"))}
        result.update(self._execute_module("vos.fastpath.xdp_build", module_args=arguments, task_vars=task_vars))
        return result
